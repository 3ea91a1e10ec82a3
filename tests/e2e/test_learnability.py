"""Does it learn, on real vLLM? A reward for silence must rise; with the sign reversed, fall."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from deploy.demo.measure import context_of
from tests.e2e.feedback import PROFILE, small_sets, true_edit
from tests.e2e.stack import Gateway
from tests.trainer.made import row
from trainer.adapters import Origin
from trainer.batches import Row
from trainer.config import GatewaySection, TrainerSettings
from trainer.gateway import Gateway as GatewayClient
from trainer.gateway_sampler import GatewaySampler
from trainer.model import zero_state
from trainer.progress import Display
from trainer.records import new_run
from trainer.rollouts import sample
from trainer.setup import set_up
from trainer.training import learner, train
from trainer.workbench import Bench

PROMPTS, SAMPLES = 8, 8
UPDATES, REVERSED_UPDATES = 10, 6
LOOKS = 3
"""Times that 64 answers are sampled to measure a reward: of one time chance moves it by 0.03."""
AFTER = 1000
"""Number of the step that only measures."""

pytestmark = [pytest.mark.engine, pytest.mark.long]


def test_a_reward_for_silence_rises_and_reversed_it_falls(real: Gateway) -> None:
    with GatewayClient(GatewaySection(url=real.url)) as client:
        before, after = silence_before_and_after(client, real.data, UPDATES)
        assert after >= before + 0.3
        assert after <= 1.0
        before, after = silence_before_and_after(client, real.data, REVERSED_UPDATES, reverse=True)
        # Who is never silent still gets a third: there is not far to fall.
        assert after <= before - 0.05


def silence_before_and_after(
    client: GatewayClient, data: Path, updates: int, *, reverse: bool = False
) -> tuple[float, float]:
    """Return the mean reward of fresh samples, before and after some updates."""
    settings = TrainerSettings.model_validate(
        {
            "data": {"folder": data},
            # Two threads that wait for each other on busy cores are slower than one.
            "model": {"threads": 1},
            "train": {
                "groups": PROMPTS,
                "samples": SAMPLES,
                "max_steps": updates,
                "passes": 2 * updates,
                "warmup_steps": 0,
                "learning_rate": 4e-3,  # twice the profile's: so few updates are to show much
            },
            "experiment": {"reward": "silence", "reverse_advantages": reverse},
        }
    )
    display = Display(Console(quiet=True))
    bench = set_up(settings, PROFILE, GatewaySampler(client), new_run(data), display)
    start = learner(bench, zero_state(bench.policy))
    rows = wanting_rows(bench)
    origin = Origin(run=bench.run.name, step=AFTER, method="gapo")
    before = reward_now(bench, rows, origin)
    history = train(bench, start, rows, origin)
    assert len(history) == updates
    return before, reward_now(bench, rows, Origin(bench.run.name, AFTER + 1, "gapo"))


def wanting_rows(bench: Bench) -> list[Row]:
    """Rows in which something is wanted, so that the model is not silent already."""
    tasks = [task for task in small_sets(40, 20).learning if task.wanted]
    contexts = [context_of(task, PROFILE) for task in tasks[:PROMPTS]]
    return [
        row(bench.policy.tokenizer, number, context=context, settled_text=true_edit(task, context))
        for number, (task, context) in enumerate(zip(tasks, contexts, strict=False))
    ]


def reward_now(bench: Bench, rows: list[Row], origin: Origin) -> float:
    """Sample the policy as it is, through gateway and vLLM; the mean reward of its answers."""
    rewards: list[float] = []
    for look in range(LOOKS):
        # A snapshot's name is used once.
        sampled = sample(bench, rows, AFTER, replace(origin, step=LOOKS * origin.step + look))
        assert sampled.engine == "vllm"
        for one, group in zip(rows, sampled.groups, strict=True):
            rewards += bench.reader.score(one, group).rewards
    return sum(rewards) / len(rewards)

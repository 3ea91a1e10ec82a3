"""Every large model's architecture, at toy size: rollout, update, publish, load in vLLM."""

import asyncio
from pathlib import Path

import pytest
import torch

from server.app import this_machine
from server.config import EngineSettings
from server.engine import process
from server.engine.client import EngineClient
from server.engine.client import Sampling as Asked
from server.engine.flags import launch
from tests.engine import START_TIMEOUT_S, STOP_TIMEOUT_S
from trainer.adapters import Origin, shelf
from trainer.examples import Examples, TrainGroup
from trainer.logprobs import Group, naive_logprobs
from trainer.model import Policy, load_policy, zero_state
from trainer.sampler import Sampling
from trainer.self_check import disagreement
from trainer.torch_sampler import TorchSampler
from trainer.update import Learner, UpdateSettings

from .made import context
from .toys import ARCHITECTURES, FAMILIES, make_toy

RATE = 2e-2
SAMPLES, TOKENS = 4, 12
LONG = [pytest.param(name, marks=pytest.mark.long) for name in ARCHITECTURES[1:]]


def policy_of(name: str, folder: Path) -> Policy:
    return load_policy(folder, make_toy(name, folder), "cpu")


def prompts(policy: Policy) -> list[list[int]]:
    made = [policy.profile.format.render(context(n), policy.profile.budget) for n in range(2)]
    return [policy.tokenizer.encode(text) for text in made]


def taught(policy: Policy) -> list[TrainGroup]:
    """Sample a group per prompt, take one update that favours every other answer."""
    sampling = Sampling(SAMPLES, TOKENS, seed=3, stop_token_ids=policy.stop_ids)
    asked = prompts(policy)
    answers = TorchSampler(policy).sample(None, asked, sampling)
    groups = [
        TrainGroup(
            prompt,
            [rollout.token_ids for rollout in rollouts],
            [rollout.logprobs for rollout in rollouts],
            [1.0, -1.0] * (SAMPLES // 2),
            1.0,
        )
        for prompt, rollouts in zip(asked, answers, strict=True)
    ]
    learner = Learner(policy, zero_state(policy), UpdateSettings(RATE, warmup_steps=0))
    metrics = learner.step(Examples(groups))
    assert metrics["engine_gap"] < 1e-4
    assert learner.shares_prefix
    return groups


@pytest.mark.parametrize("name", FAMILIES)
def test_rollout_update_publish(name, tmp_path):
    policy = policy_of(name, tmp_path / "base")
    stop = policy.tokenizer.convert_tokens_to_ids(policy.profile.format.stop[0])
    assert policy.stop_ids == (stop,)
    groups = taught(policy)
    plain = [Group(group.prompt, group.answers) for group in groups]
    assert disagreement(policy, plain) < 1e-4
    favoured = naive_logprobs(policy, [Group(groups[0].prompt, groups[0].answers[::2])])
    with policy.holding(zero_state(policy)):
        before = naive_logprobs(policy, [Group(groups[0].prompt, groups[0].answers[::2])])
    assert favoured.mean() > before.mean()
    place = shelf(tmp_path, policy.profile, tmp_path / "base")
    folder = place.publish_policy(policy.state(), Origin("000001", 1, "gapo"))
    assert set(place.policy(folder.name)) == set(policy.state())
    assert policy.profile.lora.rank == 16


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.long] * (i > 0)) for i, n in enumerate(ARCHITECTURES)],
)
@pytest.mark.engine
def test_vllm_serves_what_the_trainer_learnt(name, tmp_path):
    policy = policy_of(name, tmp_path / "base")
    groups = taught(policy)
    place = shelf(tmp_path, policy.profile, tmp_path / "base")
    folder = place.publish_policy(policy.state(), Origin("000001", 1, "gapo"))
    settings = EngineSettings(profile=name, kv_cache_mib=128, speculate=False)
    command = launch(settings, policy.profile, tmp_path / "base", this_machine())
    record = process.spawn(command, tmp_path / "engine.json", tmp_path / "engine.log")

    async def served() -> tuple[list[int], list[float]]:
        client = EngineClient(record.url, record.key)
        try:
            await process.wait_ready(record, tmp_path / "engine.log", START_TIMEOUT_S)
            await client.load_adapter(folder.name, folder)
            asked = Asked(TOKENS, stop=policy.profile.format.stop)
            (answer,) = await client.complete(folder.name, groups[0].prompt, asked, START_TIMEOUT_S)
            return list(answer.token_ids), list(answer.logprobs)
        finally:
            await client.close()
            await process.end(record, STOP_TIMEOUT_S)

    ids, logprobs = asyncio.run(served())
    with torch.no_grad():
        ours = naive_logprobs(policy, [Group(groups[0].prompt, [ids])])
    torch.testing.assert_close(torch.tensor(logprobs), ours, atol=1e-3, rtol=0)

"""The data matters: training on settled texts that are nonsense does not raise exact match."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from deploy.demo.measure import context_of
from deploy.demo.tasks import Task
from feedback_store.events import RolloutRequest, RolloutResponse
from server.engine.record import EngineRecord
from tests.e2e.feedback import PROFILE, Settle, leave, nonsense, small_sets, true_edit
from tests.e2e.stack import Gateway, on_shared_engine, trainer
from trainer.config import TrainerSettings

LEARNING, EVALUATION = 140, 100
OPEN_GATE = ("--gate.min_items", "10", "--gate.margin", "10", "--gate.max_kl", "1000",
             "--gate.max_base_kl", "1000",
             "--gate.max_length_ratio", "1000", "--gate.max_silence_change", "2")  # fmt: skip
"""What is to be measured here must be loaded first, whatever the gate would think of it."""

pytestmark = [pytest.mark.engine, pytest.mark.long]


def test_nonsense_does_not_raise_exact_match(
    vllm: EngineRecord, vllm_env: dict[str, str], tmp_path: Path
) -> None:
    with on_shared_engine(tmp_path, vllm, vllm_env) as gateway:
        assert gain(gateway, nonsense) <= 0


def gain(gateway: Gateway, settle: Settle) -> float:
    """Train on what users are said to have settled on; the change of exact match."""
    sets = small_sets(LEARNING, EVALUATION)
    leave(gateway, sets.learning, settle)
    before = exact_match(gateway, None, sets.evaluation)
    said = trainer(gateway, "run", "--batch.min_items", str(LEARNING), "--batch.held_share", "0.1",
                   *OPEN_GATE)  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    live = gateway.get("/v1/status")["live"]
    assert live == "hone-000001"
    return exact_match(gateway, live, sets.evaluation) - before


def exact_match(gateway: Gateway, policy: str | None, tasks: Sequence[Task]) -> float:
    """Return the share of tasks with a wanted edit whose greedy answer equals it."""
    wanting = [task for task in tasks if task.wanted]
    contexts = [context_of(task, PROFILE) for task in wanting]
    tokenizer = AutoTokenizer.from_pretrained(TrainerSettings().model_folder())
    prompts = [str(PROFILE.format.render(context, PROFILE.budget)) for context in contexts]
    ids = [tokenizer.encode(prompt, add_special_tokens=False) for prompt in prompts]
    request = RolloutRequest(
        policy=policy,
        prompts=tuple(map(tuple, ids)),
        samples=1,
        max_tokens=PROFILE.budget.answer_tokens,
        temperature=0.0,
        stop_token_ids=tuple(tokenizer.convert_tokens_to_ids(list(PROFILE.format.stop))),
    )
    answer = gateway.http.post(
        "/v1/rollouts", json=request.model_dump(mode="json"), timeout=300
    ).raise_for_status()
    groups = RolloutResponse.model_validate(answer.json()).groups
    right = 0
    for task, context, (rollout,) in zip(wanting, contexts, groups, strict=True):
        finished = rollout.finish_reason == "stop"
        parsed = PROFILE.format.parse(context, rollout.text, finished=finished)
        right += parsed.new_region == true_edit(task, context)
    return right / len(wanting)

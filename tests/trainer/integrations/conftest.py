"""A published batch, and the settings of a job that is made of it."""

from pathlib import Path
from typing import Any

import pytest

from feedback_store.events import Rollout
from tests.trainer.made import batch, row
from trainer.config import TrainerSettings

SETTINGS = TrainerSettings.model_validate(
    {"batch": {"held_share": 0.3}, "gate": {"min_items": 4}, "train": {"samples": 6, "groups": 4}}
)


@pytest.fixture
def published(tmp_path: Path, tokenizer: Any) -> Path:
    rows = [row(tokenizer, number) for number in range(20)]
    taken = {"outcome": "accepted", "retained_third": 1.0}  # such references count a half
    rows += [row(tokenizer, number, **taken) for number in range(20, 60)]
    return batch(tmp_path / "batches", 1, rows)


def rollout(ids: list[int]) -> Rollout:
    """An answer that ended by itself."""
    logprobs = (0.0,) * len(ids)
    return Rollout(token_ids=tuple(ids), logprobs=logprobs, text="", finish_reason="stop")

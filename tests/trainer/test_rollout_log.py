"""Answers on disk: what is written reads back, and a full disk leaves nothing half."""

import resource

import pytest

from feedback_store.events import Rollout
from trainer.rollout_log import Sampled, read, write

from .made import row


@pytest.fixture
def sampled(tokenizer):
    rows = [row(tokenizer, number) for number in range(2)]
    answer = Rollout(token_ids=(5, 8), logprobs=(-0.5, -0.25), text="", finish_reason="stop")
    return Sampled(3, "rollout-000001-000003", "torch", 7, rows, [[answer] * 4, [answer] * 4])


@pytest.fixture
def full_disk():
    """Files of this process may not grow, as where no block is left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_written_reads_back(sampled, tmp_path):
    path = write(tmp_path, sampled)
    assert path.name == "rollouts-000003.parquet"
    assert read(tmp_path, 3, sampled.rows) == sampled
    assert read(tmp_path, 4, sampled.rows) is None
    assert list(tmp_path.iterdir()) == [path]


def test_answers_to_other_prompts_are_refused(sampled, tmp_path):
    write(tmp_path, sampled)
    with pytest.raises(ValueError, match="other prompts"):
        read(tmp_path, 3, sampled.rows[::-1])


def test_a_full_disk_is_named_and_leaves_nothing(sampled, tmp_path, full_disk):
    with pytest.raises(OSError, match=r"rollouts-000003\.parquet could not be written"):
        write(tmp_path, sampled)
    assert not list(tmp_path.iterdir())

"""Answers on disk: what is written reads back, and a full disk leaves nothing half."""

import subprocess
import sys
from pathlib import Path

import pytest

from feedback_store.events import Rollout
from trainer.rollout_log import Sampled, read, write

from .made import row

TREE = Path(__file__).parents[2]


@pytest.fixture
def sampled(tokenizer):
    rows = [row(tokenizer, number) for number in range(2)]
    answer = Rollout(token_ids=(5, 8), logprobs=(-0.5, -0.25), text="", finish_reason="stop")
    return Sampled(3, "rollout-000001-000003", "torch", 7, rows, [[answer] * 4, [answer] * 4])


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


FULL = """
import resource, sys
from pathlib import Path
from feedback_store.events import Rollout
from trainer.rollout_log import Sampled, write
from types import SimpleNamespace

resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))  # no file may grow, as where no block is left
answer = Rollout(token_ids=(5, 8), logprobs=(-0.5, -0.25), text="", finish_reason="stop")
try:
    row = SimpleNamespace(suggestion_id="s")
    write(Path(sys.argv[1]), Sampled(3, None, "torch", 7, [row], [[answer]]))
except OSError as error:
    sys.exit(0 if "rollouts-000003.parquet could not be written" in str(error) else str(error))
sys.exit("it was written")
"""


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    # In a process of its own: pytest writes files, too.
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], cwd=TREE, check=False)
    assert done.returncode == 0
    assert not list(tmp_path.iterdir())

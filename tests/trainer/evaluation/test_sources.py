"""Paths are told apart by what they hold; what cannot be used is counted."""

import json
from collections import Counter

import pytest

from feedback_store.publish import publish
from trainer.edit_records import BadSource
from trainer.evaluation.config import EvaluateSection
from trainer.evaluation.sources import gather

from ..made import batch
from ..made import row as feedback
from ..mining.repositories import mined, with_edits
from ..test_edit_records import raw
from .test_zeta import row as zeta

ALL = EvaluateSection()


def write(path, rows):
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    return path


@pytest.fixture
def records(tmp_path):
    return write(tmp_path / "records.jsonl", [raw(n, window=(20, 23)) for n in range(60)])


@pytest.fixture
def batches(tmp_path, tokenizer):
    rows = [
        feedback(tokenizer, 0),
        feedback(tokenizer, 1, branch_switch=True),
        feedback(tokenizer, 2, region_changed=False),
    ]
    batch(tmp_path / "batches", 1, rows)
    batch(tmp_path / "batches", 2, [feedback(tokenizer, 3)])
    return tmp_path / "batches"


def test_edit_records_with_places_where_nothing_is_to_be_done(records):
    found = gather([records], ALL)
    kinds = Counter(task.kind for task in found.tasks)
    assert kinds["edit"] == 60
    assert 5 <= kinds["nothing"] <= 30
    never = gather([records], EvaluateSection(nothing_every=0))
    assert {task.kind for task in never.tasks} == {"edit"}


def test_feedback_without_what_nobody_can_rely_on(batches):
    found = gather([batches / "000001"], ALL)
    assert [(task.id, task.kind) for task in found.tasks] == [
        ("s-00000", "edit"),
        ("s-00002", "nothing"),
    ]
    assert found.skipped == {"unreliable": 1}
    both = gather([batches], ALL)
    assert [task.id for task in both.tasks] == ["s-00000", "s-00002", "s-00003"]


def test_of_mined_tasks_those_that_nobody_trains_on(tmp_path):
    with_edits(tmp_path / "code", commits=10)
    mined(tmp_path / "mined", tmp_path / "code")
    parts = {
        split: {task.id for task in gather([tmp_path / "mined"], asked).tasks}
        for split in ("valid", "train", "all")
        for asked in [EvaluateSection(split=split)]
    }
    assert parts["valid"]
    assert not parts["valid"] & parts["train"]
    assert parts["valid"] | parts["train"] == parts["all"]
    inner = next(path for path in (tmp_path / "mined").iterdir() if path.name.isdecimal())
    with pytest.raises(BadSource, match="name the folder above it"):
        gather([inner], ALL)


def test_several_sources_at_once_and_none_twice(records, batches, tmp_path):
    examples = write(tmp_path / "eval.jsonl", [zeta()])
    found = gather([records, batches, examples, examples], EvaluateSection(nothing_every=0))
    sources = Counter(task.source for task in found.tasks)
    assert sources == {"mined": 60, "feedback": 3, "zeta": 1}
    assert found.skipped == {"unreliable": 1, "duplicate": 1}


def test_a_limit_draws_by_the_seed(records):
    first, again, other = (
        [task.id for task in gather([records], EvaluateSection(limit=9, seed=seed)).tasks]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert len(first) == 9
    assert set(first) != set(other)


def test_broken_lines_do_not_hide_what_a_file_is(tmp_path):
    path = tmp_path / "broken.jsonl"
    path.write_text(f'{{broken\n{{"id": 1}}\n{json.dumps(raw(1))}\n')
    found = gather([path], EvaluateSection(nothing_every=0))
    assert [task.id for task in found.tasks] == ["r1"]
    assert found.skipped == {"unreadable_line": 1, "missing_field": 1}


def test_paths_without_tasks_say_what_is_read(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    adapter = publish(tmp_path, "hone-000001", lambda folder: None, {"kind": "policy"})
    other = write(tmp_path / "other.jsonl", [{"a": 1}])
    for path in (empty, adapter, other):
        with pytest.raises(BadSource, match="what can be read is"):
            gather([path], ALL)
    with pytest.raises(FileNotFoundError):
        gather([tmp_path / "missing.jsonl"], ALL)


def test_no_task_left_says_why(tmp_path):
    path = write(tmp_path / "bad.jsonl", [raw(1, region_end_line=999)])
    with pytest.raises(BadSource, match="1 region_mismatch was left out"):
        gather([path], ALL)

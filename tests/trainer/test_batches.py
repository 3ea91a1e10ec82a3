"""Reading a batch back, refusing a broken one, and parting it by session."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.batches import BadBatch, read_batch, split

from .made import as_plain, batch, row


@pytest.fixture(scope="module")
def some(tokenizer):
    return [row(tokenizer, number) for number in range(9)]


def test_rows_come_back_as_they_were(some, tmp_path):
    rows, manifest = read_batch(batch(tmp_path, 1, list(reversed(some))))
    assert [as_plain(one) for one in rows] == [as_plain(one) for one in some]
    assert manifest["number"] == 1


def test_a_truncated_batch_is_refused(some, tmp_path):
    folder = batch(tmp_path, 1, some)
    parquet = folder / "batch.parquet"
    parquet.write_bytes(parquet.read_bytes()[:-100])
    with pytest.raises(BadBatch, match=r"truncated.*export it again"):
        read_batch(folder)


def test_a_batch_without_manifest_is_refused(some, tmp_path):
    folder = batch(tmp_path, 1, some)
    (folder / "manifest.json").unlink()
    with pytest.raises(BadBatch, match=r"manifest\.json"):
        read_batch(folder)
    shutil.rmtree(folder)
    with pytest.raises(BadBatch):
        read_batch(folder)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"output_logprobs": [-1.0]}, "s-00003 has 3 token ids and 1 log-probabilities"),
        ({"prompt_token_ids": []}, "s-00003 has no prompt"),
    ],
)
def test_a_bad_row_is_named(tokenizer, tmp_path, changes, why):
    with pytest.raises(BadBatch, match=why):
        read_batch(batch(tmp_path, 1, [row(tokenizer, 2), row(tokenizer, 3, **changes)]))


def test_what_counts_as_right_and_as_refused(tokenizer):
    accepted = row(tokenizer, 1, outcome="accepted", accepted_text="a\n", settled_text="b\n")
    assert accepted.task(0.1).references == ("b\n", "a\n")
    assert accepted.task(0.1).refused == ()
    undone = row(tokenizer, 1, outcome="accepted", accepted_text="a\n", undone=True)
    assert undone.task(0.1).references == (undone.settled_text,)
    assert undone.task(0.1).refused == (undone.new_region,)
    rejected = row(tokenizer, 1, outcome="rejected")
    assert rejected.task(0.1).refused == (rejected.new_region,)
    assert row(tokenizer, 1).task(0.1).refused == ()


@given(st.lists(st.integers(0, 12), min_size=1, max_size=120), st.sampled_from([0.2, 1 / 3, 0.5]))
def test_no_session_is_on_both_sides(some, sessions, share):
    rows = [row_in(some[0], f"session-{s}", number) for number, s in enumerate(sessions)]
    parts = split(rows, share, at_least=5)
    assert len(parts.train) + len(parts.held) == len(rows)
    assert not {r.session for r in parts.train} & {r.session for r in parts.held}
    assert split(rows, share, at_least=5) == parts


def test_enough_is_held_back_but_not_more_than_half(some):
    rows = [row_in(some[0], f"session-{number // 2}", number) for number in range(300)]
    assert len(split(rows, 1 / 3, at_least=100).held) == 100
    assert len(split(rows[:240], 1 / 3, at_least=100).held) == 100
    assert len(split(rows[:100], 1 / 3, at_least=100).held) == 50


def test_spoilt_rows_are_nowhere_and_holdout_is_apart(tokenizer):
    rows = [
        row(tokenizer, 0),
        row(tokenizer, 4, branch_switch=True),
        row(tokenizer, 8, holdout=True, outcome="withheld"),
        row(tokenizer, 9, holdout=True, outcome="superseded"),
    ]
    parts = split(rows, 0.5, at_least=0)
    assert [r.suggestion_id for r in [*parts.train, *parts.held]] == ["s-00000"]
    assert [r.suggestion_id for r in parts.holdout] == ["s-00008"]


def row_in(one, session, number):
    return type(one)(**{**vars(one), "session": session, "suggestion_id": f"s-{number:05d}"})

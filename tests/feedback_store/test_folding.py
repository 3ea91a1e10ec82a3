"""The write-ahead log is folded while commits go on, and merged when there are none."""

import itertools
import threading
import time
from pathlib import Path

import pytest

from feedback_store.config import StoreSettings
from feedback_store.folder import DATABASE, build, remove, swap
from feedback_store.folding import Folding, wal_bytes
from feedback_store.maintenance import compare
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import WAIT_S, count, put

LARGE = StoreSettings(threads=1, fold_mib=1e6)
"""Folds only when it is told to."""
TEXT = "\n".join(f"value_{i} = {i * 7919}" for i in range(2000))


def fill(store: Store, first: int, entries: int) -> int:
    """Store entries with text enough for a checkpoint to take a while; return the next number."""
    for seq in range(first, first + entries, 20):
        put(store, *(made.suggestion(seq + i, output_text=TEXT) for i in range(20)))
    return first + entries


def until(true) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_long_log_is_folded_while_entries_are_stored(open_store, folder: Path) -> None:
    store = open_store(StoreSettings(threads=1, fold_mib=0.5))
    sizes: list[int] = []
    next_one = 1
    deadline = time.monotonic() + WAIT_S
    while not any(later < earlier for earlier, later in itertools.pairwise(sizes)):
        assert time.monotonic() < deadline, "the log only ever grew"
        next_one = fill(store, next_one, 20)
        sizes.append(wal_bytes(folder / DATABASE))
    assert count(store, "suggestions") == next_one - 1
    store.close()
    assert compare(folder / DATABASE, build(folder, LARGE)) == []


def test_commits_go_on_while_the_log_is_folded(open_store, folder: Path) -> None:
    """A checkpoint that holds commits up lets the one pass that it waits for, and no other."""
    store = open_store(LARGE)
    fill(store, 1, 600)
    folding = store._writer.database._folding
    assert folding is not None
    passed: list[bool] = []
    folds = threading.Thread(target=lambda: passed.append(folding.fold()))
    folds.start()
    committed = 0
    while folds.is_alive():
        # Not into the table that takes so long: whoever writes there waits for that one.
        store.record("policy", {"name": "n", "status": "candidate"}).result(WAIT_S)
        committed += folds.is_alive()
    assert passed == [True]
    assert committed > 3
    assert wal_bytes(folder / DATABASE) < 1 << 20
    assert count(store, "policies") >= committed


def test_what_was_folded_in_pieces_is_merged_when_nobody_commits(open_store, folder: Path) -> None:
    store = open_store(LARGE)
    database = store._writer.database
    fill(store, 1, 40)
    quiet = Folding(folder / DATABASE, database.cursor(), lambda: store.ingest_seq, 1000, 0.05)
    until(lambda: wal_bytes(folder / DATABASE) == 0)
    quiet.close()
    assert put(store, made.suggestion(99)).stored == 1


@pytest.mark.parametrize("suffix", [".wal", ".wal.checkpoint", ""])
def test_no_part_of_a_replaced_database_stays(tmp_path: Path, suffix: str) -> None:
    """A log of the old file beside the new one would be taken for the new one's."""
    (tmp_path / f"{DATABASE}{suffix}").write_bytes(b"old")
    (tmp_path / f"{DATABASE}.rebuilt").write_bytes(b"new")
    swap(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [DATABASE]
    assert (tmp_path / DATABASE).read_bytes() == b"new"
    remove(tmp_path / DATABASE)
    assert list(tmp_path.iterdir()) == []

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


def test_a_fold_beside_commits_merges_nothing_and_a_quiet_one_all(store_of_pieces: Store) -> None:
    """DuckDB lets others commit during the one kind of checkpoint, and not during the other."""
    folding = folding_of(store_of_pieces)
    assert pieces(store_of_pieces) == 1
    for _ in range(4):
        assert fold_while_committing(store_of_pieces, folding)
    assert pieces(store_of_pieces) > 4
    put(store_of_pieces, made.suggestion(9000))
    folding._quiet_s = 0.0  # it waits for no other commit
    assert not folding.fold()
    assert pieces(store_of_pieces) == 1


def test_what_was_folded_in_pieces_is_merged_when_nobody_commits(
    store_of_pieces: Store, folder: Path
) -> None:
    cursor = store_of_pieces.cursor()
    quiet = Folding(folder / DATABASE, cursor, lambda: store_of_pieces.ingest_seq, 1 << 40, 0.2)
    assert fold_while_committing(store_of_pieces, quiet)
    until(lambda: pieces(store_of_pieces) == 1 and wal_bytes(folder / DATABASE) == 0)
    quiet.close()
    cursor.close()
    assert put(store_of_pieces, made.suggestion(9999)).stored == 1


@pytest.fixture
def store_of_pieces(open_store) -> Store:
    """A store whose suggestions have been folded once."""
    store = open_store(LARGE)
    put(store, made.suggestion(1))
    store._writer.database.checkpoint()
    return store


def folding_of(store: Store) -> Folding:
    folding = store._writer.database._folding
    assert folding is not None
    return folding


def fold_while_committing(store: Store, folding: Folding) -> bool:
    """Fold while suggestions are stored; return whether it was done beside those."""
    beside: list[bool] = []
    folds = threading.Thread(target=lambda: beside.append(folding.fold()))
    folds.start()
    seq = store.ingest_seq
    while folds.is_alive():
        put(store, made.suggestion(seq := seq + 1))
    return beside[0]


def pieces(store: Store) -> int:
    """Return how many row groups the suggestions lie in."""
    cursor = store.cursor()
    row = cursor.execute(
        "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('suggestions')"
    ).fetchone()
    cursor.close()
    return row[0] if row else 0


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

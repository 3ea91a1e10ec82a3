"""Disks fail, files are damaged, owners compete: nothing promised is lost, and errors are clear."""

import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedback_store.config import StoreSettings
from feedback_store.entries import Ack, NewEntry
from feedback_store.errors import (
    CorruptDatabase,
    CorruptLog,
    StoreLocked,
    StoreOverloaded,
    StoreUnavailable,
)
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import WAIT_S, count, put
from tests.feedback_store.watched import Diary, FailingDisk, RecordingFile


def test_every_ack_comes_after_fsync_and_commit(open_store) -> None:
    diary = Diary()
    store = open_store(
        open_file=lambda path: RecordingFile(path, diary), passed=lambda point: diary.append(point)
    )
    diary.clear()
    for seq in range(1, 4):
        future = store.submit([made.suggestion(seq)])
        future.add_done_callback(lambda _: diary.append("ack"))
        future.result(WAIT_S)
    store.close()
    once = ["staged", "write", "appended", "sync", "synced", "committed", "ack", "acked"]
    assert diary == once * 3


@pytest.mark.parametrize("failure", ["write", "sync"])
def test_a_full_disk_promises_nothing_and_the_store_recovers(open_store, failure: str) -> None:
    disk = FailingDisk()
    store = open_store(open_file=disk)
    put(store, made.suggestion(1, "before"))
    disk.fails = failure
    with pytest.raises(StoreUnavailable, match="accepts nothing"):
        put(store, made.suggestion(2, "during"))
    assert store.trouble is not None
    assert count(store, "suggestions") == 1
    disk.fails = None
    ack = retry(store, made.suggestion(2, "during"))
    assert (ack.stored, ack.duplicates) == (1, 0)
    assert store.trouble is None
    store.close()
    again = open_store()
    ids = [row["suggestion_id"] for row in again.query("SELECT suggestion_id FROM suggestions")]
    assert ids == ["before", "during"]


def test_what_was_logged_but_not_committed_is_replayed_on_recovery(open_store) -> None:
    failures = [OSError(5, "Input/output error")]

    def passed(point: str) -> None:
        if point == "synced" and failures:
            raise failures.pop()

    store = open_store(passed=passed)
    with pytest.raises(StoreUnavailable, match="Input/output"):
        put(store, made.suggestion(1, "unsure"))
    ack = retry(store, made.suggestion(1, "unsure"))
    assert (ack.stored, ack.duplicates, ack.high_water) == (0, 1, 1)
    assert count(store, "suggestions") == 1


def test_the_store_keeps_trying_while_the_disk_is_read_only(open_store) -> None:
    disk = FailingDisk()
    store = open_store(open_file=disk)
    disk.fails = "open"
    with pytest.raises(StoreUnavailable, match="Read-only"):
        put(store, made.suggestion(1))
    opened = disk.refused
    deadline = time.monotonic() + WAIT_S
    while disk.refused < opened + 2:
        assert time.monotonic() < deadline, store.trouble
        time.sleep(0.01)
    with pytest.raises(StoreUnavailable, match="Read-only"):
        put(store, made.suggestion(1))
    disk.fails = None
    assert retry(store, made.suggestion(1)).stored == 1


def test_too_much_at_once_is_refused_and_nothing_is_lost(open_store) -> None:
    release = threading.Event()

    def passed(point: str) -> None:
        if point == "staged":
            assert release.wait(WAIT_S)

    store = open_store(StoreSettings(waiting_entries=2, threads=1), passed=passed)
    futures = [store.submit([made.suggestion(seq)]) for seq in range(1, 9)]
    release.set()
    refused = [future for future in futures if future.exception(WAIT_S) is not None]
    assert refused
    assert all(isinstance(future.exception(), StoreOverloaded) for future in refused)
    assert count(store, "suggestions") == len(futures) - len(refused)


def retry(store: Store, *entries: NewEntry) -> Ack:
    """Send until the store takes it, as a spool does."""
    deadline = datetime.now(UTC).timestamp() + WAIT_S
    while True:
        try:
            return put(store, *entries)
        except StoreUnavailable:
            assert datetime.now(UTC).timestamp() < deadline, "the store did not recover"


def test_a_closed_store_says_so(open_store) -> None:
    store = open_store()
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        put(store, made.suggestion(1))
    with pytest.raises(StoreUnavailable):
        store.query("SELECT 1")


def test_closing_writes_what_waits(open_store) -> None:
    store = open_store()
    futures: list[Future[Ack]] = [store.submit([made.suggestion(seq)]) for seq in range(1, 50)]
    store.close()
    assert all(future.result(0).stored == 1 for future in futures)


def test_a_second_owner_is_refused(store: Store, folder: Path) -> None:
    with pytest.raises(StoreLocked, match="owned by another process"):
        Store.open(folder)
    script = "import sys, pathlib; from feedback_store.store import Store; "
    script += "Store.open(pathlib.Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False
    )
    assert "StoreLocked" in done.stderr
    assert put(store, made.suggestion(1)).stored == 1


def test_a_lost_database_is_replayed_from_the_log(open_store, folder: Path) -> None:
    store = open_store()
    put(store, *made.refused(1)[:1])
    put(store, *made.refused(1)[1:])
    store.close()
    (folder / "store.duckdb").unlink()
    again = open_store()
    assert (count(again, "suggestions"), count(again, "settlement_content")) == (1, 1)
    assert put(again, *made.refused(1)[1:]).duplicates == 2


def test_a_database_ahead_of_its_log_is_refused(open_store, folder: Path) -> None:
    store = open_store()
    put(store, made.suggestion(1), made.suggestion(2))
    store.close()
    log = folder / "log" / "00000001.jsonl"
    log.write_bytes(cut := log.read_bytes()[:-10])
    with pytest.raises(CorruptDatabase, match="only up to 1"):
        open_store()
    assert log.read_bytes() == cut


def test_a_damaged_database_says_how_to_rebuild(open_store, folder: Path) -> None:
    store = open_store()
    store.close()
    (folder / "store.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(CorruptDatabase, match="hone-store rebuild"):
        open_store()


def test_a_damaged_log_is_refused_and_the_lock_released(open_store, folder: Path) -> None:
    store = open_store()
    put(store, made.suggestion(1), made.suggestion(2))
    store.close()
    log = folder / "log" / "00000001.jsonl"
    good = log.read_bytes()
    log.write_bytes(good.replace(b"sug-1", b"sug-X"))
    with pytest.raises(CorruptLog):
        open_store()
    log.write_bytes(good)
    assert count(open_store(), "suggestions") == 2

"""The spool against restarts, torn writes and neighbours."""

import json
from pathlib import Path

from feedback_store.events import Client, FeedbackEvent, FeedbackLevel, Outcome, Settling, Shown
from lsp.findings import Decided, Envelope
from lsp.spool import Spool, open_spools

ENVELOPE = Envelope("session", "workspace", Client(name="test"), Settling())


def event(name: str, seq: int) -> FeedbackEvent:
    found = Decided(name, FeedbackLevel.FULL, Outcome.EXPIRED, Shown.UNKNOWN, None, None, None)
    return ENVELOPE.event(found, seq, 1.0)


def add(spool: Spool, *names: str) -> None:
    for name in names:
        spool.append(lambda seq, name=name: event(name, seq))


def die(spool: Spool) -> None:
    """Let go of the lock only, as the kernel does for a killed process."""
    import os

    os.close(spool._lock)


def test_order_numbers_and_acknowledgement(tmp_path: Path) -> None:
    spool, left = open_spools(tmp_path, "w")
    assert left == []
    assert spool.batch() is None
    add(spool, "a", "b", "c")
    batch = spool.batch(2)
    assert batch
    assert batch.producer == spool.producer
    assert [(e.suggestion_id, e.seq) for e in batch.events] == [("a", 1), ("b", 2)]
    assert spool.acknowledge(batch, 1) == 1
    assert [e.suggestion_id for e in spool.waiting] == ["b", "c"]
    # A mark beyond what was sent acknowledges what was sent, no more.
    batch = spool.batch(1)
    assert batch
    assert spool.acknowledge(batch, 99) == 1
    assert [e.suggestion_id for e in spool.waiting] == ["c"]


def test_restart_keeps_events_producer_and_numbers(tmp_path: Path) -> None:
    first, _ = open_spools(tmp_path, "w")
    add(first, "a", "b")
    batch = first.batch()
    assert batch
    first.acknowledge(batch, 1)
    die(first)
    again, left = open_spools(tmp_path, "w")
    assert (again.producer, left) == (first.producer, [])
    add(again, "c")
    assert [(e.suggestion_id, e.seq) for e in again.waiting] == [("b", 2), ("c", 3)]


def test_numbers_rise_when_everything_was_acknowledged(tmp_path: Path) -> None:
    first, _ = open_spools(tmp_path, "w")
    add(first, "a")
    batch = first.batch()
    assert batch
    first.acknowledge(batch, 1)
    first.save_open([{"keeps": "the folder"}])
    first.close()
    again, _ = open_spools(tmp_path, "w")
    assert again.producer == first.producer
    add(again, "b")
    assert again.waiting[0].seq == 2


def test_neighbours_do_not_share(tmp_path: Path) -> None:
    first, _ = open_spools(tmp_path, "w")
    second, left = open_spools(tmp_path, "w")
    elsewhere, _ = open_spools(tmp_path, "other")
    assert len({first.producer, second.producer, elsewhere.producer}) == 3
    assert left == []


def test_what_dead_neighbours_left_is_adopted(tmp_path: Path) -> None:
    spools = [open_spools(tmp_path, "w")[0] for _ in range(3)]
    for number, spool in enumerate(spools):
        add(spool, f"event {number}")
    die(spools[0])
    die(spools[2])
    own, left = open_spools(tmp_path, "w")
    assert {own.producer, *(s.producer for s in left)} == {spools[0].producer, spools[2].producer}
    assert sum(spool.depth for spool in [own, *left]) == 2


def test_torn_last_line_is_left_out(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    add(spool, "a", "b")
    die(spool)
    path = spool.folder / "events.jsonl"
    path.write_text(path.read_text()[:-20])
    again, _ = open_spools(tmp_path, "w")
    assert [e.suggestion_id for e in again.waiting] == ["a"]
    add(again, "c")
    lines = path.read_text().splitlines()
    assert [json.loads(line)["suggestion_id"] for line in lines] == ["a", "c"]


def test_refused_events_are_kept_aside(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    add(spool, "a", "b")
    batch = spool.batch(1)
    assert batch
    spool.set_aside(batch)
    assert (spool.refused, spool.depth) == (1, 1)
    spool.close()
    assert spool.folder.exists()


def test_nothing_to_keep_leaves_nothing(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    spool.close()
    assert list((tmp_path / "w").iterdir()) == []


def test_files_are_the_users_alone(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    add(spool, "a")
    spool.save_open([])
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in spool.folder.iterdir()}
    assert set(modes.values()) == {0o600}, modes

"""The spool against restarts, torn writes and neighbours."""

from pathlib import Path

from feedback_store.events import (
    Client,
    FeedbackEvent,
    FeedbackLevel,
    LossEvent,
    Outcome,
    SettledBy,
    Settling,
    Shown,
)
from lsp.findings import Decided, Envelope, Settled
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
    first.tidy()
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
    first.tidy()
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
    [path] = spool.folder.glob("events-*")
    path.write_text(path.read_text()[:-20])
    again, _ = open_spools(tmp_path, "w")
    assert [e.suggestion_id for e in again.waiting] == ["a"]
    add(again, "c")
    die(again)
    third, _ = open_spools(tmp_path, "w")
    assert [e.suggestion_id for e in third.waiting] == ["a", "c"]


def test_acknowledging_is_forgotten_harmlessly_by_a_kill(tmp_path: Path) -> None:
    first, _ = open_spools(tmp_path, "w")
    add(first, "a", "b")
    batch = first.batch()
    assert batch
    first.acknowledge(batch, 2)
    add(first, "c")
    die(first)
    again, _ = open_spools(tmp_path, "w")
    # Sent again under their old numbers, which the gateway knows.
    assert [(e.suggestion_id, e.seq) for e in again.waiting] == [("a", 1), ("b", 2), ("c", 3)]


def test_acknowledging_deletes_files_and_rewrites_none(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    add(spool, *("x" * 3000 for _ in range(300)))
    files = {path: path.stat() for path in spool.folder.glob("events-*")}
    assert len(files) > 3
    batch = spool.batch(200)
    assert batch
    spool.acknowledge(batch, 200)
    spool.tidy()
    left = {path: path.stat() for path in spool.folder.glob("events-*")}
    assert 0 < len(left) < len(files)
    assert all(
        files[p].st_ino == s.st_ino and files[p].st_size == s.st_size for p, s in left.items()
    )
    rest = spool.batch(200)
    assert rest
    spool.acknowledge(rest, 300)
    spool.tidy()
    assert list(spool.folder.glob("events-*")) == []
    add(spool, "next")
    assert spool.waiting[0].seq == 301


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


def settled(name: str, seq: int, at: float, text: str) -> FeedbackEvent:
    found = Settled(name, FeedbackLevel.FULL, SettledBy.QUIET, True, text, None, *[False] * 3)
    return ENVELOPE.event(found, seq, at)


def loss(seq: int, texts: int, events: int) -> LossEvent:
    about = {"session": "s", "workspace": "w", "client": Client(name="c"), "client_time": 1e7}
    return LossEvent(seq=seq, texts=texts, events=events, **about)


def test_a_full_spool_drops_the_oldest_texts_before_any_fact(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    for n in range(20):
        spool.append(lambda seq, n=n: settled(f"s{n}", seq, 1.0, "x" * 5000))
        spool.keep_within(50_000, 1000, 1.0, loss)
    assert spool.bytes <= 50_000
    found = {e.suggestion_id: e for e in spool.waiting}
    names = [f"s{n}" for n in range(20)]
    assert set(names) <= set(found)
    texts = [getattr(found[name], "settled_text", None) is not None for name in names]
    assert texts == sorted(texts)
    assert 0 < sum(texts) < 10
    lost = [e for e in spool.waiting if e.kind == "loss"]
    assert sum(e.texts for e in lost) == 20 - sum(texts)
    assert sum(e.events for e in lost) == 0
    die(spool)
    again, _ = open_spools(tmp_path, "w")
    assert len(again.waiting) == 20 + len(lost)


def test_facts_go_when_texts_are_not_enough(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    add(spool, *(f"s{n}" for n in range(100)))
    spool.keep_within(spool.bytes // 2, 1000, 1.0, loss)
    names = [e.suggestion_id for e in spool.waiting if e.kind == "outcome"]
    assert names == [f"s{n}" for n in range(100 - len(names), 100)]
    [lost] = [e for e in spool.waiting if e.kind == "loss"]
    assert (lost.texts, lost.events) == (0, 100 - len(names))
    assert [e.seq for e in spool.waiting] == sorted(e.seq for e in spool.waiting)


def test_age_takes_texts_and_then_facts(tmp_path: Path) -> None:
    day = 86_400.0
    spool, _ = open_spools(tmp_path, "w")
    for n, age in enumerate((30, 20, 8, 6, 1)):
        spool.append(lambda seq, n=n, age=age: settled(f"s{n}", seq, (100 - age) * day, "text"))
    spool.keep_within(10**9, 7.0, 100 * day, loss)
    kept = [(e.suggestion_id, e.settled_text) for e in spool.waiting if e.kind == "settled"]
    assert kept == [("s2", None), ("s3", "text"), ("s4", "text")]
    [lost] = [e for e in spool.waiting if e.kind == "loss"]
    assert (lost.texts, lost.events) == (1, 2)
    before = spool.waiting
    spool.keep_within(10**9, 7.0, 100.1 * day, loss)
    assert spool.waiting == before


def test_files_are_the_users_alone(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    add(spool, "a")
    spool.save_open([])
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in spool.folder.iterdir()}
    assert set(modes.values()) == {0o600}, modes

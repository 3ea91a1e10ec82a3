"""A state folder with something odd in it, or that cannot be used: a server starts all the same."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback_store.events import Client, FeedbackEvent, FeedbackLevel, Settling
from lsp.config import SpoolSettings
from lsp.context import Region
from lsp.findings import Envelope
from lsp.journal import snapshot
from lsp.reporter import Reporter
from lsp.spool import Spool, open_spools
from lsp.unkept import Unkept, open_or_do_without
from lsp.watch import Watch
from tests.lsp.conftest import Launch
from tests.lsp.scenes import offered
from tests.lsp.standin import StandIn
from tests.lsp.test_spool import add, die, loss, settled

ENVELOPE = Envelope("session", "workspace", Client(name="test"), Settling())


def kept(name: str) -> dict[str, Any]:
    """What a killed run had under observation."""
    watch = Watch("file:///a.py", Region(0, 1), "a\n", 0.0, 1, "b\n", name, proposed="c\n")
    return snapshot(watch, ENVELOPE, None, 0.0)


@pytest.mark.parametrize(
    "odd",
    [
        {"suggestion_id": 5},
        {"undone": "perhaps"},
        {"session": None},
        {"horizons": [-1]},
        {"settled": True, "horizons": ["soon"]},
    ],
)
def test_an_odd_snapshot_is_passed_over(tmp_path: Path, odd: dict[str, Any]) -> None:
    spool, _ = open_spools(tmp_path, "w")
    spool.save_open([kept("bad") | odd, kept("good")])
    die(spool)
    own, left = open_spools(tmp_path, "w")
    reporter = Reporter(SpoolSettings(), ENVELOPE, lambda: FeedbackLevel.FULL, own, left)
    names = {event.suggestion_id for event in own.waiting}
    assert "good" in names
    assert names <= {"good", "bad"}
    assert own.take_open() == []
    reporter.close()


@pytest.mark.parametrize("text", ["5", "{", "[1]", '{"a": 1}', "null"])
def test_an_odd_list_of_what_was_open_is_none(tmp_path: Path, text: str) -> None:
    spool, _ = open_spools(tmp_path, "w")
    (spool.folder / "open.json").write_text(text)
    assert spool.take_open() == []


def odd_segment(folder: Path) -> None:
    (folder / "events-copy of 1.jsonl").write_text("{}")


def odd_mark(folder: Path) -> None:
    (folder / "acked").write_text("many")


def odd_bytes(folder: Path) -> None:
    (folder / "acked").write_bytes(b"\xff")


def odd_snapshots(folder: Path) -> None:
    (folder / "open.json").mkdir()


@pytest.mark.parametrize("spoil", [odd_segment, odd_mark, odd_bytes, odd_snapshots])
def test_an_odd_file_does_not_keep_a_run_from_starting(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    first, _ = open_spools(tmp_path, "w")
    add(first, "a")
    die(first)
    spoil(first.folder)
    own, left, trouble = open_or_do_without(tmp_path, "w")
    assert trouble == ""
    assert isinstance(own, Spool)
    reporter = Reporter(SpoolSettings(), ENVELOPE, lambda: FeedbackLevel.FULL, own, left)
    add(own, "b")
    assert own.waiting[-1].suggestion_id == "b"
    os.close(own._lock)
    assert reporter.pending


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL, None])
def test_a_folder_that_cannot_be_used_is_done_without(
    launch: Launch, gateway: StandIn, tmp_path: Path, end: signal.Signals | None
) -> None:
    """Nothing stays on the disk, however the process ends."""
    (tmp_path / "state").write_text("no folder")
    (tmp_path / "tmp").mkdir()
    editor = launch(TMPDIR=str(tmp_path / "tmp"))
    editor.initialize()
    _, _, name = offered(editor, gateway)
    editor.wait_delivered()
    assert gateway.of(name, "settled")
    assert "feedback cannot be kept" in json.dumps(editor.status())
    offered(editor, gateway)
    if end is None:
        editor.shutdown()
    else:
        editor.process.send_signal(end)
        editor.process.wait(30)
    assert list((tmp_path / "tmp").iterdir()) == []


def text_event(seq: int) -> FeedbackEvent:
    return settled(f"s{seq}", seq, 1.0, "x" * 5000)


def test_what_is_not_kept_has_the_same_bounds() -> None:
    spool = Unkept()
    for _ in range(20):
        spool.append(text_event)
        spool.keep_within(50_000, 1000, 1.0, loss)
    assert spool.bytes <= 50_000
    assert [event.seq for event in spool.waiting] == sorted(e.seq for e in spool.waiting)
    assert sum(event.texts for event in spool.waiting if event.kind == "loss") > 0
    before, batch = spool.depth, spool.batch(3)
    assert batch
    assert spool.acknowledge(batch, batch.events[1].seq) == 2
    refused = spool.batch(1)
    assert refused
    spool.set_aside(refused)
    assert spool.depth == before - 3


@pytest.mark.parametrize("level", ["full", "facts", "off"])
def test_what_is_not_kept_obeys_the_level(level: str) -> None:
    spool = Unkept()
    spool.append(text_event)
    spool.lower(FeedbackLevel(level))
    texts = [getattr(event, "settled_text", None) is not None for event in spool.waiting]
    assert texts == {"full": [True], "facts": [False], "off": []}[level]
    spool.append(text_event)
    assert spool.waiting[-1].seq == 2

"""A state folder with something odd in it, or that cannot be used: a server starts all the same."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback_store.events import Client, FeedbackLevel, Settling
from lsp.config import SpoolSettings
from lsp.context import Region
from lsp.findings import Envelope
from lsp.journal import snapshot
from lsp.reporter import Reporter
from lsp.spool import open_or_borrow, open_spools
from lsp.watch import Watch
from tests.lsp.conftest import Launch
from tests.lsp.scenes import offered
from tests.lsp.standin import StandIn
from tests.lsp.test_spool import add, die

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
    own, left, trouble = open_or_borrow(tmp_path, "w")
    assert trouble == ""
    reporter = Reporter(SpoolSettings(), ENVELOPE, lambda: FeedbackLevel.FULL, own, left)
    add(own, "b")
    assert own.waiting[-1].suggestion_id == "b"
    os.close(own._lock)
    assert reporter.pending


def test_a_folder_that_cannot_be_used_is_done_without(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("no folder")
    editor = launch(TMPDIR=str(tmp_path))
    editor.initialize()
    _, _, name = offered(editor, gateway)
    editor.wait_delivered()
    assert gateway.of(name, "settled")
    assert "feedback cannot be kept" in json.dumps(editor.status())
    editor.shutdown()
    assert not list(tmp_path.glob("hone-*"))

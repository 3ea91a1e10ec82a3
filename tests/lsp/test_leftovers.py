"""What a workspace left that nobody opens again: it is sent, or goes, by the user's choice."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from feedback_store.events import Client, FeedbackLevel, SettledBy, Settling
from lsp.config import SpoolSettings
from lsp.consent import Consent
from lsp.context import Region
from lsp.findings import Envelope, Settled
from lsp.journal import snapshot
from lsp.leftovers import Leftovers
from lsp.relocate import Place
from lsp.reporter import Reporter
from lsp.spool import Spool, claim, open_spools
from lsp.watch import Watch
from lsp.workspaces import name_of, names_around
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.line import Oracle
from tests.lsp.scenes import offered
from tests.lsp.standin import StandIn
from tests.lsp.test_lowered import on_disk
from tests.lsp.test_spool import die, settled

DAY = 86_400.0
FULL, FACTS, OFF = FeedbackLevel.FULL, FeedbackLevel.FACTS, FeedbackLevel.OFF
HERE, THERE = Path("/some/here"), Path("/some/there")
ENVELOPE = Envelope("session", name_of(HERE), Client(name="test"), Settling())
LONG = {"HONE_LSP_SETTLING__QUIET_S": "60", "HONE_LSP_SETTLING__LONGEST_WAIT_S": "60"}


def killed(launch: Launch, gateway: StandIn, tmp_path: Path) -> tuple[Editor, str]:
    """Let an editor die with a text under observation; one on another workspace, and what it was
    about."""
    first = launch(**LONG)
    first.initialize()
    uri, _, name = offered(first, gateway)
    first.change(uri, ((4, 0), (4, 5), "quetzalcoatl"))
    first.wait(lambda: "quetzalcoatl" in on_disk(tmp_path), "the text to be kept")
    first.kill()
    return first, name


def elsewhere(launch: Launch, tmp_path: Path, **more: str) -> Editor:
    editor = launch(**more)
    editor.workspace = tmp_path / "other"
    editor.workspace.mkdir()
    editor.initialize()
    return editor


def test_another_window_sends_it(launch: Launch, gateway: StandIn, tmp_path: Path) -> None:
    _, name = killed(launch, gateway, tmp_path)
    other = elsewhere(launch, tmp_path)
    [told] = other.wait(lambda: gateway.of(name, "settled"), "what the dead one left")
    assert told.settled_by == "recovered"
    assert "quetzalcoatl_4 = 4" in told.settled_text
    other.wait(lambda: "quetzalcoatl" not in on_disk(tmp_path), "the text to be gone")
    other.shutdown()
    assert len(gateway.of(name, "outcome")) == 1


def test_at_off_it_goes_unsent(launch: Launch, gateway: StandIn, tmp_path: Path) -> None:
    _, name = killed(launch, gateway, tmp_path)
    other = elsewhere(launch, tmp_path, HONE_LSP_FEEDBACK__LEVEL="off")
    other.wait(lambda: "quetzalcoatl" not in on_disk(tmp_path), "the text to be gone")
    other.shutdown()
    assert gateway.of(name, "settled") == []


def left(root: Path, age_s: float = 0.0) -> Spool:
    """What a dead process has left: two texts, the second accepted so long ago."""
    spool, _ = open_spools(root, name_of(THERE))
    spool.belong_to(names_around(THERE))
    spool.append(lambda seq: settled("first", seq, time.time(), "secret one"))
    watch = Watch("file:///a.py", Region(0, 1), "a\n", 0.0, 1, "secret\n", "second", proposed="c\n")
    watch.accepted_text, watch.accepted_at = "secret\n", time.monotonic() - age_s
    watch.horizons = [5.0, 900.0]
    spool.save_open([kept(watch)])
    die(spool)
    return spool


def kept(watch: Watch) -> dict[str, Any]:
    envelope = Envelope("session", name_of(THERE), Client(name="test"), Settling())
    return snapshot(watch, envelope, Place("secret\n", (), ()), time.time() - time.monotonic())


def look(
    root: Path,
    consent: Consent,
    *,
    days: float = 14.0,
    oracle: Oracle | None = None,
    room_mb: float = 64.0,
) -> list[Path]:
    """Look after everything once, as a window on `HERE`; the folders that share the room."""
    sharers: list[Path] = []
    settings = SpoolSettings(max_days=days, max_mb=room_mb)
    found = Leftovers(root, ENVELOPE, settings, consent.of, sharers.extend)
    asyncio.run(found._look(oracle))
    return sharers


def texts(root: Path) -> int:
    return sum(path.read_text().count("secret") for path in root.rglob("*.json*"))


@pytest.mark.parametrize("level", [FULL, FACTS, OFF])
def test_it_obeys_the_choice_for_its_own_workspace(tmp_path: Path, level: FeedbackLevel) -> None:
    left(tmp_path / "spool")
    Consent(FULL, [THERE.parent], tmp_path, lambda: FULL).choose(level)
    Consent(FULL, [HERE], tmp_path, lambda: FULL).choose(FULL)
    look(tmp_path / "spool", Consent(FULL, [HERE], tmp_path, lambda: FULL))
    assert (texts(tmp_path / "spool") > 0) == (level == FULL)
    [spool] = [open_spools(tmp_path / "spool", name_of(THERE))[0]]
    told = {(event.kind, event.suggestion_id) for event in spool.waiting}
    assert (("settled", "first") in told) == (level != OFF)
    assert (("outcome", "second") in told) == (level != OFF)


def test_a_choice_here_is_none_for_there(tmp_path: Path) -> None:
    left(tmp_path / "spool")
    here = Consent(FULL, [HERE], tmp_path, lambda: FULL)
    here.choose(OFF)
    look(tmp_path / "spool", here)
    assert texts(tmp_path / "spool")


def test_what_was_accepted_waits_for_its_own_window(tmp_path: Path) -> None:
    spool, oracle = left(tmp_path), Oracle(lambda request: None)
    consent = Consent(FULL, [HERE], tmp_path / "state", lambda: FULL)
    look(tmp_path, consent, oracle=oracle)
    assert [(e.kind, e.suggestion_id) for e in oracle.events] == [
        ("settled", "first"),
        ("outcome", "second"),
        ("settled", "second"),
    ]
    again, _ = open_spools(tmp_path, name_of(THERE))
    assert (again.producer, again.depth) == (spool.producer, 0)
    assert [trail["trail"] for trail in again.take_open()] == ["second"]


def test_what_nobody_can_look_at_any_more_is_given_up(tmp_path: Path) -> None:
    left(tmp_path, 3 * DAY)
    oracle = Oracle(lambda request: None)
    consent = Consent(FULL, [HERE], tmp_path / "state", lambda: FULL)
    look(tmp_path, consent, days=2.0, oracle=oracle)
    assert texts(tmp_path) == 0
    seen = [event.observed for event in oracle.events if event.kind == "survival"]
    assert seen == [False, False]
    assert list((tmp_path / name_of(THERE)).iterdir()) == []


def test_what_a_living_process_has_is_its_own(tmp_path: Path) -> None:
    spool = left(tmp_path)
    living = claim(spool.folder)
    assert living
    look(tmp_path, Consent(OFF, [HERE], tmp_path / "state", lambda: FULL))
    assert texts(tmp_path)
    living.close()
    look(tmp_path, Consent(OFF, [HERE], tmp_path / "state", lambda: FULL))
    assert texts(tmp_path) == 0


def test_the_room_is_for_all_together(tmp_path: Path) -> None:
    for n in range(4):
        spool, _ = open_spools(tmp_path, name_of(THERE / str(n)))
        for _ in range(10):
            spool.append(lambda seq: settled(f"s{seq}", seq, time.time(), "x" * 5000))
        die(spool)
    consent = Consent(FULL, [HERE], tmp_path / "state", lambda: FULL)
    sharers = look(tmp_path, consent, room_mb=0.1)
    assert len(sharers) == 4
    assert sum(path.stat().st_size for path in tmp_path.rglob("events-*")) <= 100_000
    own, left = open_spools(tmp_path, ENVELOPE.workspace)
    settings = SpoolSettings(max_mb=0.1)
    reporter = Reporter(settings, ENVELOPE, lambda: FULL, own, left)
    reporter.share_with([*sharers, own.folder])
    for n in range(20):
        reporter.emit(Settled(f"s{n}", FULL, SettledBy.QUIET, True, "x" * 5000, None, *[False] * 3))
    assert sum(path.stat().st_size for path in tmp_path.rglob("events-*")) <= 100_000
    reporter.close()

"""What an earlier run left, and what was not sent yet, goes by the level of now."""

from pathlib import Path

import pytest

from feedback_store.events import FeedbackLevel
from lsp.spool import open_spools
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import offered
from tests.lsp.standin import StandIn
from tests.lsp.test_lowered import LONG, on_disk
from tests.lsp.test_spool import add, die, settled

LATE = {"HONE_LSP_SETTLING__HORIZONS_S": "0,90"}


def rewritten(editor: Editor, gateway: StandIn) -> str:
    """Write something else than what is offered; the suggestion's id."""
    uri, _, name = offered(editor, gateway)
    editor.change(uri, ((4, 0), (4, 5), "secret"))
    return name


def settled_offline(editor: Editor, gateway: StandIn, folder: Path) -> str:
    """Settle a text that the gateway is not there to take."""
    name = rewritten(editor, gateway)
    gateway.stop()
    editor.close_documents()
    editor.wait(lambda: '"settled_text":"' in on_disk(folder), "the text to be kept")
    return name


@pytest.mark.parametrize("level", ["facts", "off"])
def test_what_a_killed_run_had_open(
    launch: Launch, gateway: StandIn, tmp_path: Path, level: str
) -> None:
    editor = launch(**LONG)
    editor.initialize()
    name = rewritten(editor, gateway)
    editor.wait(lambda: "secret" in on_disk(tmp_path), "the text to be kept")
    editor.kill()
    again = launch("--feedback.level", level)
    again.initialize()
    again.wait_delivered()
    kinds = {"facts": ["outcome", "settled"], "off": []}[level]
    assert [event.kind for event in gateway.events if event.suggestion_id == name] == kinds
    assert not [body for body in gateway.bodies if '"producer"' in body and "secret" in body]
    assert "secret" not in on_disk(tmp_path)


@pytest.mark.parametrize("level", ["facts", "off"])
def test_what_was_accepted_is_followed_no_further_on_disk(
    launch: Launch, gateway: StandIn, tmp_path: Path, level: str
) -> None:
    editor = launch(**LONG, **LATE)
    editor.initialize()
    uri, edit, name = offered(editor, gateway)
    editor.apply(uri, edit)
    editor.wait(lambda: gateway.of(name, "survival"), "the first horizon")
    editor.kill()
    assert "total_4" in on_disk(tmp_path)
    again = launch("--feedback.level", level, **LATE)
    again.initialize()
    assert again.status()["feedback_level"] == level
    assert "total_4" not in on_disk(tmp_path)


@pytest.mark.parametrize("level", ["facts", "off"])
@pytest.mark.parametrize("restart", [True, False])
def test_what_waits_for_the_gateway(
    launch: Launch, gateway: StandIn, tmp_path: Path, level: str, restart: bool
) -> None:
    editor = launch()
    editor.initialize()
    name = settled_offline(editor, gateway, tmp_path)
    if restart:
        editor.kill()
        editor = launch("--feedback.level", level)
        editor.initialize()
    else:
        editor.command("hone.feedback", level)
    pending = editor.status()["pending_events"]
    assert "secret" not in on_disk(tmp_path)
    gateway.bodies.clear()
    gateway.start()
    editor.wait_delivered()
    assert (pending > 0) == (level == "facts")
    assert not [body for body in gateway.bodies if '"producer"' in body and "secret" in body]
    texts = [event.settled_text for event in gateway.of(name, "settled")]
    assert texts == ([None] if level == "facts" else [])


def test_numbers_rise_after_everything_was_deleted_unsent(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    add(spool, "a", "b")
    spool.append(lambda seq: settled("c", seq, 1.0, "text"))
    spool.lower(FeedbackLevel.OFF)
    assert (spool.depth, spool.bytes, list(spool.folder.glob("events-*"))) == (0, 0, [])
    die(spool)
    again, _ = open_spools(tmp_path, "w")
    add(again, "d")
    assert [event.seq for event in again.waiting] == [4]

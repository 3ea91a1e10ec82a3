"""Suggestions that their user looks at for longer than a region takes to settle, and what was
dismissed: accepted late, dismissed late, and not coming back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store.events import FeedbackLevel, Reason
from lsp.dismissed_file import FILE, KEPT, DismissedFile
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, offered, reason, rewrite, typed
from tests.lsp.standin import StandIn

Launch = Callable[..., Editor]
ABLE = {
    "textDocument": {"inlineCompletion": {}},
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}},
}


def started(launch: Launch, **more: str) -> Editor:
    editor = launch(**more)
    editor.initialize(capabilities=ABLE)
    return editor


def look_for_long(editor: Editor, gateway: StandIn) -> None:
    """Look until a region that nobody looks at has settled, which took the quiet time."""
    gateway.answers.append(Reason.HOLDOUT)
    assert editor.next_edit(editor.open("other.py", CODE), 4) is None
    hidden = gateway.given[-1]
    editor.wait(lambda: gateway.of(hidden, "settled"), "another region to settle")


def comes_back(editor: Editor, gateway: StandIn, uri: str) -> bool:
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    return editor.next_edit(uri, 4) is not None


def test_a_late_accept_counts(launch: Launch, gateway: StandIn) -> None:
    editor = started(launch)
    uri, edit, name = offered(editor, gateway)
    look_for_long(editor, gateway)
    editor.apply(uri, edit)
    editor.command("hone.accept", name)
    editor.wait_delivered()
    [outcome], [settled] = gateway.of(name, "outcome"), gateway.of(name, "settled")
    assert outcome.outcome == "accepted"
    assert "total_4 = 4\n" in settled.accepted_text
    assert len(gateway.of(name, "survival")) == 3


def test_a_word_can_be_taken_late(launch: Launch, gateway: StandIn) -> None:
    editor = started(launch)
    _, _, name = offered(editor, gateway)
    look_for_long(editor, gateway)
    number = editor.send("workspace/executeCommand", {"command": "hone.acceptWord"})
    editor.answer(editor.asked("workspace/applyEdit"), {"applied": True})
    assert editor.result(number) is True
    assert not gateway.of(name, "outcome")


def test_a_late_dismissal_counts(launch: Launch, gateway: StandIn) -> None:
    editor = started(launch)
    uri, _, name = offered(editor, gateway)
    look_for_long(editor, gateway)
    assert editor.command("hone.dismiss", name) == 1
    assert not comes_back(editor, gateway, uri)
    assert reason(editor) == "dismissed_before"
    editor.wait_delivered()
    assert [event.outcome for event in gateway.of(name, "outcome")] == ["rejected"]


def test_what_is_dismissed_when_it_has_settled_does_not_come_back(
    launch: Launch, gateway: StandIn
) -> None:
    editor = started(launch, HONE_LSP_SETTLING__LONGEST_WAIT_S="0.5")
    uri, _, name = offered(editor, gateway)
    editor.wait(lambda: gateway.of(name, "settled"), "the offer to settle")
    assert editor.command("hone.dismiss", name) == 1
    assert editor.command("hone.dismiss", name) == 0
    assert not comes_back(editor, gateway, uri)


def test_dismissing_what_was_taken_refuses_nothing(launch: Launch, gateway: StandIn) -> None:
    editor = started(launch)
    uri, edit, name = offered(editor, gateway)
    editor.apply(uri, edit)
    editor.command("hone.accept", name)
    assert editor.command("hone.dismiss", name) == 0


@pytest.mark.parametrize("typed_on", [" ", " # why"])
def test_a_dismissed_edit_does_not_come_back_with_the_next_key(
    launch: Launch, gateway: StandIn, typed_on: str
) -> None:
    editor = started(launch)
    uri, _, name = offered(editor, gateway)
    assert editor.command("hone.dismiss", name) == 1
    editor.change(uri, ((4, 11), (4, 11), typed_on))
    assert not comes_back(editor, gateway, uri)
    assert reason(editor) == "dismissed_before"


def test_what_else_an_answer_holds_is_shown(launch: Launch, gateway: StandIn) -> None:
    editor = started(launch)
    uri, _, name = offered(editor, gateway)
    assert editor.command("hone.dismiss", name) == 1
    more = rewrite("value_9 = 9", "total_9 = 9")
    gateway.answers.append(lambda region: more(rewrite("value_4 = 4", "total_4 = 4")(region)))
    edit = editor.next_edit(uri, 7)
    assert edit
    assert (edit["range"]["start"]["line"], edit["text"]) == (9, "total")


def test_a_later_run_remembers(launch: Launch, gateway: StandIn, tmp_path: Path) -> None:
    editor = started(launch)
    _, _, name = offered(editor, gateway)
    assert editor.command("hone.dismiss", name) == 1
    editor.shutdown()
    [file] = tmp_path.rglob(FILE)
    assert file.stat().st_mode & 0o777 == 0o600
    assert "total" not in file.read_text()
    editor = started(launch)
    assert not comes_back(editor, gateway, typed(editor))
    assert reason(editor) == "dismissed_before"


def test_where_nothing_may_be_recorded_nothing_is_kept(tmp_path: Path) -> None:
    DismissedFile(tmp_path, lambda: FeedbackLevel.OFF).add(["hash"])
    assert list(tmp_path.iterdir()) == []


def test_the_file_keeps_the_last(tmp_path: Path) -> None:
    file = DismissedFile(tmp_path, lambda: FeedbackLevel.FACTS)
    for n in range(KEPT + 5):
        file.add([f"hash {n}"])
    assert file.known() == {f"hash {n}" for n in range(5, KEPT + 5)}


@pytest.mark.parametrize("text", ["5", "{", '["hash"]', "[[1]]", "null"])
def test_a_file_that_makes_no_sense_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    file = DismissedFile(tmp_path, lambda: FeedbackLevel.FULL)
    assert file.known() == set()
    file.add(["hash"])
    assert json.loads((tmp_path / FILE).read_text()) == [["hash"]]


def test_what_was_looked_at_for_long_is_asked_about_anew_after_another_edit(
    launch: Launch, gateway: StandIn
) -> None:
    editor = started(launch)
    uri, edit, name = offered(editor, gateway)
    look_for_long(editor, gateway)
    again = editor.next_edit(uri, 4)
    assert again
    assert again["command"] == edit["command"]
    editor.change(uri, ((19, 0), (19, 5), "other"))
    gateway.answers.append(rewrite("value_4 = 4", "better_4 = 4"))
    newer = editor.next_edit(uri, 4)
    assert newer
    assert newer["text"] == "better"
    editor.wait(lambda: gateway.of(name, "outcome"), "the first one's outcome")
    assert gateway.of(name, "outcome")[0].outcome == "superseded"

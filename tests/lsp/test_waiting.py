"""Requests that wait for their turn, and answers that are on their way while the user types on."""

from typing import Any

import pytest

from feedback_store.events import Reason
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, rewrite, typed
from tests.lsp.standin import StandIn

ASK = "textDocument/copilotInlineEdit"


def ask(editor: Editor, uri: str, line: int) -> int:
    return editor.send(ASK, editor.at(uri, line))


def behind_two(editor: Editor, gateway: StandIn, uri: str) -> int:
    """Ask while two other requests are out; the number of the one that waits."""
    gateway.delay_s = 0.5
    for name in ("first.py", "second.py"):
        ask(editor, typed(editor, name=name), 4)
    editor.wait(lambda: len(gateway.requests) == 2, "two requests on their way")
    number = ask(editor, uri, 4)
    # Answered after the one before, on the same connection, has begun to wait.
    editor.status()
    return number


def test_what_waited_while_the_document_changed_is_not_asked(
    editor: Editor, gateway: StandIn
) -> None:
    uri = typed(editor, name="waits.py")
    gateway.answers += [Reason.NO_EDIT] * 2 + [rewrite("value_4", "total_4")]
    number = behind_two(editor, gateway, uri)
    editor.change(uri, ((0, 0), (0, 0), "NEW\n"))
    assert editor.result(number) == {"edits": []}
    assert len(gateway.requests) == 2


def test_what_waited_is_asked_once_there_is_room(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, name="stays.py")
    gateway.answers += [Reason.NO_EDIT] * 2 + [rewrite("value_4", "total_4")]
    [edit] = editor.result(behind_two(editor, gateway, uri))["edits"]
    editor.apply(uri, edit)
    assert "total_4 = 4\n" in editor.texts[uri]


@pytest.mark.parametrize("level", ["facts", "off"])
def test_what_waited_leaves_at_the_level_of_then(
    editor: Editor, gateway: StandIn, level: str
) -> None:
    uri = typed(editor, name="lowered.py")
    gateway.answers += [Reason.NO_EDIT] * 2 + [rewrite("value_4", "total_4")]
    number = behind_two(editor, gateway, uri)
    assert editor.command("hone.feedback", level)["level"] == level
    for edit in editor.result(number)["edits"]:
        editor.apply(uri, edit)
    editor.close_documents()
    editor.wait_delivered()
    editor.command("hone.feedback", "full")
    assert [request.level for request in gateway.requests] == ["full", "full", level]
    assert not [event for event in gateway.events if getattr(event, "settled_text", None)]


def moved_on(editor: Editor, gateway: StandIn, name: str, *edit: Any) -> tuple[str, Any]:
    """Make an edit while an answer is on its way; document and answer."""
    uri = typed(editor, CODE * 3, name)
    gateway.answers.append(rewrite("value_14", "total_14"))
    gateway.delay_s = 0.3
    number = ask(editor, uri, 14)
    editor.wait(lambda: gateway.requests, "the request")
    editor.change(uri, edit)
    return uri, editor.result(number)["edits"]


def test_an_answer_to_an_edit_that_grew_is_stale(editor: Editor, gateway: StandIn) -> None:
    _, edits = moved_on(editor, gateway, "grew.py", (2, 7), (2, 7), "x")
    assert edits == []
    editor.wait_delivered()
    [outcome] = gateway.of(gateway.given[0], "outcome")
    assert (outcome.outcome, outcome.reason, outcome.shown) == ("stale", "document_moved", "no")


def test_an_answer_outlives_an_edit_far_away(editor: Editor, gateway: StandIn) -> None:
    uri, [edit] = moved_on(editor, gateway, "far.py", (50, 0), (50, 0), "# far away\n")
    editor.apply(uri, edit)
    assert editor.texts[uri].splitlines()[14] == "total_14 = 14"

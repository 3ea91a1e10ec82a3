"""Words and lines of an edit on offer, applied by the server: versioned, and a partial accept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.conftest import user
from tests.lsp.editor import Editor
from tests.lsp.scenes import rewrite, typed
from tests.lsp.standin import StandIn

CAPABILITIES = {
    "textDocument": {"inlineCompletion": {}},
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}},
}


@pytest.fixture(scope="module")
def running(standin: StandIn, house: Path) -> Iterator[Editor]:
    """An editor that applies edits, of which it shows ghost text by itself."""
    started = Editor(house / "workspace", user(standin, house))
    started.initialize(capabilities=CAPABILITIES)
    yield started
    started.shutdown()


def offer(editor: Editor, gateway: StandIn, old: str, new: str) -> tuple[str, str]:
    uri = typed(editor)
    gateway.answers.append(rewrite(old, new))
    edit = editor.next_edit(uri, 4)
    assert edit
    return uri, edit["command"]["arguments"][0]


def take(editor: Editor, uri: str, command: str, *, applied: bool = True) -> bool:
    number = editor.send("workspace/executeCommand", {"command": command, "arguments": []})
    request = editor.asked("workspace/applyEdit")
    [change] = request["params"]["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": uri, "version": editor.versions[uri]}
    if applied:
        editor.apply(uri, change["edits"][0])
    editor.answer(request, {"applied": applied})
    return editor.result(number)


def line(editor: Editor, uri: str, number: int = 4) -> str:
    return editor.texts[uri].split("\n")[number]


def outcome(editor: Editor, gateway: StandIn, name: str) -> Any:
    editor.wait_delivered()
    [found] = gateway.of(name, "outcome")
    return found


def test_word_by_word(editor: Editor, gateway: StandIn) -> None:
    uri, name = offer(editor, gateway, "value_4 = 4\n", "value_4 = 4 + value_3 + value_2\n")
    assert take(editor, uri, "hone.acceptWord")
    assert line(editor, uri) == "value_4 = 4 +"
    assert take(editor, uri, "hone.acceptWord")
    assert line(editor, uri) == "value_4 = 4 + value_3"
    rest = editor.next_edit(uri, 4)
    assert rest
    assert rest["text"] == " + value_2"
    decided = outcome(editor, gateway, name)
    assert (decided.outcome, decided.shown) == ("partially_accepted", "yes")
    [settled] = gateway.of(name, "settled")
    assert "value_4 = 4 + value_3\n" in settled.accepted_text


def test_a_word_takes_the_place_of_a_word(editor: Editor, gateway: StandIn) -> None:
    uri, name = offer(editor, gateway, "value_4 = 4\n", "sum_of = 4 * value_3, 5\n")
    assert take(editor, uri, "hone.acceptWord")
    assert line(editor, uri) == "sum_of = 4"
    while line(editor, uri) != "sum_of = 4 * value_3, 5":
        assert take(editor, uri, "hone.acceptWord")
    assert outcome(editor, gateway, name).outcome == "accepted"


def test_line_by_line(editor: Editor, gateway: StandIn) -> None:
    uri, name = offer(editor, gateway, "value_5 = 5\n", "one = 1\ntwo = 2\nvalue_5 = 5\n")
    assert take(editor, uri, "hone.acceptLine")
    assert [line(editor, uri, n) for n in (4, 5, 6)] == ["value_4 = 4", "one = 1", "value_5 = 5"]
    assert take(editor, uri, "hone.acceptLine")
    assert line(editor, uri, 6) == "two = 2"
    assert outcome(editor, gateway, name).outcome == "accepted"


def test_a_part_that_is_not_applied_is_no_part(editor: Editor, gateway: StandIn) -> None:
    uri, name = offer(editor, gateway, "value_4 = 4\n", "value_4 = 4 + value_3\n")
    assert take(editor, uri, "hone.acceptWord", applied=False) is False
    editor.change(uri, ((4, 11), (4, 11), " "))
    decided = outcome(editor, gateway, name)
    assert (decided.outcome, decided.reason) == ("diverged", "edit_refused")


def test_nothing_on_offer_is_nothing_to_take(editor: Editor, gateway: StandIn) -> None:
    typed(editor)
    assert editor.command("hone.acceptWord") is False
    offer(editor, gateway, "value_4 = 4\n", "value_4 = 4 + value_3\n")
    for argument in ("unknown", "", 7, {}):
        assert editor.command("hone.apply", argument) is False
    assert editor.hear("workspace/applyEdit") == []

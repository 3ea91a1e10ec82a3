"""A client as simple as ALE: whole texts, no versions, commands instead of edits, odd saves."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsp.quirks import same_text
from tests.lsp.conftest import Launch, user
from tests.lsp.desk import Desk
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, rewrite
from tests.lsp.standin import StandIn


@pytest.fixture(scope="module")
def running(standin: StandIn, house: Path) -> Iterator[Editor]:
    """An editor that says that it applies no edits of the server's."""
    started = Editor(house / "workspace", user(standin, house))
    started.initialize(capabilities={"workspace": {"applyEdit": False}})
    yield started
    started.shutdown()


def actions(editor: Editor, uri: str, line: int) -> list[dict[str, Any]]:
    place = {"line": line, "character": 0}
    params = {"textDocument": {"uri": uri}, "range": {"start": place, "end": place}}
    return editor.request("textDocument/codeAction", params | {"context": {"diagnostics": []}})


def offered(editor: Editor, gateway: StandIn) -> tuple[str, list[dict[str, Any]]]:
    """Rename a value as a whole text; the document and the actions that come of it, unasked."""
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    uri = editor.open("a.py", CODE)
    editor.send_whole(uri, CODE.replace("value_2 ", "total_2 "))
    return uri, editor.wait(lambda: actions(editor, uri, 4), "code actions")


def test_an_edit_without_a_command_is_accepted_by_the_text(
    editor: Editor, gateway: StandIn
) -> None:
    uri, [apply, dismiss] = offered(editor, gateway)
    assert "command" not in apply
    [edit] = apply["edit"]["changes"][uri]
    assert edit["newText"] == "total"
    editor.send_whole(uri, editor.texts[uri].replace("value_4 ", "total_4 "))
    editor.wait_delivered()
    [outcome] = gateway.of(dismiss["command"]["arguments"][0], "outcome")
    assert (outcome.outcome, outcome.shown) == ("accepted", "unknown")
    assert gateway.requests[0].context.recent_edits[-1].diff == (
        " value_1 = 1\n-value_2 = 2\n+total_2 = 2\n"
    )


def test_a_save_with_escaped_line_ends_spoils_nothing(editor: Editor, gateway: StandIn) -> None:
    uri, [_, dismiss] = offered(editor, gateway)
    escaped = editor.texts[uri].replace("\n", "\\n")
    editor.notify("textDocument/didSave", {"textDocument": {"uri": uri}, "text": escaped})
    assert actions(editor, uri, 4)
    editor.command("hone.dismiss", *dismiss["command"]["arguments"])
    editor.wait_delivered()
    [settled] = gateway.of(dismiss["command"]["arguments"][0], "settled")
    assert not settled.bulk_change


def test_a_save_that_adds_the_last_line_end_spoils_nothing(
    launch: Launch, gateway: StandIn
) -> None:
    editor = launch()
    editor.initialize()
    gateway.answers.append(rewrite("value_4 = 4", "ended_4 = 4"))
    uri = editor.open("unended.py", CODE.rstrip("\n"))
    editor.change(uri, ((2, 0), (2, 7), "total_2"))
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.apply(uri, edit)
    written = editor.texts[uri] + "\n"
    editor.notify("textDocument/didSave", {"textDocument": {"uri": uri}, "text": written})
    status = editor.status()
    assert status["differences"] == 0
    known = status["documents"][uri]
    assert known["sha256"] == hashlib.sha256(written.encode()).hexdigest()
    editor.wait_delivered()
    [settled] = gateway.of(edit["command"]["arguments"][0], "settled")
    assert settled.accepted_text == settled.settled_text
    assert not settled.bulk_change


@pytest.mark.parametrize(
    ("saved", "known", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\\nb\\n", "a\nb\n", True),
        ("say('\\n')\\nb\\n", "say('\\n')\nb\n", True),
        ("a\\nc\\n", "a\nb\n", False),
        ("a b", "a\nb\n", False),
        ("a\nb", "a\nb\n", True),
        ("a\nb\n", "a\nb", True),
        ("a\r\nb\r\n", "a\r\nb", True),
        ("a\nb\n\n", "a\nb", False),
        ("\n", "", True),
        ("a", "", False),
        ("say('\\n')\n", "say('\n')\n", False),
    ],
)
def test_what_a_save_says(saved: str, known: str, same: bool) -> None:
    assert same_text(saved, known) is same


def test_a_whole_text_that_differs_by_a_key_is_typing() -> None:
    desk = Desk("one = 1\ntwo = 2\n")
    change = desk.document.replace_all("one = 1\ntwo = 23\n")
    assert (change.first, change.inserted, change.removed) == (1, "3", "")
    assert change.by_hand
    assert not desk.document.replace_all("one = 1\ntwo = three\n").by_hand

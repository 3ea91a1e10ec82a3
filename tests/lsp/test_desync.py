"""A document that differs from the editor's is noticed, silent, and mended by a full text."""

import hashlib
import json
from typing import Any

import pytest

from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, reason, rewrite, typed
from tests.lsp.standin import StandIn

TOTAL = rewrite("value_4 = 4", "total_4 = 4")
IMPOSSIBLE = [((99, 0), (99, 1)), ((3, 0), (2, 0)), ((2, 5), (2, 1)), ((22, 0), (22, 0))]


def change(editor: Editor, uri: str, *changes: dict[str, Any]) -> None:
    editor.versions[uri] += 1
    document = {"uri": uri, "version": editor.versions[uri]}
    params = {"textDocument": document, "contentChanges": list(changes)}
    editor.notify("textDocument/didChange", params)


def impossible(
    editor: Editor,
    uri: str,
    start: tuple[int, int] = (99, 0),
    end: tuple[int, int] = (99, 1),
) -> None:
    """Send a change of which the editor itself knows nothing."""
    places = [{"line": line, "character": column} for line, column in (start, end)]
    change(editor, uri, {"range": dict(zip(("start", "end"), places, strict=True)), "text": "?"})


def save(editor: Editor, uri: str, text: str | None) -> None:
    more = {} if text is None else {"text": text}
    editor.notify("textDocument/didSave", {"textDocument": {"uri": uri}} | more)


def told(editor: Editor, uri: str) -> dict[str, Any]:
    return editor.status()["documents"][uri]


def same(editor: Editor, uri: str) -> bool:
    return told(editor, uri)["sha256"] == hashlib.sha256(editor.texts[uri].encode()).hexdigest()


def test_the_whole_text_at_save_is_asked_for(launch: Launch) -> None:
    capabilities = launch().initialize()["capabilities"]
    assert capabilities["textDocumentSync"]["save"] == {"includeText": True}


@pytest.mark.parametrize(("start", "end"), IMPOSSIBLE)
def test_impossible_ranges_are_noticed(
    editor: Editor, gateway: StandIn, start: tuple[int, int], end: tuple[int, int]
) -> None:
    uri = typed(editor)
    before = editor.status()["differences"]
    impossible(editor, uri, start, end)
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "excluded"
    assert not told(editor, uri)["trusted"]
    assert editor.status()["differences"] == before + 1
    assert gateway.requests == []


def test_no_face_shows_anything_meanwhile(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(TOTAL)
    assert editor.next_edit(uri, 4)
    impossible(editor, uri)
    place = {"line": 4, "character": 0}
    action = {
        "textDocument": {"uri": uri},
        "range": {"start": place, "end": place},
        "context": {"diagnostics": [], "triggerKind": 1},
    }
    assert editor.request("textDocument/codeAction", action) is None
    ghost = editor.at(uri, 4) | {"context": {"triggerKind": 1}}
    assert editor.request("textDocument/inlineCompletion", ghost)["items"] == []
    assert editor.next_edit(uri, 4) is None
    assert len(gateway.requests) == 1


def test_answer_on_its_way_is_not_shown_either(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(TOTAL)
    gateway.delay_s = 0.3
    number = editor.send("textDocument/copilotInlineEdit", editor.at(uri, 4))
    editor.wait(lambda: gateway.requests, "the request")
    impossible(editor, uri)
    assert editor.result(number) == {"edits": []}


@pytest.mark.parametrize("mend", ["save", "open", "again", "whole"])
def test_a_full_text_mends_it(editor: Editor, gateway: StandIn, mend: str) -> None:
    uri = typed(editor)
    impossible(editor, uri)
    editor.change(uri, ((7, 0), (7, 5), "lost_on_the_server"))
    assert not same(editor, uri)
    text = editor.texts[uri]
    if mend == "save":
        save(editor, uri, text)
    elif mend == "again":
        editor.open("a.py", text)
    elif mend == "open":
        editor.close_documents()
        editor.open("a.py", text)
    else:
        change(editor, uri, {"text": text})
    assert told(editor, uri)["trusted"]
    assert same(editor, uri)
    gateway.answers.append(TOTAL)
    edit = editor.next_edit(uri, 4)
    assert edit
    assert "lost_on_the_server" in gateway.requests[-1].context.region


def test_save_without_a_text_mends_nothing(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    impossible(editor, uri)
    save(editor, uri, None)
    assert editor.next_edit(uri, 4) is None
    assert not told(editor, uri)["trusted"]


def test_another_text_at_save_is_noticed_and_believed(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    before = editor.status()["differences"]
    gateway.answers += [TOTAL, TOTAL]
    first = editor.next_edit(uri, 4)
    assert first
    editor.texts[uri] = editor.texts[uri].replace("value_3 = 3", "value_3 = 33")
    save(editor, uri, editor.texts[uri])
    assert same(editor, uri)
    assert editor.status()["differences"] == before + 1
    second = editor.next_edit(uri, 4)
    assert second
    assert second["command"] != first["command"]
    assert "value_3 = 33" in gateway.requests[-1].context.region
    editor.wait_delivered()
    [settled] = gateway.of(first["command"]["arguments"][0], "settled")
    assert settled.bulk_change


def test_same_text_at_save_is_no_difference(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    before = editor.status()["differences"]
    gateway.answers.append(TOTAL)
    first = editor.next_edit(uri, 4)
    save(editor, uri, editor.texts[uri])
    assert editor.next_edit(uri, 4) == first
    assert editor.status()["differences"] == before


def test_file_that_was_too_large_comes_back_with_its_text(editor: Editor, gateway: StandIn) -> None:
    uri = editor.open("a.py", CODE * 10_000)
    editor.wait(lambda: "larger" in told(editor, uri)["silence"], "its rules to be known, too")
    editor.texts[uri] = CODE
    save(editor, uri, CODE)
    assert (told(editor, uri)["silence"], same(editor, uri)) == (None, True)


def test_status_holds_no_text(editor: Editor, gateway: StandIn) -> None:
    typed(editor)
    assert "value_" not in json.dumps(editor.status())


def test_half_a_character_is_settled_without_its_text(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(TOTAL)
    offer = editor.next_edit(uri, 4)
    assert offer
    editor.change(uri, ((5, 0), (5, 0), "\ud83d"))
    editor.open("a.py", CODE)
    assert same(editor, uri)
    editor.wait_delivered()
    [settled] = gateway.of(offer["command"]["arguments"][0], "settled")
    assert (settled.level, settled.settled_text, settled.region_changed) == ("facts", None, True)

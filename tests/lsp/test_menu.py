"""A menu of code actions opened by hand: how long it waits for the model, and what comes later."""

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from feedback_store.events import Reason
from tests.lsp.conftest import Launch
from tests.lsp.editor import WAIT_S, Editor
from tests.lsp.scenes import CODE, rewrite
from tests.lsp.standin import StandIn

PLAIN: dict[str, Any] = {"workspace": {"workspaceEdit": {"documentChanges": True}}}
"""An editor that knows neither ghost text nor next edits."""
OTHER = "".join(f"other_{n}\n" for n in range(30)) + "use(value_2)\n"


@pytest.fixture
def said() -> Iterator[Event]:
    """Set once the model may answer."""
    event = Event()
    yield event
    event.set()


def held(said: Event, old: str, new: str) -> Any:
    return lambda region: rewrite(old, new)(region) if said.wait(WAIT_S) else None


def menu(editor: Editor, uri: str, *only: str, line: int = 4) -> list[dict[str, Any]]:
    """Open the menu by hand; what Hone has for it."""
    spot = {"line": line, "character": 0}
    context = {"diagnostics": [], "triggerKind": 1} | ({"only": list(only)} if only else {})
    params = {"textDocument": {"uri": uri}, "range": {"start": spot, "end": spot}}
    return editor.request("textDocument/codeAction", params | {"context": context}) or []


def commands(actions: list[dict[str, Any]]) -> list[str]:
    return [action["command"]["command"] for action in actions]


def test_one_for_rewriting_waits_for_the_model(editor: Editor, gateway: StandIn) -> None:
    uri = editor.open("a.py", CODE)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    assert commands(menu(editor, uri, "refactor.rewrite")) == ["hone.accept", "hone.dismiss"]
    assert gateway.requests[0].trigger == "invoked"


@pytest.mark.parametrize("only", [(), ("",), ("refactor",), ("quickfix",)])
def test_others_ask_nobody_where_the_client_has_other_faces(
    editor: Editor, gateway: StandIn, only: tuple[str, ...]
) -> None:
    uri = editor.open("a.py", CODE)
    assert menu(editor, uri, *only) == []
    assert gateway.requests == []


def test_an_answer_that_comes_too_late_is_in_the_next_one(
    launch: Launch, gateway: StandIn, said: Event
) -> None:
    editor = launch(HONE_LSP_SUGGEST__MENU_MS="1")
    editor.initialize(capabilities=PLAIN)
    uri = editor.open("a.py", CODE)
    gateway.answers.append(held(said, "value_4 = 4", "total_4 = 4"))
    assert menu(editor, uri) == []
    assert menu(editor, uri) == []
    said.set()
    found = editor.wait(lambda: menu(editor, uri), "the answer in the menu")
    assert commands(found) == ["hone.accept", "hone.dismiss"]
    assert [request.trigger for request in gateway.requests] == ["invoked"]


def test_so_is_one_for_another_file(launch: Launch, gateway: StandIn, said: Event) -> None:
    editor = launch(HONE_LSP_SUGGEST__MENU_MS="1", HONE_LSP_SUGGEST__DEBOUNCE_MS="0")
    editor.initialize(capabilities=PLAIN)
    editor.open("other.py", OTHER)
    uri = editor.open("a.py", CODE)
    gateway.answers += [held(said, "", ""), held(said, "value_2", "total_2")]
    editor.change(uri, ((2, 0), (2, 7), "total_2"))
    assert menu(editor, uri, line=2) == []
    said.set()
    apply, _ = editor.wait(lambda: menu(editor, uri, line=2), "the answer in the menu")
    assert apply["title"] == "Hone: apply the suggested edit in other.py, line 31"
    assert len(gateway.requests) == 2


def test_after_a_silence_it_asks_again(launch: Launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SUGGEST__MENU_MS="30000")
    editor.initialize(capabilities=PLAIN)
    uri = editor.open("a.py", CODE)
    gateway.answers += [Reason.OVERLOADED, rewrite("value_4 = 4", "total_4 = 4")]
    assert menu(editor, uri) == []
    assert commands(menu(editor, uri)) == ["hone.accept", "hone.dismiss"]


def test_one_that_is_closed_ends_the_question(launch: Launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SUGGEST__MENU_MS="30000")
    editor.initialize(capabilities=PLAIN)
    uri = editor.open("a.py", CODE)
    gateway.delay_s = WAIT_S
    spot = {"line": 4, "character": 0}
    context = {"diagnostics": [], "triggerKind": 1}
    params = {"textDocument": {"uri": uri}, "range": {"start": spot, "end": spot}}
    number = editor.send("textDocument/codeAction", params | {"context": context})
    editor.wait(lambda: gateway.requests, "the question")
    editor.notify("$/cancelRequest", {"id": number})
    editor.wait(lambda: gateway.hangups, "the end of the question")


def test_one_that_is_closed_takes_nothing_from_another(
    launch: Launch, gateway: StandIn, said: Event
) -> None:
    editor = launch(HONE_LSP_SUGGEST__MENU_MS="30000")
    editor.initialize(capabilities=PLAIN)
    uri = editor.open("a.py", CODE)
    gateway.answers.append(held(said, "value_4 = 4", "total_4 = 4"))
    spot = {"line": 4, "character": 0}
    context = {"diagnostics": [], "triggerKind": 1}
    params = {"textDocument": {"uri": uri}, "range": {"start": spot, "end": spot}}
    first, second = (
        editor.send("textDocument/codeAction", params | {"context": context}) for _ in range(2)
    )
    editor.wait(lambda: gateway.requests, "the question")
    editor.notify("$/cancelRequest", {"id": first})
    editor.status()
    said.set()
    assert commands(editor.result(second)) == ["hone.accept", "hone.dismiss"]
    assert len(gateway.requests) == 1

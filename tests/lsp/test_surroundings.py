"""Definitions and diagnostics reach the gateway, if its model sees them and they may be sent."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, typed
from tests.lsp.standin import HELLO, StandIn

USING = CODE.replace("value_4 = 4", "value_4 = helper(LIMIT)")
HELPER = "def helper(limit):\n    return limit\n\n\nLIMIT = 3\n"


@pytest.fixture
def seeing(gateway: StandIn) -> StandIn:
    """A gateway whose model sees some of everything."""
    gateway.hello = HELLO.model_copy(update={"excerpts": 2, "diagnostics": 2})
    return gateway


@pytest.fixture
def writer(launch: Launch, seeing: StandIn) -> Editor:
    editor = launch()
    editor.initialize()
    return editor


def shown(editor: Editor, gateway: StandIn, uri: str) -> list[tuple[str, str]]:
    """The excerpts of a request by hand, which is never answered from memory."""
    params = editor.at(uri, 4) | {"context": {"triggerKind": 1}}
    editor.request("textDocument/inlineCompletion", params)
    return [(one.path, one.text) for one in gateway.requests[-1].context.excerpts]


def until(editor: Editor, gateway: StandIn, uri: str, fits: Callable[[Any], bool]) -> Any:
    """Ask until the excerpts fit; the index is built when the typist rests."""

    def look() -> list[Any]:
        found = shown(editor, gateway, uri)
        return [found] if fits(found) else []

    editor.wait(lambda: editor.status()["gateway"]["connected"], "the greeting")
    return editor.wait(look, "the definitions")[0]


def complain(editor: Editor, uri: str, line: int, message: str, **more: Any) -> None:
    place = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 5}}
    diagnostic = {"range": place, "message": message, "severity": 2, "source": "linter"} | more
    context = {"diagnostics": [diagnostic], "triggerKind": 2}
    params = {"textDocument": {"uri": uri}, "range": place, "context": context}
    editor.request("textDocument/codeAction", params)


def test_definitions_in_use_are_sent(writer: Editor, seeing: StandIn) -> None:
    writer.open("lib/helper.py", HELPER)
    uri = typed(writer, USING)
    found = until(writer, seeing, uri, bool)
    assert found == [
        ("lib/helper.py", "def helper(limit):\n    return limit\n"),
        ("lib/helper.py", "LIMIT = 3\n"),
    ]


def test_closed_files_are_read_from_disk(writer: Editor, seeing: StandIn) -> None:
    file = writer.workspace / "helper.py"
    file.write_text("def helper(saved): ...\n")
    helper = writer.open("helper.py", "def helper(unsaved): ...\n")
    uri = typed(writer, USING)
    assert "unsaved" in until(writer, seeing, uri, bool)[0][1]
    writer.notify("textDocument/didClose", {"textDocument": {"uri": helper}})
    until(writer, seeing, uri, lambda found: "def helper(saved)" in found[0][1])
    file.write_text("def helper(saved, again): ...\n")
    until(writer, seeing, uri, lambda found: "again" in found[0][1])
    file.unlink()
    until(writer, seeing, uri, lambda found: not found)


def test_closed_files_that_are_too_large_are_not_read(launch: Launch, seeing: StandIn) -> None:
    writer = launch(HONE_LSP_EXCLUDE__MAX_BYTES="2000")
    writer.initialize()
    file = writer.workspace / "helper.py"
    file.write_text("def helper(large): ...\n" + "#" * 2000)
    large = writer.open("helper.py", file.read_text())
    (writer.workspace / "other.py").write_text("LIMIT = 4\n")
    other = writer.open("other.py", "LIMIT = 3\n")
    # What is closed first is read first.
    for closed in (large, other):
        writer.notify("textDocument/didClose", {"textDocument": {"uri": closed}})
    uri = typed(writer, USING)
    read = ("other.py", "LIMIT = 4\n")
    assert until(writer, seeing, uri, lambda found: read in found) == [read]
    file.write_text("def helper(small): ...\n")
    until(writer, seeing, uri, lambda found: "def helper(small)" in found[0][1])
    assert not [body for body in seeing.bodies if "large" in body]


def test_nothing_of_excluded_files_or_with_a_key(writer: Editor, seeing: StandIn) -> None:
    key = "AKIA" + "ABCDEFGH12345678"
    writer.open("ok.py", f"def helper(a): return '{key}'\n\nLIMIT = 4\n")
    secret = writer.open("secret.py", "def value_0(hidden): ...\n")
    uri = typed(writer, USING.replace("value_5", "value_5 = other_name"))
    writer.open("secrets.py", "def other_name(hidden): ...\n")
    assert until(writer, seeing, uri, bool) == [("ok.py", "LIMIT = 4\n")]
    (writer.workspace / ".honeignore").write_text("ok.py\n")
    until(writer, seeing, uri, lambda found: not found)
    assert secret
    assert not [body for body in seeing.bodies if "hidden" in body or key in body]


def test_complaints_of_others_are_sent(writer: Editor, seeing: StandIn) -> None:
    uri = typed(writer)
    writer.wait(lambda: writer.status()["gateway"]["connected"], "the greeting")
    complain(writer, uri, 5, "no such name")
    complain(writer, uri, 9, "unused")
    complain(writer, uri, 15, "too far away")
    complain(writer, uri, 6, "next edit here", source="hone")
    complain(writer, uri, 7, "key 'AKIA" + "ABCDEFGH12345678'")
    writer.change(uri, ((9, 0), (9, 0), "x"), ((0, 0), (0, 0), "import os\n"))
    writer.next_edit(uri, 5)
    found = [
        (one.line, one.severity, one.message) for one in seeing.requests[0].context.diagnostics
    ]
    assert found == [(6, 2, "no such name")]


def test_a_model_that_sees_neither_gets_neither(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    editor.initialize()
    editor.open("helper.py", HELPER)
    uri = typed(editor, USING)
    complain(editor, uri, 5, "no such name")
    editor.next_edit(uri, 4)
    context = gateway.requests[0].context
    assert (context.excerpts, context.diagnostics) == ((), ())

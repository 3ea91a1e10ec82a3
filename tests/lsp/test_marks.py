"""Editors that know neither ghost text nor next edits: hints, lenses, edits nobody asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feedback_store.events import Reason
from tests.lsp.conftest import user
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, rewrite, typed
from tests.lsp.standin import StandIn

PLAIN: dict[str, Any] = {
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True},
        "codeLens": {"refreshSupport": True},
    }
}


@pytest.fixture(scope="module")
def running(standin: StandIn, house: Path) -> Iterator[Editor]:
    """A plain editor."""
    started = Editor(house / "workspace", user(standin, house))
    started.initialize(capabilities=PLAIN)
    yield started
    started.shutdown()


def marks(editor: Editor, uri: str) -> list[dict[str, Any]]:
    """Return the hints that stand in a document."""
    told = [one for one in editor.hear("textDocument/publishDiagnostics") if one["uri"] == uri]
    return told[-1]["diagnostics"] if told else []


def lenses(editor: Editor, uri: str) -> list[dict[str, Any]]:
    return editor.request("textDocument/codeLens", {"textDocument": {"uri": uri}}) or []


def marked(editor: Editor, gateway: StandIn, old: str, new: str) -> tuple[str, str]:
    """Make an edit, and wait for the hint that follows; document and suggestion."""
    gateway.answers.append(rewrite(old, new))
    uri = typed(editor)
    editor.wait(lambda: marks(editor, uri), "a hint")
    return uri, lenses(editor, uri)[-1]["command"]["arguments"][0]


def outcome(editor: Editor, gateway: StandIn, name: str) -> Any:
    editor.wait_delivered()
    [found] = gateway.of(name, "outcome")
    return found


def applied(editor: Editor, uri: str, request: dict[str, Any]) -> None:
    [change] = request["params"]["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": uri, "version": editor.versions[uri]}
    editor.apply(uri, change["edits"][0])


def test_what_is_only_marked_is_seen(editor: Editor, gateway: StandIn) -> None:
    uri, name = marked(editor, gateway, "value_4 = 4", "total_4 = 4")
    gateway.answers.append(Reason.NO_EDIT)
    editor.change(uri, ((4, 0), (4, 5), "other"))
    assert outcome(editor, gateway, name).visible_ms is not None


def test_an_edit_nobody_asked_for_is_marked(editor: Editor, gateway: StandIn) -> None:
    uri, name = marked(editor, gateway, "value_4 = 4", "total_4 = 4")
    [hint] = marks(editor, uri)
    assert (hint["severity"], hint["message"]) == (4, "Hone: next edit here")
    assert hint["range"]["start"] == {"line": 4, "character": 0}
    accept, dismiss = lenses(editor, uri)
    assert accept["command"]["title"] == "Hone: accept total_4 = 4"
    assert (accept["command"]["command"], dismiss["command"]["command"]) == (
        "hone.apply",
        "hone.dismiss",
    )
    assert editor.hear("workspace/codeLens/refresh")
    assert [request.trigger for request in gateway.requests] == ["automatic"]
    context = gateway.requests[0].context
    assert (context.cursor_line, context.cursor_character) == (2, 7)
    spot = {"line": 4, "character": 0}
    params = {"textDocument": {"uri": uri}, "range": {"start": spot, "end": spot}}
    context = {"diagnostics": [], "triggerKind": 2}
    actions = editor.request("textDocument/codeAction", params | {"context": context})
    assert [action["command"]["arguments"] for action in actions] == [[name], [name]]


def test_accept_applies_the_edit(editor: Editor, gateway: StandIn) -> None:
    uri, name = marked(editor, gateway, "value_4 = 4", "total_4 = 4")
    command = lenses(editor, uri)[0]["command"]
    number = editor.send("workspace/executeCommand", command)
    request = editor.asked("workspace/applyEdit")
    applied(editor, uri, request)
    editor.answer(request, {"applied": True})
    assert editor.result(number) is True
    assert "total_4 = 4\n" in editor.texts[uri]
    editor.wait(lambda: not marks(editor, uri), "the hint to go")
    assert lenses(editor, uri) == []
    decided = outcome(editor, gateway, name)
    assert (decided.outcome, decided.shown, decided.reason) == ("accepted", "yes", None)


def test_accept_answered_before_the_change(editor: Editor, gateway: StandIn) -> None:
    uri, name = marked(editor, gateway, "value_4 = 4", "value_4 = 40")
    number = editor.send("workspace/executeCommand", {"command": "hone.apply"})
    request = editor.asked("workspace/applyEdit")
    editor.answer(request, {"applied": True})
    assert editor.result(number) is True
    applied(editor, uri, request)
    assert outcome(editor, gateway, name).outcome == "accepted"


def test_an_edit_that_is_not_applied_stays_on_offer(editor: Editor, gateway: StandIn) -> None:
    uri, name = marked(editor, gateway, "value_4 = 4", "total_4 = 4")
    number = editor.send("workspace/executeCommand", {"command": "hone.apply", "arguments": [name]})
    request = editor.asked("workspace/applyEdit")
    editor.answer(request, {"applied": False, "failureReason": "the user said no"})
    assert editor.result(number) is False
    assert editor.status()["last_silence"] == {
        "reason": "edit_refused",
        "detail": "the user said no",
    }
    assert marks(editor, uri)
    decided = outcome(editor, gateway, name)
    assert (decided.outcome, decided.reason) == ("expired", "edit_refused")


def test_a_refused_edit_may_be_accepted_later(editor: Editor, gateway: StandIn) -> None:
    uri, name = marked(editor, gateway, "value_4 = 4", "total_4 = 4")
    number = editor.send("workspace/executeCommand", {"command": "hone.apply"})
    request = editor.asked("workspace/applyEdit")
    editor.answer(request, {"applied": False})
    assert editor.result(number) is False
    applied(editor, uri, request)
    decided = outcome(editor, gateway, name)
    assert (decided.outcome, decided.reason) == ("accepted", None)


@pytest.mark.parametrize("how", ["dismiss", "diverge", "close", "expire"])
def test_hints_go_with_the_offer(editor: Editor, gateway: StandIn, how: str) -> None:
    uri, name = marked(editor, gateway, "value_4 = 4", f"{how}_4 = 4")
    if how == "dismiss":
        assert editor.command("hone.dismiss", name) == 1
    elif how == "diverge":
        editor.change(uri, ((4, 0), (4, 11), "something else"))
    elif how == "close":
        editor.close_documents()
    editor.wait(lambda: not marks(editor, uri), "the hint to go")
    told = {"dismiss": "rejected", "diverge": "diverged"}.get(how, "expired")
    assert outcome(editor, gateway, name).outcome == told


def test_a_hint_that_was_left_goes_with_the_next_edit(editor: Editor, gateway: StandIn) -> None:
    uri, _ = marked(editor, gateway, "value_4 = 4", "left_4 = 4")
    # Another region, of which nothing is shown, settles: the quiet time has passed.
    gateway.answers.append(Reason.HOLDOUT)
    place = {"line": 4, "character": 0}
    params = {"textDocument": {"uri": editor.open("other.py", CODE)}}
    params |= {"range": {"start": place, "end": place}}
    editor.request(
        "textDocument/codeAction", params | {"context": {"diagnostics": [], "triggerKind": 1}}
    )
    hidden = gateway.given[-1]
    editor.wait(lambda: gateway.of(hidden, "settled"), "another region to settle")
    assert marks(editor, uri)
    editor.change(uri, ((19, 0), (19, 5), "other"))
    editor.wait(lambda: not marks(editor, uri), "the hint to go")


def test_hints_move_with_the_text(editor: Editor, gateway: StandIn) -> None:
    gateway.answers.append(rewrite("value_4 = 4\n", "value_4 = 4 + value_3\n"))
    uri = typed(editor)
    editor.wait(lambda: marks(editor, uri), "a hint")
    assert marks(editor, uri)[0]["range"]["end"] == {"line": 4, "character": 11}
    editor.change(uri, ((4, 11), (4, 11), " "))
    editor.change(uri, ((4, 12), (4, 12), "+"))
    end = {"line": 4, "character": 13}
    editor.wait(lambda: marks(editor, uri)[0]["range"]["end"] == end, "the hint to move")


def test_a_client_that_asks_for_next_edits_is_not_plain(launch, gateway: StandIn) -> None:
    editor = launch()
    editor.initialize(capabilities=PLAIN)
    uri, name = marked(editor, gateway, "value_4 = 4", "total_4 = 4")
    edit = editor.next_edit(uri, 4)
    assert edit
    assert edit["command"]["arguments"] == [name]
    editor.wait(lambda: not marks(editor, uri), "the hint to go")
    assert lenses(editor, uri) == []
    editor.change(uri, ((9, 0), (9, 5), "total"))
    editor.status()
    assert len(gateway.requests) == 1


def test_marks_can_be_had_always(launch, gateway: StandIn) -> None:
    editor = launch("--suggest.marks", "always")
    editor.initialize()
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    assert editor.next_edit(uri, 4)
    assert marks(editor, uri)
    # It says nothing of edits that the server may send.
    assert [lens["command"]["command"] for lens in lenses(editor, uri)] == ["hone.dismiss"]
    assert editor.command("hone.apply") is False
    assert editor.status()["last_silence"]["reason"] == "edit_refused"


def test_marks_can_be_had_never(launch, gateway: StandIn) -> None:
    editor = launch("--suggest.marks", "never")
    editor.initialize(capabilities=PLAIN)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    uri = typed(editor)
    editor.wait(lambda: editor.status()["open_suggestions"], "an offer")
    assert marks(editor, uri) == []
    spot = {"line": 4, "character": 0}
    params = {"textDocument": {"uri": uri}, "range": {"start": spot, "end": spot}}
    [apply, _] = editor.request(
        "textDocument/codeAction", params | {"context": {"diagnostics": []}}
    )
    assert apply["edit"]["documentChanges"]


def test_nothing_is_marked_where_the_model_is_silent(editor: Editor, gateway: StandIn) -> None:
    gateway.answers.append(Reason.NO_EDIT)
    uri = editor.open("quiet.py", CODE)
    editor.change(uri, ((2, 0), (2, 7), "total_2"))
    editor.wait(lambda: gateway.requests, "the request")
    editor.wait_delivered()
    assert marks(editor, uri) == []

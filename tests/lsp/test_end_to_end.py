"""The language server as a process, an editor over stdio, and a real HTTP gateway."""

from feedback_store.events import Reason
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, rewrite, typed
from tests.lsp.standin import StandIn


def test_next_edit_is_accepted_by_command(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    assert edit["textDocument"] == {"uri": uri, "version": 2}
    editor.apply(uri, edit)
    assert editor.texts[uri] == CODE.replace("value_2", "total_2").replace("value_4", "total_4")
    name = edit["command"]["arguments"][0]
    assert editor.command(edit["command"]["command"], name) in (True, False)
    editor.wait_delivered()
    [outcome], [settled] = gateway.of(name, "outcome"), gateway.of(name, "settled")
    assert outcome.outcome == "accepted"
    assert settled.settled_by == "quiet"
    assert settled.region_changed
    assert "total_4 = 4\n" in settled.settled_text
    assert settled.accepted_text == settled.settled_text
    survivals = gateway.of(name, "survival")
    assert [s.horizon_s for s in survivals] == [0, 0.1, 0.3]
    assert [s.last for s in survivals] == [False, False, True]
    assert {s.retained for s in survivals} == {1.0}
    request = gateway.requests[0]
    assert request.context.path == "a.py"
    assert request.context.recent_edits[-1].diff == " value_1 = 1\n-value_2 = 2\n+total_2 = 2\n"
    assert (request.context.region_first_line, request.context.cursor_line) == (1, 3)


def test_accept_is_seen_without_any_command(launch: Launch, gateway: StandIn) -> None:
    # Another client than the one that reports its accepts in other tests here.
    editor = launch()
    editor.initialize()
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.apply(uri, edit)
    editor.wait_delivered()
    [outcome] = gateway.of(edit["command"]["arguments"][0], "outcome")
    assert (outcome.outcome, outcome.shown) == ("accepted", "unknown")


def test_command_before_the_change_is_the_same_accept(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    name = edit["command"]["arguments"][0]
    assert editor.command("hone.accept", name) is True
    editor.apply(uri, edit)
    editor.wait_delivered()
    [outcome] = gateway.of(name, "outcome")
    assert (outcome.outcome, outcome.shown) == ("accepted", "yes")


def test_undo_marks_the_accept(launch: Launch, gateway: StandIn) -> None:
    # Another client than the one that reports its accepts in other tests here.
    editor = launch()
    editor.initialize()
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.apply(uri, edit)
    editor.change(uri, ((4, 0), (4, 5), "value"))
    editor.wait_delivered()
    name = edit["command"]["arguments"][0]
    [outcome], [settled] = gateway.of(name, "outcome"), gateway.of(name, "settled")
    assert (outcome.outcome, settled.undone, settled.region_changed) == ("accepted", True, False)
    assert gateway.of(name, "survival")[-1].reverted is True


def test_dismissed_edit_does_not_come_back(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers += [rewrite("value_4 = 4", "unwanted_4 = 4")] * 2
    edit = editor.next_edit(uri, 4)
    assert edit
    first = edit["command"]["arguments"][0]
    assert editor.command("hone.dismiss", first) == 1
    editor.change(uri, ((19, 0), (19, 5), "other"))
    assert editor.next_edit(uri, 4) is None
    assert editor.status()["last_silence"]["reason"] == "dismissed_before"
    editor.wait_delivered()
    assert [e.outcome for e in gateway.of(first, "outcome")] == ["rejected"]
    reasons = [getattr(event, "reason", None) for event in gateway.events]
    assert "dismissed_before" in reasons


def test_typed_through_and_shrinking(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4\n", "value_4 = 4.5\n"))
    edit = editor.next_edit(uri, 4, 11)
    assert edit
    assert edit["text"] == ".5"
    editor.change(uri, ((4, 11), (4, 11), "."))
    again = editor.next_edit(uri, 4, 12)
    assert again
    assert (again["text"], again["command"]) == ("5", edit["command"])
    editor.change(uri, ((4, 12), (4, 12), "5"))
    editor.wait_delivered()
    [outcome] = gateway.of(edit["command"]["arguments"][0], "outcome")
    assert outcome.outcome == "typed_through"
    assert len(gateway.requests) == 1


def test_typing_something_else_diverges(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.change(uri, ((4, 0), (4, 7), "amount_4"))
    editor.wait_delivered()
    name = edit["command"]["arguments"][0]
    [outcome], [settled] = gateway.of(name, "outcome"), gateway.of(name, "settled")
    assert outcome.outcome == "diverged"
    assert "amount_4 = 4\n" in settled.settled_text
    assert gateway.of(name, "survival") == []


def test_withheld_suggestion_still_settles(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(Reason.HOLDOUT)
    assert editor.next_edit(uri, 4) is None
    assert editor.next_edit(uri, 4) is None
    editor.change(uri, ((4, 0), (4, 5), "total"))
    editor.wait_delivered()
    [outcome, settled] = gateway.events
    assert (outcome.outcome, outcome.reason, outcome.shown) == ("withheld", "holdout", "no")
    assert "total_4 = 4\n" in settled.settled_text
    assert len(gateway.requests) == 1


def test_untouched_offer_expires(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    assert editor.next_edit(uri, 4)
    editor.wait_delivered()
    [outcome, settled] = gateway.events
    assert (outcome.outcome, settled.region_changed) == ("expired", False)


def test_document_that_moves_meanwhile(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.delay_s = 0.3
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    number = editor.send("textDocument/copilotInlineEdit", editor.at(uri, 4))
    editor.wait(lambda: gateway.requests, "the request")
    editor.change(uri, ((4, 0), (4, 7), "amount"))
    assert editor.result(number) == {"edits": []}
    editor.wait_delivered()
    [outcome] = [event for event in gateway.events if event.kind == "outcome"]
    assert (outcome.outcome, outcome.reason) == ("stale", "document_moved")


def test_lines_above_move_the_edit_with_them(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.delay_s = 0.3
    gateway.answers.append(rewrite("value_9 = 9", "total_9 = 9"))
    number = editor.send("textDocument/copilotInlineEdit", editor.at(uri, 9))
    editor.wait(lambda: gateway.requests, "the request")
    editor.change(uri, ((0, 0), (0, 0), "import os\n\n"))
    [edit] = editor.result(number)["edits"]
    assert edit["textDocument"]["version"] == 3
    editor.apply(uri, edit)
    assert "total_9 = 9\nvalue_10" in editor.texts[uri]


def test_request_for_an_old_version_is_silent(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    place = editor.at(uri, 4)
    place["textDocument"]["version"] = 1
    assert editor.request("textDocument/copilotInlineEdit", place) == {"edits": []}
    assert editor.status()["last_silence"]["reason"] == "document_moved"
    assert gateway.requests == []


def test_crlf_and_surrogate_pairs(launch: Launch, gateway: StandIn) -> None:
    # Another client than the one that reports its accepts in other tests here.
    editor = launch()
    editor.initialize()
    text = CODE.replace("value_4 = 4", "value_4 = '😀😀'; n = 4").replace("\n", "\r\n")
    uri = typed(editor, text)
    gateway.answers.append(rewrite("n = 4\n", "n = 5\nnew = '😀'\n"))
    edit = editor.next_edit(uri, 4)
    assert edit
    assert edit["range"]["start"] == {"line": 4, "character": 22}
    assert "\r" not in gateway.requests[0].context.region
    editor.apply(uri, edit)
    assert "'😀😀'; n = 5\r\nnew = '😀'\r\nvalue_5" in editor.texts[uri]
    assert editor.texts[uri].count("\n") == editor.texts[uri].count("\r\n")
    editor.wait_delivered()
    assert [e.outcome for e in gateway.events if e.kind == "outcome"] == ["accepted"]


def test_commands_as_notifications(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.notify("textDocument/didShowInlineEdit", {"item": {"command": edit["command"]}})
    editor.notify("textDocument/didFocus", {"textDocument": {"uri": uri}})
    name = edit["command"]["arguments"][0]
    editor.notify("workspace/executeCommand", {"command": "hone.dismiss", "arguments": [name]})
    editor.wait_delivered()
    [outcome] = gateway.of(name, "outcome")
    assert (outcome.outcome, outcome.shown) == ("rejected", "yes")


def test_partial_accept(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4\n", "value_4 = 4 + value_3 + value_2\n"))
    edit = editor.next_edit(uri, 4, 11)
    assert edit
    item = {"command": edit["command"]}
    editor.change(uri, ((4, 11), (4, 11), " + value_3"))
    params = {"item": item, "acceptedLength": 10}
    editor.notify("textDocument/didPartiallyAcceptCompletion", params)
    editor.wait_delivered()
    name = edit["command"]["arguments"][0]
    [outcome], [settled] = gateway.of(name, "outcome"), gateway.of(name, "settled")
    assert outcome.outcome == "partially_accepted"
    assert "value_4 = 4 + value_3\n" in settled.accepted_text
    assert [s.retained for s in gateway.of(name, "survival")] == [1.0, 1.0, 1.0]

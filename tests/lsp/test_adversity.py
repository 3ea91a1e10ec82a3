"""What must not go wrong when everything around the language server does."""

import json
import time

import pytest

from feedback_store.events import Reason
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, offered, reason, rewrite, typed
from tests.lsp.standin import StandIn

LONG = {"HONE_LSP_SETTLING__QUIET_S": "60", "HONE_LSP_SETTLING__LONGEST_WAIT_S": "60"}


def test_gateway_away_keeps_events_for_later(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    editor.initialize()
    uri, edit, name = offered(editor, gateway)
    editor.wait(lambda: editor.status()["pending_events"] == 0, "an empty spool")
    gateway.stop()
    editor.apply(uri, edit)
    editor.wait(lambda: editor.status()["open_suggestions"] == 0, "settlement")
    assert editor.status()["pending_events"] == 5
    assert editor.next_edit(uri, 12) is None
    assert reason(editor) == "gateway_down"
    editor.shutdown()
    assert gateway.events == []
    gateway.start()
    second = launch()
    second.initialize()
    second.wait(lambda: second.status()["pending_events"] == 0, "delivery")
    kinds = sorted(event.kind for event in gateway.events)
    assert kinds == ["outcome", "settled", *["survival"] * 3]
    assert {event.suggestion_id for event in gateway.events} == {name}


def test_killed_server_is_settled_by_the_next(launch: Launch, gateway: StandIn) -> None:
    editor = launch(**LONG)
    editor.initialize()
    uri, _, name = offered(editor, gateway)
    editor.change(uri, ((4, 0), (4, 5), "amount"))
    time.sleep(0.6)
    editor.kill()
    assert gateway.events == []
    second = launch()
    second.initialize()
    second.wait(lambda: second.status()["pending_events"] == 0, "delivery")
    [outcome], [settled] = gateway.of(name, "outcome"), gateway.of(name, "settled")
    assert (outcome.outcome, outcome.visible_ms) == ("diverged", None)
    assert outcome.settling.quiet_s == 60
    assert settled.settled_by == "recovered"
    assert "amount_4 = 4\n" in settled.settled_text


@pytest.mark.parametrize(
    ("method", "outcome"),
    [
        ("textDocument/didShowInlineEdit", "expired"),
        ("textDocument/didPartiallyAcceptCompletion", "partially_accepted"),
    ],
)
def test_what_the_editor_said_outlives_a_kill(
    launch: Launch, gateway: StandIn, method: str, outcome: str
) -> None:
    editor = launch(**LONG)
    editor.initialize()
    _, edit, name = offered(editor, gateway)
    editor.status()
    editor.notify(method, {"item": {"command": edit["command"]}})
    editor.status()
    editor.kill()
    launch(**LONG).initialize()
    editor.wait(lambda: gateway.of(name, "outcome"), "the outcome")
    [found] = gateway.of(name, "outcome")
    assert (found.outcome, found.shown) == (outcome, "yes")


def test_killed_after_an_accept(launch: Launch, gateway: StandIn) -> None:
    editor = launch(**LONG, HONE_LSP_SETTLING__HORIZONS_S="0,1,2")
    editor.initialize()
    uri, edit, name = offered(editor, gateway)
    editor.apply(uri, edit)
    editor.wait(lambda: gateway.of(name, "survival"), "the first horizon")
    editor.kill()
    second = launch()
    second.initialize()
    second.wait(lambda: len(gateway.of(name, "survival")) == 3, "the other horizons")
    assert len(gateway.of(name, "outcome")) == 1
    # The file was never written, so nobody can look.
    assert [s.observed for s in gateway.of(name, "survival")] == [True, False, False]
    assert gateway.of(name, "survival")[-1].last


def test_two_servers_on_one_workspace(launch: Launch, gateway: StandIn) -> None:
    first, second = launch(), launch()
    names = set()
    for editor in (first, second):
        editor.initialize()
    for editor in (first, second):
        names.add(offered(editor, gateway)[2])
    for editor in (first, second):
        editor.wait_delivered()
    assert {event.suggestion_id for event in gateway.events} == names
    assert len(gateway.events) == 4
    batches = [json.loads(body) for body in gateway.bodies if '"producer"' in body]
    assert len({batch["producer"] for batch in batches}) == 2


def test_unreadable_event_does_not_block_the_others(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    editor.initialize()
    _, _, bad = offered(editor, gateway)
    gateway.refuses.add(bad)
    editor.wait_delivered()
    _, _, good = offered(editor, gateway)
    editor.wait_delivered()
    assert {event.suggestion_id for event in gateway.events} == {good}
    assert editor.status()["refused_events"] == 2


def test_sigterm_settles(launch: Launch, gateway: StandIn) -> None:
    editor = launch(**LONG)
    editor.initialize()
    _, _, name = offered(editor, gateway)
    editor.process.terminate()
    editor.process.wait(30)
    second = launch()
    second.initialize()
    second.wait(lambda: gateway.of(name, "settled"), "delivery")
    assert gateway.of(name, "settled")[0].settled_by == "exit"


def test_end_of_input_settles(launch: Launch, gateway: StandIn) -> None:
    editor = launch(**LONG)
    editor.initialize()
    _, _, name = offered(editor, gateway)
    editor.close()
    second = launch()
    second.initialize()
    second.wait(lambda: gateway.of(name, "settled"), "delivery")
    assert gateway.of(name, "settled")[0].settled_by == "exit"


def test_huge_document_is_silent(editor: Editor, gateway: StandIn) -> None:
    uri = editor.open("huge.py", "x = 1\n" * 1_700_000)
    editor.change(uri, ((2, 0), (2, 1), "y"))
    assert editor.next_edit(uri, 3) is None
    assert reason(editor) == "excluded"
    assert gateway.requests == []


def test_binary_document_is_silent(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, CODE + "\0\1\2", "data.bin")
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "excluded"
    assert gateway.requests == []


def test_malformed_parameters_are_answered(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    for method, params in [
        ("textDocument/copilotInlineEdit", {"nothing": 1}),
        ("textDocument/copilotInlineEdit", None),
        ("textDocument/inlineCompletion", {"position": "here"}),
        ("textDocument/codeAction", []),
        ("workspace/executeCommand", {"command": "rm"}),
        ("workspace/executeCommand", {"arguments": 3}),
        ("no/such/method", {}),
    ]:
        with pytest.raises(RuntimeError):
            editor.request(method, params)
    editor.notify("textDocument/didChange", {"textDocument": {"uri": "file:///other.py"}})
    editor.notify("textDocument/didShowInlineEdit", {"item": {}})
    editor.notify("workspace/executeCommand", {"command": 5})
    editor.raw(b"{not json")
    editor.raw(b'{"jsonrpc": "1.0"}')
    editor.raw(b'"text"')
    editor.raw(b"[1, 2]")
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    assert editor.next_edit(uri, 4)


def test_impossible_change_silences_until_the_next_full_text(
    editor: Editor, gateway: StandIn
) -> None:
    uri = typed(editor)
    change = {"range": {"start": {"line": 99, "character": 0}, "end": {"line": 99, "character": 1}}}
    version = {"uri": uri, "version": 3}
    params = {"textDocument": version, "contentChanges": [change | {"text": "?"}]}
    editor.notify("textDocument/didChange", params)
    editor.versions[uri] = 3
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "excluded"
    saved = {"textDocument": {"uri": uri}, "text": editor.texts[uri]}
    editor.notify("textDocument/didSave", saved)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    assert editor.next_edit(uri, 4)


def test_slow_gateway_meets_the_deadline(launch: Launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SUGGEST__DEADLINE_MS="300")
    editor.initialize()
    editor.wait(lambda: editor.status()["gateway"]["connected"], "the greeting")
    uri = typed(editor)
    gateway.delay_s = 600.0
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "deadline"
    assert gateway.given == []


def test_newer_request_ends_the_older(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.delay_s = 0.5
    gateway.answers += [rewrite("value_4", "x_4"), rewrite("value_6 = 6", "total_6 = 6")]
    old = editor.send("textDocument/copilotInlineEdit", editor.at(uri, 4))
    editor.wait(lambda: gateway.requests, "the first request")
    editor.change(uri, ((15, 0), (15, 5), "count"))
    assert editor.next_edit(uri, 4)
    assert editor.result(old) == {"edits": []}
    editor.wait(lambda: gateway.hangups == gateway.requests[:1], "the gateway to see it")


def test_cancelled_request_ends_at_the_gateway_too(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.delay_s = 20.0
    number = editor.send("textDocument/copilotInlineEdit", editor.at(uri, 4))
    editor.wait(lambda: gateway.requests, "the request")
    editor.notify("$/cancelRequest", {"id": number})
    with pytest.raises(RuntimeError, match="-32800"):
        editor.result(number)
    editor.wait(lambda: gateway.hangups == gateway.requests, "the gateway to see it")


def test_unknown_wire_version_says_which_side_to_update(launch: Launch, gateway: StandIn) -> None:
    gateway.hello = gateway.hello.model_copy(update={"wire_versions": (7, 8)})
    editor = launch()
    editor.initialize()
    assert editor.next_edit(typed(editor), 4) is None
    assert "update hone-lsp" in editor.status()["gateway"]["trouble"]
    gateway.reset()


def test_branch_switch_marks_the_sample(launch: Launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SETTLING__QUIET_S="2.5")
    head = editor.workspace / ".git" / "HEAD"
    head.parent.mkdir()
    head.write_text("ref: refs/heads/main\n")
    editor.initialize()
    _, _, name = offered(editor, gateway)
    time.sleep(0.2)
    head.write_text("ref: refs/heads/other\n")
    editor.wait_delivered()
    assert gateway.of(name, "settled")[0].branch_switch


def test_silence_reason_of_the_gateway_is_passed_on(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(Reason.REVERSAL)
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "reversal"


def test_initialize_waits_for_no_gateway(launch: Launch, gateway: StandIn) -> None:
    gateway.muted = True
    editor = launch()
    editor.initialize()
    editor.wait(lambda: gateway.greetings, "the greeting")
    assert not editor.status()["gateway"]["connected"]
    gateway.muted = False
    editor.wait(lambda: editor.status()["gateway"]["connected"], "its answer")

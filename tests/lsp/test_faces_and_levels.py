"""Code actions and ghost text, the ends of a session, and the levels of feedback."""

from feedback_store.events import FeedbackLevel, Reason
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import offered, rewrite, typed
from tests.lsp.standin import StandIn


def test_ghost_text(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4\n", "value_4 = 4 + value_3\nprint(value_4)\n"))
    params = editor.at(uri, 4, 11) | {"context": {"triggerKind": 2}}
    [item] = editor.request("textDocument/inlineCompletion", params)["items"]
    assert item["insertText"] == " + value_3\nprint(value_4)"
    assert item["range"]["start"] == item["range"]["end"] == {"line": 4, "character": 11}
    editor.apply(uri, item)
    editor.command(item["command"]["command"], *item["command"]["arguments"])
    editor.wait_delivered()
    [outcome] = gateway.of(item["command"]["arguments"][0], "outcome")
    assert outcome.outcome == "accepted"


def test_ghost_text_never_replaces(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    params = editor.at(uri, 4, 3) | {"context": {"triggerKind": 1}}
    assert editor.request("textDocument/inlineCompletion", params)["items"] == []
    assert editor.next_edit(uri, 4, 3)
    assert len(gateway.requests) == 1


def test_what_ghost_text_cannot_show_was_never_visible(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers += [rewrite("value_4 = 4", "total_4 = 4"), Reason.NO_EDIT]
    params = editor.at(uri, 4, 3) | {"context": {"triggerKind": 1}}
    assert editor.request("textDocument/inlineCompletion", params)["items"] == []
    editor.change(uri, ((4, 0), (4, 5), "other"))
    editor.wait_delivered()
    [outcome] = gateway.of(gateway.given[0], "outcome")
    assert outcome.visible_ms is None


def test_what_ghost_text_cannot_show_ends_no_offer(editor: Editor, gateway: StandIn) -> None:
    uri, _, first = offered(editor, gateway)
    # The user types something else there; the answer to that cannot be shown.
    editor.change(uri, ((4, 0), (4, 0), "x"))
    gateway.answers.append(rewrite("xvalue_4 = 4", "sum_4 = 4"))
    params = editor.at(uri, 4, 1) | {"context": {"triggerKind": 1}}
    assert editor.request("textDocument/inlineCompletion", params)["items"] == []
    editor.change(uri, ((4, 0), (4, 8), "total_4"))
    editor.command("hone.accept", first)
    editor.wait_delivered()
    [outcome] = gateway.of(first, "outcome")
    assert outcome.outcome == "accepted"
    assert outcome.visible_ms is not None


def test_code_actions_come_from_the_cache(launch: Launch, gateway: StandIn) -> None:
    # Another client than the one that reports its accepts in other tests here.
    editor = launch()
    editor.initialize()
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    spot = {"line": 4, "character": 0}
    params = {
        "textDocument": {"uri": uri},
        "range": {"start": spot, "end": spot},
        "context": {"diagnostics": [], "triggerKind": 2},
    }
    assert editor.request("textDocument/codeAction", params) is None
    assert gateway.requests == []
    assert editor.next_edit(uri, 4)
    apply, dismiss = editor.request("textDocument/codeAction", params)
    assert apply["kind"] == dismiss["kind"] == "refactor.rewrite"
    [change] = apply["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": uri, "version": 2}
    editor.apply(uri, change["edits"][0])
    assert editor.command(apply["command"]["command"], *apply["command"]["arguments"]) is False
    assert editor.command(dismiss["command"]["command"], *dismiss["command"]["arguments"]) == 0
    editor.wait_delivered()
    assert [e.outcome for e in gateway.events if e.kind == "outcome"] == ["accepted"]


def test_closing_settles_at_once(launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SETTLING__QUIET_S="60", HONE_LSP_SETTLING__HORIZONS_S="0,0.5,1")
    editor.initialize()
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.apply(uri, edit)
    editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    editor.wait_delivered()
    name = edit["command"]["arguments"][0]
    assert gateway.of(name, "settled")[0].settled_by == "close"
    survivals = gateway.of(name, "survival")
    assert [(s.observed, s.last) for s in survivals] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    assert survivals[1].retained is None


def test_opening_again_without_closing_starts_afresh(launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SETTLING__QUIET_S="60", HONE_LSP_SETTLING__HORIZONS_S="0,60,120")
    editor.initialize()
    uri = typed(editor)
    gateway.answers += [rewrite("value_4 = 4", "total_4 = 4"), rewrite("value_4", "sum_4")]
    first = editor.next_edit(uri, 4)
    assert first
    typed(editor)
    second = editor.next_edit(uri, 4)
    assert second
    assert second["text"] == "sum"
    editor.wait(lambda: gateway.of(first["command"]["arguments"][0], "settled"), "settlement")
    [settled] = [event for event in gateway.events if event.kind == "settled"]
    assert settled.settled_by == "close"


def test_exit_settles_and_delivers(launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SETTLING__QUIET_S="60")
    editor.initialize()
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    assert editor.next_edit(uri, 4)
    editor.shutdown()
    [outcome, settled] = gateway.events
    assert (outcome.outcome, settled.settled_by) == ("expired", "exit")
    assert editor.process.returncode == 0


def test_level_facts_sends_no_text(launch, gateway: StandIn) -> None:
    editor = launch("--feedback.level", "facts")
    editor.initialize()
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.apply(uri, edit)
    editor.wait_delivered()
    assert gateway.requests[0].level == "facts"
    [settled] = [event for event in gateway.events if event.kind == "settled"]
    assert (settled.settled_text, settled.accepted_text) == (None, None)
    assert settled.region_changed


def test_level_off_sends_nothing(launch, gateway: StandIn) -> None:
    editor = launch("--feedback.level", "off")
    editor.initialize()
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.apply(uri, edit)
    editor.wait_delivered()
    assert gateway.requests[0].level == "off"
    assert [body for body in gateway.bodies if '"events"' in body] == []


def test_gateway_lowers_the_level(launch, gateway: StandIn) -> None:
    gateway.hello = gateway.hello.model_copy(update={"feedback_level": FeedbackLevel.FACTS})
    editor = launch()
    editor.initialize()
    assert editor.next_edit(typed(editor), 4) is None
    assert gateway.requests[0].level == "facts"
    assert editor.status()["feedback_level"] == "facts"

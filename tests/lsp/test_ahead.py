"""The edit after the one on screen is asked for ahead, and no answer is counted as seen unseen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feedback_store.events import Reason
from tests.lsp.conftest import user
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, reason, rewrite, typed
from tests.lsp.standin import StandIn

FIRST = rewrite("value_4 = 4", "total_4 = 4")
SECOND = rewrite("value_6 = 6", "total_6 = 6")


@pytest.fixture(scope="module")
def running(standin: StandIn, house: Any) -> Iterator[Editor]:
    environ = user(standin, house) | {"HONE_LSP_SUGGEST__AHEAD": "true"}
    started = Editor(house / "workspace", environ)
    started.initialize()
    yield started
    started.shutdown()


def on_screen(
    editor: Editor, gateway: StandIn, *answers: Any, name: str = "a.py"
) -> tuple[str, dict[str, Any]]:
    """Return document and edit of an offer behind which the next question is already out."""
    uri = typed(editor, name=name)
    gateway.answers += [FIRST, *answers]
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.wait(lambda: len(gateway.requests) == 2, "the question ahead")
    return uri, edit


def answered(editor: Editor, gateway: StandIn) -> None:
    """Wait until what was asked ahead has been answered and has arrived."""
    editor.wait(lambda: editor.status()["ahead"] == "ready", "the answer")
    assert len(gateway.given) == 2


def outcome(editor: Editor, gateway: StandIn, name: str) -> Any:
    editor.wait_delivered()
    [found], [settled] = gateway.of(name, "outcome"), gateway.of(name, "settled")
    assert not settled.region_changed or found.outcome != "stale"
    return found


def test_the_state_after_the_accept_is_asked_for(editor: Editor, gateway: StandIn) -> None:
    uri, edit = on_screen(editor, gateway, SECOND)
    answered(editor, gateway)
    context = gateway.requests[1].context
    assert "total_4 = 4\n" in context.region
    assert context.recent_edits[-1].diff == " value_3 = 3\n-value_4 = 4\n+total_4 = 4\n"
    place = context.region_first_line + context.cursor_line
    assert (place, context.cursor_character) == (4, len("total"))
    editor.apply(uri, edit)
    following = editor.next_edit(uri, 4, 5)
    assert following
    assert following["command"]["arguments"] == [gateway.given[1]]
    editor.apply(uri, following)
    assert "total_6 = 6\n" in editor.texts[uri]
    assert outcome(editor, gateway, gateway.given[1]).outcome == "accepted"
    assert gateway.requests[2:] == []


def test_accept_while_the_question_is_still_out(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers += [FIRST, SECOND]
    edit = editor.next_edit(uri, 4)
    assert edit
    gateway.delay_s = 0.5
    editor.wait(lambda: len(gateway.requests) == 2, "the question ahead")
    editor.apply(uri, edit)
    both = [
        editor.send("textDocument/copilotInlineEdit", editor.at(uri, line, 5)) for line in (4, 5)
    ]
    offers = [editor.result(number)["edits"][0] for number in both]
    assert [offer["command"]["arguments"] for offer in offers] == [[gateway.given[1]]] * 2
    assert len(gateway.requests) == 2


def test_typing_the_offer_leads_there_too(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers += [rewrite("value_4 = 4\n", "value_4 = 4.5\n"), SECOND]
    edit = editor.next_edit(uri, 4, 11)
    assert edit
    editor.wait(lambda: len(gateway.requests) == 2, "the question ahead")
    answered(editor, gateway)
    for column, char in ((11, "."), (12, "5")):
        editor.change(uri, ((4, column), (4, column), char))
    following = editor.next_edit(uri, 4, 13)
    assert following
    assert following["command"]["arguments"] == [gateway.given[1]]
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("answer", [SECOND, Reason.HOLDOUT, Reason.NO_EDIT])
@pytest.mark.parametrize("line", [4, 15])
def test_never_offered_is_stale(editor: Editor, gateway: StandIn, answer: Any, line: int) -> None:
    uri, _ = on_screen(editor, gateway, answer)
    answered(editor, gateway)
    editor.change(uri, ((line, 0), (line, 5), "other"))
    found = outcome(editor, gateway, gateway.given[1])
    assert (found.outcome, found.shown, found.reason) == ("stale", "no", "document_moved")
    assert found.visible_ms is None


@pytest.mark.parametrize("end", ["close", "dismiss", "quiet"])
def test_stale_however_the_offer_ends(editor: Editor, gateway: StandIn, end: str) -> None:
    _, edit = on_screen(editor, gateway, SECOND, name=f"{end}.py")
    answered(editor, gateway)
    if end == "close":
        editor.close_documents()
    elif end == "dismiss":
        assert editor.command("hone.dismiss", *edit["command"]["arguments"]) == 1
    assert outcome(editor, gateway, gateway.given[1]).outcome == "stale"


def test_exclusion_ends_the_question_without_a_text(
    editor: Editor, gateway: StandIn, workspace: Path
) -> None:
    uri, _ = on_screen(editor, gateway, SECOND, name="withdrawn.py")
    answered(editor, gateway)
    rules = workspace / ".honeignore"
    rules.write_text("withdrawn.py\n")
    try:
        editor.notify("textDocument/didSave", {"textDocument": {"uri": rules.as_uri()}})
        editor.wait(lambda: editor.status()["ahead"] is None, "the question to end")
        editor.change(uri, ((15, 0), (15, 5), "other"))
        editor.wait_delivered()
    finally:
        rules.unlink()
    assert [event.level for event in gateway.of(gateway.given[1], "settled")] == ["facts"]
    assert gateway.of(gateway.given[1], "outcome")[0].outcome == "stale"
    assert not [body for body in gateway.bodies if '"settled_text":"' in body]


def test_silence_that_was_reached_is_the_gateways(editor: Editor, gateway: StandIn) -> None:
    uri, edit = on_screen(editor, gateway, Reason.HOLDOUT)
    answered(editor, gateway)
    editor.apply(uri, edit)
    assert editor.next_edit(uri, 4, 5) is None
    assert reason(editor) == "holdout"
    found = outcome(editor, gateway, gateway.given[1])
    assert (found.outcome, found.shown, found.reason) == ("withheld", "no", "holdout")
    assert len(gateway.requests) == 2


def test_diverging_ends_the_question(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers += [FIRST, SECOND]
    assert editor.next_edit(uri, 4)
    gateway.delay_s = 20.0
    editor.wait(lambda: len(gateway.requests) == 2, "the question ahead")
    editor.change(uri, ((4, 0), (4, 5), "other"))
    editor.wait(lambda: gateway.hangups == gateway.requests[1:], "the gateway to see it")


def test_another_question_goes_first(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, CODE * 3)
    gateway.answers += [FIRST, SECOND, rewrite("value_9 = 9", "total_9 = 9")]
    assert editor.next_edit(uri, 4)
    gateway.delay_s = 20.0
    editor.wait(lambda: len(gateway.requests) == 2, "the question ahead")
    number = editor.send("textDocument/copilotInlineEdit", editor.at(uri, 49))
    editor.wait(lambda: gateway.hangups == gateway.requests[1:2], "the gateway to see it")
    editor.wait(lambda: len(gateway.requests) == 3, "the other question")
    editor.notify("$/cancelRequest", {"id": number})
    with pytest.raises(RuntimeError, match="-32800"):
        editor.result(number)


def test_switched_off(launch: Any, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SUGGEST__AHEAD="false")
    editor.initialize()
    uri = typed(editor)
    gateway.answers += [FIRST, SECOND]
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.apply(uri, edit)
    editor.wait_delivered()
    assert len(gateway.requests) == 1


def test_end_of_the_server_is_the_end_of_it(launch: Any, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SUGGEST__AHEAD="true")
    editor.initialize()
    on_screen(editor, gateway, SECOND)
    answered(editor, gateway)
    editor.shutdown()
    [found] = gateway.of(gateway.given[1], "outcome")
    assert (found.outcome, found.shown) == ("stale", "no")

"""Commands by which a user asks: anew, another one, a part of one, or by an instruction."""

from typing import Any

import pytest

from feedback_store.events import Reason
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, offered, reason, rewrite, typed
from tests.lsp.standin import StandIn


def name_of(edit: dict[str, Any]) -> str:
    return edit["command"]["arguments"][0]


def outcomes(gateway: StandIn, *names: str) -> list[str]:
    return [gateway.of(name, "outcome")[0].outcome for name in names]


def told(editor: Editor) -> str:
    return editor.hear("window/showMessage")[-1]["message"]


def instruct(editor: Editor, uri: str, lines: tuple[int, int], text: str = "") -> dict[str, Any]:
    start, end = ({"line": line, "character": 0} for line in lines)
    span = {"start": start, "end": end}
    return editor.command("hone.instruct", {"uri": uri, "range": span, "instruction": text})


def test_resuggest_ignores_what_is_known(editor: Editor, gateway: StandIn) -> None:
    uri, _, first = offered(editor, gateway)
    place = {"uri": uri, "position": {"line": 4, "character": 0}}
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    [edit] = editor.command("hone.resuggest", place)["edits"]
    assert (edit["text"], len(gateway.requests)) == ("total", 2)
    second = name_of(edit)
    assert first != second
    gateway.answers.append(Reason.NO_EDIT)
    answer = editor.command("hone.resuggest", place)
    assert (answer["edits"], answer["reason"]) == ([], "no_edit")
    assert told(editor) == "Hone: no edit"
    assert {request.trigger for request in gateway.requests[1:]} == {"invoked"}
    editor.apply(uri, edit)
    editor.wait_delivered()
    assert outcomes(gateway, first, second) == ["superseded", "accepted"]


def test_alternatives_are_leafed_through(editor: Editor, gateway: StandIn) -> None:
    uri, edit, first = offered(editor, gateway)
    gateway.answers += [rewrite("value_4", name) for name in ("sum_4", "count_4")]
    [other] = editor.command("hone.next")["edits"]
    [third] = editor.command("hone.next", name_of(other))["edits"]
    names = [first, name_of(other), name_of(third)]
    assert [edit["text"], other["text"], third["text"]] == ["total", "sum", "count"]
    [back] = editor.command("hone.previous")["edits"]
    assert name_of(back) == names[1]
    # Everybody who asks is given the one that is being looked at.
    shown = editor.next_edit(uri, 4)
    assert shown
    assert name_of(shown) == names[1]
    [again] = editor.command("hone.next")["edits"]
    assert name_of(again) == names[2]
    assert [len(request.avoid) for request in gateway.requests] == [0, 1, 2]
    assert gateway.requests[1].avoid[0] == gateway.requests[0].context.region.replace(
        "value_4", "total_4"
    )
    assert {request.context.region for request in gateway.requests} == {
        gateway.requests[0].context.region
    }
    editor.apply(uri, again)
    editor.wait_delivered()
    assert outcomes(gateway, *names) == ["superseded", "superseded", "accepted"]


def test_the_first_one_may_be_taken_after_all(editor: Editor, gateway: StandIn) -> None:
    uri, _, first = offered(editor, gateway)
    gateway.answers.append(rewrite("value_4", "sum_4"))
    [other] = editor.command("hone.next")["edits"]
    [back] = editor.command("hone.previous")["edits"]
    assert name_of(back) == first
    editor.apply(uri, back)
    editor.wait_delivered()
    assert outcomes(gateway, first, name_of(other)) == ["accepted", "superseded"]


def test_what_is_leafed_to_is_seen(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers += [rewrite("value_4", name) for name in ("seen_4", "sum_4")]
    params = editor.at(uri, 4, 3) | {"context": {"triggerKind": 1}}
    assert editor.request("textDocument/inlineCompletion", params)["items"] == []
    assert editor.command("hone.next")["edits"]
    [first] = editor.command("hone.previous")["edits"]
    assert editor.command("hone.dismiss") == 1
    editor.wait_delivered()
    [outcome] = gateway.of(name_of(first), "outcome")
    assert (outcome.outcome, outcome.visible_ms is None) == ("rejected", False)


def test_without_an_alternative_the_offer_stays(editor: Editor, gateway: StandIn) -> None:
    uri, edit, _ = offered(editor, gateway)
    gateway.answers.append(Reason.NO_ALTERNATIVE)
    assert editor.command("hone.next")["reason"] == "no_alternative"
    assert told(editor) == "Hone: no alternative"
    assert editor.next_edit(uri, 4) == edit
    [back] = editor.command("hone.previous")["edits"]
    assert back == edit


def test_dismissing_one_ends_the_leafing(editor: Editor, gateway: StandIn) -> None:
    _, _, first = offered(editor, gateway)
    gateway.answers.append(rewrite("value_4", "dull_4"))
    [other] = editor.command("hone.next")["edits"]
    assert editor.command("hone.dismiss") == 1
    assert editor.command("hone.previous")["edits"] == []
    editor.wait_delivered()
    assert outcomes(gateway, first, name_of(other)) == ["superseded", "rejected"]


def test_dismissing_nonsense_dismisses_nothing(editor: Editor, gateway: StandIn) -> None:
    uri, edit, _ = offered(editor, gateway)
    for argument in ({"id": 1}, "", 1, []):
        assert editor.command("hone.dismiss", argument) == 0
    assert editor.next_edit(uri, 4) == edit


def test_leafing_needs_an_offer(editor: Editor, gateway: StandIn) -> None:
    editor.open("a.py", CODE)
    assert editor.command("hone.next")["edits"] == []
    assert told(editor) == "Hone: nothing is on offer"


def test_an_instruction_edits_the_selection(editor: Editor, gateway: StandIn) -> None:
    uri = editor.open("a.py", CODE)
    gateway.answers.append(rewrite("value_5 = 5\n", "value_5 = 5 + 50\n"))
    [edit] = instruct(editor, uri, (4, 6), "make five fifty-five")["edits"]
    request = gateway.requests[0]
    assert request.context.instruction == "make five fifty-five"
    assert request.context.region == "value_4 = 4\nvalue_5 = 5\n"
    assert request.context.prefix.endswith("value_3 = 3\n")
    assert request.trigger == "invoked"
    editor.apply(uri, edit)
    editor.wait_delivered()
    assert outcomes(gateway, name_of(edit)) == ["accepted"]


def test_a_comment_in_the_selection_may_give_it(editor: Editor, gateway: StandIn) -> None:
    uri = editor.open("a.py", CODE.replace("value_4 = 4", "# Hone: sum it up\nvalue_4 = 4"))
    gateway.answers.append(rewrite("# Hone: sum it up\n", ""))
    assert instruct(editor, uri, (4, 6))["edits"]
    assert gateway.requests[0].context.instruction == "sum it up"
    assert instruct(editor, uri, (7, 9))["edits"] == []
    assert "as a comment" in told(editor)


def test_a_model_that_cannot_follow_says_so(editor: Editor, gateway: StandIn) -> None:
    uri = editor.open("a.py", CODE)
    gateway.answers.append(Reason.NO_INSTRUCTIONS)
    assert instruct(editor, uri, (4, 6), "sort")["reason"] == "no_instructions"
    assert told(editor) == "Hone: no instructions"
    assert instruct(editor, uri, (0, 19), "sort")["reason"] == "prompt_too_long"
    assert told(editor) == "Hone: select at most 10 lines"
    assert len(gateway.requests) == 1


def test_a_key_in_an_instruction_is_not_sent(editor: Editor, gateway: StandIn) -> None:
    uri = editor.open("a.py", CODE)
    key = "AKIA" + "QWERTYUIOPASDFGH"
    assert instruct(editor, uri, (4, 6), f"use {key}")["reason"] == "excluded"
    assert gateway.requests == []


@pytest.mark.parametrize("able", [True, False])
def test_a_selection_has_an_action_for_it(launch, gateway: StandIn, able: bool) -> None:
    gateway.hello = gateway.hello.model_copy(update={"instructions": able})
    editor = launch()
    editor.initialize()
    uri = typed(editor)
    editor.next_edit(uri, 4)
    span = {"start": {"line": 4, "character": 0}, "end": {"line": 6, "character": 0}}
    params = {"textDocument": {"uri": uri}, "range": span, "context": {"diagnostics": []}}
    found = editor.request("textDocument/codeAction", params)
    commands = [action["command"] for action in found or []]
    expected = [{"uri": uri, "range": span}]
    assert [(one["command"], one["arguments"]) for one in commands] == (
        [("hone.instruct", expected)] if able else []
    )


def test_nonsense_is_answered_by_an_error(editor: Editor, gateway: StandIn) -> None:
    for command in ("hone.resuggest", "hone.instruct"):
        for argument in (None, 1, {}, {"uri": "x", "position": {"line": -1, "character": 0}}):
            with pytest.raises(RuntimeError) as error:
                editor.command(command, argument)
            assert error.value.args[0] == -32602
    editor.open("a.py", CODE)
    place = {"uri": editor.uri("other.py"), "position": {"line": 0, "character": 0}}
    assert editor.command("hone.resuggest", place)["reason"] == "excluded"
    assert reason(editor) == "excluded"

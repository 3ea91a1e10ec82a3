"""Next edits away from the cursor: further down, and in other open documents."""

from pathlib import Path
from typing import Any

from feedback_store.events import Reason
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, rewrite, typed
from tests.lsp.standin import StandIn

FAR = CODE + "".join(f"filler_{n}\n" for n in range(40)) + "print(value_2)\n"
FAR_LINE = 60
OTHER = "".join(f"other_{n}\n" for n in range(30)) + "use(value_2)\n"
NOTHING = Reason.NO_EDIT
FOLLOW = rewrite("value_2", "total_2")


def asked_at(gateway: StandIn) -> list[tuple[str, int]]:
    """Which documents and lines the gateway was asked about."""
    contexts = [request.context for request in gateway.requests]
    return [(c.path, c.region_first_line + c.cursor_line) for c in contexts]


def by_hand(editor: Editor, uri: str, line: int) -> list[dict[str, Any]]:
    spot = {"line": line, "character": 0}
    context = {"diagnostics": [], "triggerKind": 1, "only": ["refactor.rewrite"]}
    params = {"textDocument": {"uri": uri}, "range": {"start": spot, "end": spot}}
    return editor.request("textDocument/codeAction", params | {"context": context}) or []


def test_further_down_where_there_is_nothing_at_the_cursor(
    editor: Editor, gateway: StandIn
) -> None:
    uri = typed(editor, FAR)
    gateway.answers += [NOTHING, FOLLOW]
    edit = editor.next_edit(uri, 3)
    assert edit
    assert asked_at(gateway) == [("a.py", 3), ("a.py", FAR_LINE)]
    assert gateway.requests[1].context.cursor_character == len("print(")
    editor.apply(uri, edit)
    assert editor.texts[uri].splitlines()[FAR_LINE] == "print(total_2)"
    editor.wait_delivered()
    [outcome] = gateway.of(edit["command"]["arguments"][0], "outcome")
    assert outcome.outcome == "accepted"


def test_in_another_document_with_its_version(editor: Editor, gateway: StandIn) -> None:
    other = editor.open("other.py", OTHER)
    editor.change(other, ((0, 0), (0, 0), "# moved\n"), ((0, 0), (1, 0), ""))
    uri = typed(editor)
    gateway.answers += [NOTHING, FOLLOW]
    edit = editor.next_edit(uri, 3)
    assert edit
    assert edit["textDocument"] == {"uri": other, "version": 2}
    assert edit["range"]["start"]["line"] == 30
    editor.apply(other, edit)
    assert editor.texts[other].endswith("use(total_2)\n")
    editor.wait_delivered()
    [settled] = gateway.of(edit["command"]["arguments"][0], "settled")
    assert "use(total_2)" in settled.settled_text
    [outcome] = gateway.of(edit["command"]["arguments"][0], "outcome")
    assert outcome.outcome == "accepted"


def test_what_the_cursors_region_needs_comes_first(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, FAR)
    gateway.answers += [rewrite("value_4", "total_4"), FOLLOW]
    assert editor.next_edit(uri, 3)
    assert asked_at(gateway) == [("a.py", 3)]


def test_an_offer_elsewhere_is_not_asked_for_again(editor: Editor, gateway: StandIn) -> None:
    editor.open("other.py", OTHER)
    uri = typed(editor)
    gateway.answers += [NOTHING, FOLLOW]
    first = editor.next_edit(uri, 3)
    assert first
    assert editor.next_edit(uri, 3) == first
    assert editor.next_edit(editor.uri("other.py"), 30) == first
    assert len(gateway.requests) == 2


def test_an_offer_further_down_moves_while_the_user_types(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, FAR)
    gateway.answers += [NOTHING, FOLLOW]
    first = editor.next_edit(uri, 3)
    assert first
    editor.change(uri, ((8, 0), (8, 0), "typed\n"))
    moved = editor.next_edit(uri, 8)
    assert moved
    assert moved["command"] == first["command"]
    assert moved["textDocument"]["version"] == first["textDocument"]["version"] + 1
    editor.apply(uri, moved)
    assert editor.texts[uri].splitlines()[FAR_LINE + 1] == "print(total_2)"
    assert asked_at(gateway) == [("a.py", 3), ("a.py", FAR_LINE), ("a.py", 8)]
    editor.wait_delivered()
    [outcome] = gateway.of(first["command"]["arguments"][0], "outcome")
    assert outcome.outcome == "accepted"


def test_an_offer_elsewhere_goes_when_the_edit_it_followed_grows(
    editor: Editor, gateway: StandIn
) -> None:
    uri = typed(editor, FAR, "grows.py")
    gateway.answers += [NOTHING, FOLLOW, NOTHING, rewrite("value_2", "total_of_2")]
    first = editor.next_edit(uri, 3)
    assert first
    editor.change(uri, ((2, 5), (2, 5), "_of"))
    grown = editor.next_edit(uri, 3)
    assert grown
    assert grown["command"] != first["command"]
    assert asked_at(gateway)[2:] == [("grows.py", 3), ("grows.py", FAR_LINE)]
    editor.apply(uri, grown)
    assert editor.texts[uri].splitlines()[FAR_LINE] == "print(total_of_2)"


def test_two_further_places_at_most_and_the_silent_ones_are_remembered(
    editor: Editor, gateway: StandIn
) -> None:
    spread = CODE + "".join(f"{n} + value_2\n" + "filler\n" * 30 for n in range(3))
    uri = typed(editor, spread)
    assert editor.next_edit(uri, 3) is None
    assert asked_at(gateway) == [("a.py", 3), ("a.py", 20), ("a.py", 51)]
    assert editor.status()["last_silence"]["reason"] == "no_edit"
    assert editor.next_edit(uri, 3) is None
    assert asked_at(gateway)[3:] == [("a.py", 82)]
    assert editor.next_edit(uri, 3) is None
    editor.change(uri, ((40, 0), (40, 0), "typed near the second\n"))
    assert editor.next_edit(uri, 40) is None
    assert asked_at(gateway)[4:] == [("a.py", 40), ("a.py", 52)]


def test_typing_far_away_leaves_silent_places_alone(editor: Editor, gateway: StandIn) -> None:
    editor.open("other.py", OTHER)
    uri = typed(editor)
    assert editor.next_edit(uri, 3) is None
    editor.change(uri, ((15, 0), (15, 0), "typed\n"))
    assert editor.next_edit(uri, 15) is None
    assert asked_at(gateway) == [("a.py", 3), ("other.py", 30), ("a.py", 15)]


def test_taking_the_edit_back_takes_the_places_back(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    editor.initialize()
    editor.open("other.py", OTHER)
    uri = typed(editor)
    editor.change(uri, ((10, 0), (10, 0), "kept\n"))
    editor.change(uri, ((2, 0), (2, 7), "value_2"))
    assert editor.next_edit(uri, 10) is None
    assert asked_at(gateway) == [("a.py", 10)]


def test_ghost_text_stays_at_the_cursor(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, FAR)
    gateway.answers += [NOTHING, FOLLOW]
    params = editor.at(uri, 4, 3) | {"context": {"triggerKind": 1}}
    assert editor.request("textDocument/inlineCompletion", params)["items"] == []
    assert len(gateway.requests) == 1


def test_code_action_by_hand_names_the_other_file(editor: Editor, gateway: StandIn) -> None:
    other = editor.open("by_hand.py", OTHER)
    uri = typed(editor)
    gateway.answers += [NOTHING, FOLLOW]
    apply, dismiss = by_hand(editor, uri, 3)
    assert apply["title"] == "Hone: apply the suggested edit in by_hand.py, line 31"
    [change] = apply["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": other, "version": 1}
    assert editor.command(dismiss["command"]["command"], *dismiss["command"]["arguments"]) == 1


def test_an_editor_that_never_asks_is_shown_the_place_in_the_other_file(
    launch: Launch, gateway: StandIn
) -> None:
    editor = launch()
    editor.initialize(capabilities={})
    other = editor.open("other.py", OTHER)
    gateway.answers += [NOTHING, FOLLOW]
    typed(editor)

    def hints() -> list[dict[str, Any]]:
        told = [
            one for one in editor.hear("textDocument/publishDiagnostics") if one["uri"] == other
        ]
        return told[-1]["diagnostics"] if told else []

    [hint] = editor.wait(hints, "a hint in the other file")
    assert hint["range"]["start"]["line"] == 30


def test_excluded_documents_are_never_looked_at(
    editor: Editor, gateway: StandIn, workspace: Path
) -> None:
    editor.open(".env", OTHER)
    uri = typed(editor)
    assert editor.next_edit(uri, 3) is None
    assert asked_at(gateway) == [("a.py", 3)]


def test_places_beside_a_key_are_passed_over(editor: Editor, gateway: StandIn) -> None:
    editor.open("first.py", OTHER)
    editor.open("second.py", OTHER + "key = 'AKIA" + "ABCDEFGH12345678'\n")
    uri = typed(editor)
    assert editor.next_edit(uri, 3) is None
    assert asked_at(gateway) == [("a.py", 3), ("first.py", 30)]


def test_the_document_in_use_last_comes_first(editor: Editor, gateway: StandIn) -> None:
    first = editor.open("used_last.py", OTHER)
    editor.open("used_before.py", OTHER)
    uri = typed(editor)
    editor.notify("textDocument/didFocus", {"textDocument": {"uri": first}})
    editor.notify("textDocument/didFocus", {})
    assert editor.next_edit(uri, 3) is None
    assert asked_at(gateway)[1:] == [("used_last.py", 30), ("used_before.py", 30)]


def test_holdout_is_not_made_up_for_elsewhere(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, FAR)
    gateway.answers += [Reason.HOLDOUT, FOLLOW]
    assert editor.next_edit(uri, 3) is None
    assert len(gateway.requests) == 1


def test_a_holdout_elsewhere_ends_the_search(editor: Editor, gateway: StandIn) -> None:
    spread = CODE + "".join(f"held {n} value_2\n" + "filler\n" * 30 for n in range(2))
    uri = typed(editor, spread)
    gateway.answers += [NOTHING, Reason.HOLDOUT, FOLLOW]
    assert editor.next_edit(uri, 3) is None
    assert len(gateway.requests) == 2


def test_a_document_that_moves_ends_the_search(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, FAR)
    gateway.delay_s = 0.3
    number = editor.send("textDocument/copilotInlineEdit", editor.at(uri, 3))
    editor.wait(lambda: gateway.requests, "the request")
    editor.change(uri, ((30, 0), (30, 0), "typed\n"))
    assert editor.result(number) == {"edits": []}
    assert len(gateway.requests) == 1


def test_other_files_can_be_left_out(launch: Launch, gateway: StandIn) -> None:
    editor = launch("--suggest.reach", "file")
    editor.initialize()
    editor.open("other.py", OTHER)
    uri = typed(editor)
    assert editor.next_edit(uri, 3) is None
    assert asked_at(gateway) == [("a.py", 3)]


def test_the_region_at_hand_can_be_all_there_is(launch: Launch, gateway: StandIn) -> None:
    editor = launch("--suggest.reach", "cursor")
    editor.initialize()
    uri = typed(editor, FAR)
    assert editor.next_edit(uri, 3) is None
    assert len(gateway.requests) == 1


def test_the_deadline_holds_for_all_places_together(launch: Launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SUGGEST__DEADLINE_MS="1000")
    editor.initialize()
    uri = typed(editor, FAR)
    assert editor.next_edit(uri, 3) is None
    gateway.requests.clear()
    gateway.delay_s = 0.6
    editor.change(uri, ((2, 0), (2, 0), "x"))
    assert editor.next_edit(uri, 3) is None
    assert asked_at(gateway) == [("a.py", 3), ("a.py", FAR_LINE)]
    assert gateway.requests[1].deadline_ms < 400

"""How much is put before the user: hint-only mode and eagerness."""

from collections.abc import Callable

import pytest

from lsp.config import ConfigError, load
from lsp.politeness import least_confidence, marks_places
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, reason, rewrite, typed
from tests.lsp.standin import StandIn

Launch = Callable[..., Editor]


def ghost(editor: Editor, uri: str, kind: int) -> list[object]:
    params = editor.at(uri, 4, 11) | {"context": {"triggerKind": kind}}
    return editor.request("textDocument/inlineCompletion", params)["items"]


def started(launch: Launch, *flags: str) -> Editor:
    editor = launch(*flags)
    editor.initialize()
    return editor


def test_in_hint_mode_the_edit_comes_by_hand_only(launch: Launch, gateway: StandIn) -> None:
    editor = started(launch, "--suggest.mode", "hint")
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4\n", "value_4 = 4 + value_3\n"))
    assert ghost(editor, uri, 2) == []
    [told] = editor.hear("textDocument/publishDiagnostics")
    assert [hint["range"]["start"]["line"] for hint in told["diagnostics"]] == [4]
    assert editor.next_edit(uri, 4) is None
    assert len(ghost(editor, uri, 1)) == 1
    invoked = editor.at(uri, 4) | {"context": {"triggerKind": 1}}
    assert len(editor.request("textDocument/copilotInlineEdit", invoked)["edits"]) == 1
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("eagerness", "confidence", "shown"),
    [
        ("low", 0.79, False),
        ("low", 0.81, True),
        ("low", None, True),
        ("medium", 0.01, True),
    ],
)
def test_eagerness_holds_back_what_the_model_is_unsure_of(
    launch: Launch, gateway: StandIn, eagerness: str, confidence: float | None, shown: bool
) -> None:
    editor = started(launch, "--suggest.eagerness", eagerness)
    uri = typed(editor)
    gateway.confidence = confidence
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    assert (editor.next_edit(uri, 4) is not None) is shown
    if not shown:
        assert reason(editor) == "not_eager"
        editor.wait_delivered()
        [outcome] = [event for event in gateway.events if event.kind == "outcome"]
        assert (outcome.outcome, outcome.reason, outcome.shown) == ("withheld", "not_eager", "no")
        # By hand, it is shown all the same.
        gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
        invoked = editor.at(uri, 4) | {"context": {"triggerKind": 1}}
        assert editor.request("textDocument/copilotInlineEdit", invoked)["edits"]


def test_the_eager_are_asked_before_anything_was_edited(launch: Launch, gateway: StandIn) -> None:
    for eagerness, requests in (("medium", 0), ("high", 1)):
        editor = started(launch, "--suggest.eagerness", eagerness)
        editor.next_edit(editor.open("a.py", CODE), 4)
        assert len(gateway.requests) == requests


def test_by_default_everything_is_shown() -> None:
    suggest = load(None, {}, {}).suggest
    assert (suggest.mode, suggest.eagerness, suggest.marks) == ("full", "medium", "auto")
    assert least_confidence(suggest.eagerness) == 0.0


def test_settings_are_checked() -> None:
    for name in ("mode", "eagerness", "marks"):
        with pytest.raises(ConfigError, match=f"suggest.{name}"):
            load(None, {f"suggest.{name}": "loud"}, {})


def test_which_clients_see_marks() -> None:
    seen = {
        (marks, mode, plain)
        for marks in ("auto", "always", "never")
        for mode in ("full", "hint")
        for plain in (True, False)
        if marks_places(marks, mode, plain=plain)
    }
    assert {plain for marks, mode, plain in seen if (marks, mode) == ("auto", "full")} == {True}
    assert sum(marks == "auto" for marks, _, _ in seen) == 3
    assert sum(marks == "always" for marks, _, _ in seen) == 4
    assert sum(marks == "never" for marks, _, _ in seen) == 0

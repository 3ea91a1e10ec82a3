"""Whatever is not shown has a reason, in the status and in the log, until something is shown."""

from typing import Any

import pytest

from feedback_store.events import Reason
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import offered, reason, rewrite, typed
from tests.lsp.standin import StandIn


def ghost_text(editor: Editor, uri: str, place: tuple[int, int], *, by_hand: bool) -> list[Any]:
    params = editor.at(uri, *place) | {"context": {"triggerKind": 1 if by_hand else 2}}
    return editor.request("textDocument/inlineCompletion", params)["items"]


def said(editor: Editor) -> list[str]:
    return [line for line in editor.log if "silent:" in line]


@pytest.mark.parametrize(("level", "lines"), [("info", 2), ("warning", 0)])
def test_each_silence_is_a_line_in_the_log(
    launch: Launch, gateway: StandIn, level: str, lines: int
) -> None:
    editor = launch("--log.level", level)
    editor.initialize()
    uri = typed(editor)
    gateway.answers += [Reason.REVERSAL, Reason.MASS_DELETION]
    for line in (4, 14):
        assert editor.next_edit(uri, line) is None
    editor.shutdown()
    assert [reason in "".join(editor.log) for reason in ("reversal", "mass_deletion")] == [
        lines > 0
    ] * 2
    assert len(said(editor)) == lines
    assert "value" not in "".join(editor.log), "no code"


def test_the_default_is_to_say_it(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    editor.initialize()
    assert editor.next_edit(typed(editor), 4) is None
    editor.shutdown()
    assert said(editor)


@pytest.mark.parametrize("by_hand", [True, False])
def test_an_edit_that_ghost_text_cannot_show(
    editor: Editor, gateway: StandIn, by_hand: bool
) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    assert ghost_text(editor, uri, (4, 11), by_hand=by_hand) == []
    assert reason(editor) == "no_ghost_text"
    assert editor.next_edit(uri, 4)
    assert editor.status()["last_silence"] is None


def test_an_edit_that_is_only_hinted_at(launch: Launch, gateway: StandIn) -> None:
    editor = launch("--suggest.mode", "hint")
    editor.initialize()
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4\n", "value_4 = 4.5\n"))
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "hint_only"
    assert ghost_text(editor, uri, (4, 11), by_hand=False) == []
    assert editor.status()["silences"] == {"hint_only": 2}
    assert ghost_text(editor, uri, (4, 11), by_hand=True)
    assert editor.status()["last_silence"] is None


def test_what_is_shown_ends_the_last_silence(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(Reason.REVERSAL)
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "reversal"
    offered(editor, gateway, 6)
    assert editor.status()["last_silence"] is None

"""Emacs with eglot, which knows neither ghost text nor next edits: the code action's face."""

import pytest

from tests.e2e.editors.desk import APPLY, CODE, DISMISS, Desk
from tests.e2e.editors.emacs import emacs

pytestmark = pytest.mark.long


def test_the_code_action_is_taken_and_stored(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    with emacs(desk) as editor:
        editor.rename(2)
        name = editor.choose(4, APPLY)
        wanted = CODE.replace("value_2 ", "total_2 ").replace("value_4 ", "total_4 ")
        editor.terminal.wait(lambda: editor.text() == wanted, "the edit in the buffer")
        editor.terminal.wait(lambda: "accepted" in desk.outcomes(), "the outcome in the store")
        editor.quit()
    assert desk.stored(name) == ("accepted", "yes")


def test_a_dismissed_code_action_is_rejected(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    with emacs(desk) as editor:
        editor.rename(2)
        name = editor.choose(4, DISMISS)
        editor.terminal.wait(lambda: "rejected" in desk.outcomes(), "the outcome in the store")
        assert editor.text() == CODE.replace("value_2 ", "total_2 ")
        editor.quit()
    assert desk.stored(name) == ("rejected", "yes")

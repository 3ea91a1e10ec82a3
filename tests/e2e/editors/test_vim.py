"""Vim with ALE, which knows code actions alone and runs no command after an edit."""

import pytest

from tests.e2e.editors.desk import APPLY, CODE, DISMISS, Desk
from tests.e2e.editors.vim import vim

pytestmark = pytest.mark.long

RENAMED = CODE.replace("value_2 ", "total_2 ")


def test_the_code_action_is_taken_saved_and_stored(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    with vim(desk) as editor:
        editor.rename(2)
        name = editor.choose(4, APPLY)
        editor.terminal.wait_for("total_4 = 4")
        assert editor.text() == RENAMED.replace("value_4 ", "total_4 ")
        editor.terminal.wait(lambda: "accepted" in desk.outcomes(), "the outcome in the store")
        editor.quit()
    assert desk.stored(name) == ("accepted", "unknown")


def test_a_dismissed_code_action_is_rejected(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    with vim(desk) as editor:
        editor.rename(2)
        name = editor.choose(4, DISMISS)
        editor.terminal.wait(lambda: "rejected" in desk.outcomes(), "the outcome in the store")
        assert editor.text() == RENAMED
        editor.quit()
    assert desk.stored(name) == ("rejected", "yes")

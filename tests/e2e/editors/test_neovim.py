"""Neovim with Hone's plugin: what a user sees, what his keys do, and what the store says of it."""

import pytest

from tests.e2e.editors.desk import CODE, Desk
from tests.e2e.editors.nvim import Neovim, neovim
from tests.e2e.editors.terminal import HEIGHT

pytestmark = pytest.mark.long

STRUCK = "\x1b[9m"
"""What a terminal is told before text that is struck through."""


def line_below(editor: Neovim, text: str) -> str:
    """Return the screen's line below the one that is `text`."""
    shown = editor.terminal.screen().split("\n")
    return shown[shown.index(text) + 1]


def test_an_edit_is_shown_accepted_and_stored(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    with neovim(desk) as editor:
        editor.rename(2)
        name = editor.wait_offer()
        editor.terminal.wait_for("total_4 = 4")
        assert line_below(editor, "value_4 = 4") == "total_4 = 4"
        assert f"{STRUCK}\x1b[91mvalue_4" in editor.terminal.coloured()
        assert editor.lines()[4] == "value_4 = 4"
        editor.press("M-l")
        editor.terminal.wait(lambda: editor.lines()[4] == "total_4 = 4", "the edit in the buffer")
        wanted = CODE.replace("value_2 ", "total_2 ").replace("value_4 ", "total_4 ")
        assert editor.lines() == wanted.splitlines()
        editor.quit()
    assert desk.stored(name) == ("accepted", "yes")


def test_a_dismissed_edit_is_rejected_and_stays_away(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    with neovim(desk) as editor:
        editor.rename(2)
        name = editor.wait_offer()
        editor.press("M-k")
        editor.terminal.wait(lambda: not editor.has_offer(), "an empty screen")
        assert "total_4 = 4" not in editor.terminal.screen()
        asked = len(desk.sent("textDocument/copilotInlineEdit"))
        editor.type(":HoneSuggest\n")
        editor.terminal.wait(
            lambda: len(desk.sent("textDocument/copilotInlineEdit")) > asked, "another request"
        )
        editor.type(":HoneStatus\n")
        editor.terminal.wait_for("dismissed_before")
        editor.press("Enter")
        assert not editor.has_offer()
        editor.quit()
    assert desk.stored(name) == ("rejected", "yes")


def test_the_first_key_jumps_to_an_edit_off_screen_and_the_second_accepts(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    with neovim(desk) as editor:
        editor.type("zt")
        editor.rename(2)
        name = editor.wait_offer()
        editor.type(":60\n")
        editor.terminal.wait_for("next edit: line 5")
        editor.press("M-l")
        editor.terminal.wait_for("total_4 = 4")
        assert editor.evaluate("line('.')") == "5"
        assert editor.lines()[4] == "value_4 = 4"
        editor.press("M-l")
        editor.terminal.wait(lambda: editor.lines()[4] == "total_4 = 4", "the edit in the buffer")
        editor.quit()
    assert desk.stored(name) == ("accepted", "yes")


def test_new_lines_that_are_gone_leave_no_trace_on_screen(desk: Desk) -> None:
    desk.rule(18, "value_18 = 18 + more\nfor each in range(3):\n\tprint(each)")
    with neovim(desk) as editor:
        editor.rename(16)
        editor.wait_offer()
        editor.terminal.wait_for("    print(each)")
        editor.type(":32\nzz")
        editor.terminal.wait_for("next edit: line 19")
        editor.type("0cwtotal_31")
        editor.press("Escape")
        editor.terminal.wait(lambda: not editor.has_offer(), "an end of the offer")
        first = int(editor.evaluate("line('w0')")) - 1
        shown = editor.terminal.screen().split("\n")[: HEIGHT - 3]
        assert shown == editor.lines()[first : first + HEIGHT - 3]
        editor.quit()


def test_an_edit_is_not_applied_to_a_text_it_was_not_made_for(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    with neovim(desk) as editor:
        editor.rename(2)
        editor.wait_offer()
        insert = "vim.api.nvim_buf_set_lines(0, 0, 0, false, {'import os'})"
        editor.evaluate(f"luaeval(\"(function() {insert} require('hone').accept() end)()\")")
        assert editor.lines() == ["import os", *CODE.replace("value_2 ", "total_2 ").splitlines()]
        editor.quit()


def test_a_word_of_an_insertion_is_a_partial_accept(desk: Desk) -> None:
    desk.rule(4, "value_4 = 4 + extra + more")
    with neovim(desk) as editor:
        editor.rename(2)
        name = editor.wait_offer()
        editor.terminal.wait_for("value_4 = 4 + extra + more")
        editor.press("M-w")
        editor.terminal.wait(lambda: editor.lines()[4] == "value_4 = 4 +", "the first word")
        editor.wait_offer()
        editor.press("M-w")
        editor.terminal.wait(lambda: editor.lines()[4] == "value_4 = 4 + extra", "the second")
        editor.quit()
    assert desk.stored(name) == ("partially_accepted", "yes")


def test_a_word_of_a_replacement_is_written_for_a_word(desk: Desk) -> None:
    desk.rule(4, "total_sum = 4 + more")
    with neovim(desk) as editor:
        editor.rename(2)
        name = editor.wait_offer()
        editor.press("M-w")
        editor.terminal.wait(lambda: editor.lines()[4] == "total_sum = 4", "the first word")
        assert editor.evaluate("string([line('.'), col('.')])") == str([5, len("total_sum ")])
        editor.quit()
    assert desk.stored(name) == ("partially_accepted", "yes")


def test_an_edit_stays_on_screen_while_its_lines_stay_what_they_are(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    # Nothing asks anew meanwhile.
    with neovim(desk, ("attach =", "debounce_ms = 600000, attach =")) as editor:
        editor.rename(2)
        editor.type(":HoneSuggest\n")
        editor.wait_offer()
        editor.type(":9\nA + 1")
        editor.terminal.wait_for("value_8 = 8 + 1")
        assert not editor.has_offer()
        assert line_below(editor, "value_4 = 4") == "total_4 = 4"
        editor.press("Escape")
        editor.type("ggOabove")
        editor.terminal.wait_for("above")
        assert line_below(editor, "value_4 = 4") == "total_4 = 4"
        editor.press("Escape")
        editor.type("uu")
        editor.terminal.wait(lambda: editor.lines()[8] == "value_8 = 8", "the undo")
        assert line_below(editor, "value_4 = 4") == "total_4 = 4"
        editor.type(":5\nA + 1")
        editor.terminal.wait_for("value_4 = 4 + 1")
        assert "total_4" not in editor.terminal.screen()
        editor.quit()


def test_what_is_typed_through_shrinks_on_screen(desk: Desk) -> None:
    desk.rule(4, "value_4 = 4 + extra")
    with neovim(desk) as editor:
        editor.rename(2)
        name = editor.wait_offer()
        editor.type(":5\nA + ex")
        editor.terminal.wait_for("value_4 = 4 + extra")
        assert editor.lines()[4] == "value_4 = 4 + ex"
        assert editor.wait_offer() == name
        editor.type("tra")
        editor.quit()
    assert desk.stored(name)[0] == "typed_through"


def test_another_edit_for_the_same_lines_can_be_looked_at(desk: Desk) -> None:
    desk.rule(4, "total_4 = 4")
    with neovim(desk) as editor:
        editor.rename(2)
        name = editor.wait_offer()
        desk.rule(4, "other_4 = 4")  # whoever asks: what is asked ahead may come first
        editor.type(":HoneNext\n")
        editor.terminal.wait_for("other_4 = 4")
        assert "total_4 = 4" not in editor.terminal.screen()
        editor.type(":HonePrevious\n")
        editor.terminal.wait_for("total_4 = 4")
        assert editor.wait_offer() == name
        editor.press("M-l")
        editor.terminal.wait(lambda: editor.lines()[4] == "total_4 = 4", "the edit in the buffer")
        editor.quit()
    assert desk.stored(name) == ("accepted", "yes")


def test_an_instruction_that_the_model_cannot_read_is_answered_with_the_reason(desk: Desk) -> None:
    with neovim(desk) as editor:
        editor.type(":3,5HoneInstruct sort by name\n")
        editor.terminal.wait_for("cannot follow instructions")
        editor.quit()


def test_a_new_buffer_is_served_from_its_first_write_on(desk: Desk) -> None:
    with neovim(desk) as editor:
        editor.type(":enew\n")
        editor.terminal.wait(lambda: editor.lines() == [""], "a new buffer")
        assert not editor.is_served()
        editor.type(":w b.py\n")
        editor.terminal.wait(editor.is_served, "an attached server")
        editor.quit()


def test_the_keys_are_the_users_to_choose_and_none_indents(desk: Desk) -> None:
    with neovim(desk, ('"<M-l>"', '"<C-l>"')) as editor:
        taken = [editor.evaluate(f"maparg('{key}', 'i')") for key in ("<Tab>", "<C-l>", "<M-k>")]
        assert taken == ["", "<Plug>(hone-accept)", "<Plug>(hone-dismiss)"]
        editor.quit()

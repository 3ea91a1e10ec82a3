"""What a user does with one suggestion after another, in each editor, and which class each
suggestion belongs to: the truth of the recordings.

Every place has a line to rename by hand and, two lines below, one that the model wants changed;
places are so far apart that none is in another's region. Knows keys. Does not know what the
language server makes of them.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from tests.e2e.editors.desk import APPLY, DISMISS, Desk
from tests.e2e.editors.emacs import emacs
from tests.e2e.editors.nvim import Neovim, neovim
from tests.e2e.editors.plain_nvim import plain_neovim
from tests.e2e.editors.vim import vim

Truth = dict[str, str]
ACCEPTED, PART = "accepted", "partially_accepted"
TYPED, NOT_TAKEN = "typed_through", "not_taken"
STEP = 15


def places(desk: Desk) -> Iterator[int]:
    """Yield one place after the other, each with its rule: the lines to rename."""
    for line in range(2, desk.lines - STEP, STEP):
        desk.rule(line + 2, f"total_{line + 2} = {line + 2}")
        yield line


def longer(desk: Desk, line: int, more: str) -> None:
    """Let the model want the line two below to go on with `more`."""
    desk.rule(line + 2, f"value_{line + 2} = {line + 2}{more}")


class Offers:
    """The plugin's offers, place after place."""

    def __init__(self, desk: Desk, editor: Neovim) -> None:
        self._desk, self._editor = desk, editor
        self._places = places(desk)

    def next(self, more: str = "") -> tuple[int, str]:
        """Return the line and the id of another offer: a rename, or what a line goes on with."""
        line = next(self._places)
        if more:
            longer(self._desk, line, more)
        self._editor.rename(line)
        return line + 2, self._editor.wait_offer()


def neovim_plugin(desk: Desk) -> Truth:
    """Neovim with the plugin: all its keys, and typing."""
    truth: Truth = {}
    with neovim(desk) as editor:
        offers = Offers(desk, editor)
        _take_with_keys(editor, offers, truth)
        for more in (" + more", " + extra + much"):
            line, name = offers.next(more)
            editor.append(line, more)
            truth[name] = TYPED
        line, _ = offers.next()
        editor.append(line, "  # something else")
        offers.next()
        # Last, since what it inserts moves the lines below.
        truth[offers.next("\nfor each in range(3):\n    print(each)")[1]] = ACCEPTED
        editor.press("M-l")
        editor.type("opass")
        editor.quit()
    return truth


def _take_with_keys(editor: Neovim, offers: Offers, truth: Truth) -> None:
    for _ in range(3):
        truth[offers.next()[1]] = ACCEPTED
        editor.press("M-l")
    truth[offers.next(" + first + second")[1]] = PART
    editor.press("M-w")
    editor.wait_offer()
    editor.press("M-w")
    truth[offers.next(" + first\nother = 1")[1]] = PART
    editor.press("M-w")
    offers.next()
    editor.press("M-k")


class Hand(Protocol):
    """An editor that shows suggestions as code actions."""

    def rename(self, line: int) -> None:
        """Type a new name over the one in a line."""

    def append(self, line: int, text: str) -> None:
        """Type at the end of a line."""

    def choose(self, line: int, action: str | None) -> str:
        """Choose a code action in a line, or only look; the suggestion."""
        ...

    def quit(self) -> None:
        """Leave."""


def by_code_action(desk: Desk, editor: Hand) -> Truth:
    """Take, refuse, type through, ignore and overtype suggestions, place after place."""
    truth: Truth = {}
    acts = ["take", "take", "refuse", "type", "ignore", "take", "overtype", "type", "take"]
    for act, line in zip(acts, places(desk), strict=False):
        editor.rename(line)
        name = editor.choose(line + 2, {"take": APPLY, "refuse": DISMISS}.get(act))
        if act == "take":
            truth[name] = ACCEPTED
        elif act == "type":
            editor.rename(line + 2)
            truth[name] = TYPED
        elif act == "overtype":
            editor.append(line + 2, " + 1")
    editor.quit()
    return truth


def neovim_code_action(desk: Desk) -> Truth:
    """Neovim 0.7 as it comes."""
    with plain_neovim(desk) as editor:
        return by_code_action(desk, editor)


def emacs_eglot(desk: Desk) -> Truth:
    """Emacs with eglot, which sends changes half a second late."""
    with emacs(desk) as editor:
        return by_code_action(desk, editor)


def vim_ale(desk: Desk) -> Truth:
    """Vim with ALE: whole texts, edits without commands."""
    with vim(desk) as editor:
        return by_code_action(desk, editor)


SESSIONS: dict[str, Callable[[Desk], Truth]] = {
    "neovim-plugin": neovim_plugin,
    "neovim-code-action": neovim_code_action,
    "emacs-eglot": emacs_eglot,
    "vim-ale": vim_ale,
}

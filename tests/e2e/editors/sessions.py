"""What a user does with one suggestion after another, in each editor, and which class each
suggestion belongs to: the truth of the recordings.

Every place has a line to rename by hand and, two lines below, one that the model wants changed;
places are so far apart that none is in another's region. Knows keys. Does not know what the
language server makes of them.
"""

from collections.abc import Callable, Iterator

from tests.e2e.editors.desk import Desk
from tests.e2e.editors.emacs import APPLY, DISMISS, Emacs, emacs
from tests.e2e.editors.nvim import Neovim, neovim
from tests.e2e.editors.plain_nvim import PlainNeovim, plain_neovim

Truth = dict[str, str]
ACCEPTED, PART = "accepted", "partially_accepted"
TYPED, NOT_TAKEN = "typed_through", "not_taken"
STEP = 15
BEYOND = 3
"""Lines from a rename to a place where nothing is suggested: the region ends before."""


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
            editor.type(f":{line + 1}\nA{more}")
            editor.press("Escape")
            truth[name] = TYPED
        line, _ = offers.next()
        editor.type(f":{line + 1}\nA  # something else")
        editor.press("Escape")
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


def neovim_code_action(desk: Desk) -> Truth:
    """Neovim 0.7 as it comes: code actions asked for by hand."""
    truth: Truth = {}

    def take(editor: PlainNeovim, line: int) -> None:
        editor.rename(line)
        truth[editor.choose(line + 2, APPLY)] = ACCEPTED

    def refuse(editor: PlainNeovim, line: int) -> None:
        editor.rename(line)
        editor.choose(line + 2, DISMISS)

    def ignore(editor: PlainNeovim, line: int) -> None:
        editor.rename(line)
        editor.choose(line + 2, None)

    def type_it(editor: PlainNeovim, line: int) -> None:
        editor.rename(line)
        name = editor.choose(line + 2, None)
        editor.type(f":{line + 3}\n0cwtotal_{line + 2}")
        editor.press("Escape")
        truth[name] = TYPED

    def type_other(editor: PlainNeovim, line: int) -> None:
        editor.rename(line)
        editor.choose(line + 2, None)
        editor.type(f":{line + 3}\nA + 1")
        editor.press("Escape")

    with plain_neovim(desk) as editor:
        acts: list[Callable[[PlainNeovim, int], None]]
        acts = [take, take, refuse, type_it, ignore, take, type_other, type_it, take]
        for act, line in zip(acts, places(desk), strict=False):
            act(editor, line)
        editor.quit()
    return truth


def emacs_eglot(desk: Desk) -> Truth:
    """Emacs with eglot: code actions, and changes that it sends half a second late."""
    truth: Truth = {}

    def take(editor: Emacs, line: int) -> None:
        truth[editor.choose(line + 2, APPLY)] = ACCEPTED

    def refuse(editor: Emacs, line: int) -> None:
        editor.choose(line + 2, DISMISS)

    def ignore(editor: Emacs, line: int) -> None:
        editor.wait_mark(line + 2)

    def type_it(editor: Emacs, line: int) -> None:
        truth[editor.wait_mark(line + 2)] = TYPED
        editor.go(line + 2)
        editor.press("M-d")
        editor.type("total")

    def type_other(editor: Emacs, line: int) -> None:
        editor.wait_mark(line + 2)
        editor.go(line + 2)
        editor.press("C-e")
        editor.type(" + 1")

    with emacs(desk) as editor:
        acts: list[Callable[[Emacs, int], None]]
        acts = [take, take, refuse, type_it, ignore, take, type_other, type_it, take]
        for act, line in zip(acts, places(desk), strict=False):
            editor.rename(line)
            act(editor, line)
        editor.quit()
    return truth


SESSIONS: dict[str, Callable[[Desk], Truth]] = {
    "neovim-plugin": neovim_plugin,
    "neovim-code-action": neovim_code_action,
    "emacs-eglot": emacs_eglot,
}

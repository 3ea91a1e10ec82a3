"""What each client of the research's table sends for the same deeds, and what each amounts to.

The offer is always to complete "return x" to "return x + f(a, b)".
"""

import pytest

from tests.lsp.desk import Desk
from tests.lsp.test_tracker_traces import (
    TEXT,
    A,
    D,
    E,
    P,
    R,
    Step,
    T,
    accept,
    close,
    dismiss,
    edit,
    keys,
    partly,
    show,
    wait,
)

NEW = " + f(a, b)"
WHOLE = edit(((4, 12), (4, 12), NEW))
UNDO = edit(((4, 12), (4, 22), ""))
FORMAT = edit(((4, 11), (4, 22), "(\n        x + f(a, b)\n    )"))
PASTE = edit(((4, 12), (4, 12), ".append(3)"))


def collected(*texts: str) -> list[Step]:
    """Typing as a client sends it that collects keys for 150 ms."""
    steps, column = [], 12
    for text in texts:
        steps += [edit(((4, column), (4, column), text)), wait(0.16)]
        column += len(text) - (text[-2:] == "()")
    return steps


def together(text: str) -> Step:
    """Typing as eglot sends it: all keys of half a second in one message."""
    places = [((4, 12 + n), (4, 12 + n), char) for n, char in enumerate(text)]
    return edit(*places)


def branch(desk: Desk, name: str) -> None:
    desk.tracker.branch_switched()


def restart(desk: Desk, name: str) -> None:
    desk.leave()


BRACKET = [keys(4, 12, " + f"), edit(((4, 16), (4, 16), "()")), keys(4, 17, "a, b")]

TRACES: dict[str, tuple[list[Step], str]] = {
    "neovim: accept": ([WHOLE, wait(0.01), accept], A),
    "neovim: collected typing": (collected(" +", " f()", "a,", " b"), T),
    "neovim: collected typing, beyond the end": (
        [*collected(" +", " f()", "a, "), edit(((4, 20), (4, 21), "b) "))],
        T,
    ),
    "neovim: collected typing of something else": (collected(" *", " 3", "00"), D),
    "neovim: collected typing that begins right": (collected(" +", " fo", "o"), D),
    "neovim: on_accept takes a word and runs the command": (
        [edit(((4, 12), (4, 12), " + f")), accept],
        P,
    ),
    "neovim: accept and format on save, collected into one": (
        [edit(((4, 11), (4, 12), "(\n        x + f(a, b)\n    )")), accept],
        A,
    ),
    "sidekick: jump, apply, command": ([wait(2), WHOLE, accept], A),
    "sidekick: dropped by an edit elsewhere": ([edit(((0, 0), (0, 0), "# top\n"))], E),
    "sidekick: undone": ([WHOLE, accept, wait(3), UNDO], A),
    "vscode: accept": ([WHOLE, accept], A),
    "vscode: a word": ([edit(((4, 12), (4, 12), " + f"))], P),
    "vscode: a word, and then keys to the end": (
        [edit(((4, 12), (4, 12), " + f")), wait(1.5), *BRACKET[1:]],
        P,
    ),
    "vscode: a word, undone": (
        [edit(((4, 12), (4, 12), " + f")), wait(1), edit(((4, 12), (4, 16), ""))],
        P,
    ),
    "vscode: words to the end": (
        [
            edit(((4, 12), (4, 12), " + f")),
            wait(2),
            edit(((4, 16), (4, 16), "(a")),
            wait(2),
            edit(((4, 18), (4, 18), ", b)")),
            accept,
        ],
        A,
    ),
    "vscode: a menu writes the word anew": (
        [keys(4, 12, " + f"), edit(((4, 15), (4, 16), "format"))],
        D,
    ),
    "vscode: brackets closed by the editor": (BRACKET, T),
    "vscode: keys, then accept of the rest": (
        [keys(4, 12, " + "), wait(1), edit(((4, 15), (4, 15), "f(a, b)")), accept],
        A,
    ),
    "vscode: accept, format on save at once": ([WHOLE, accept, FORMAT], A),
    "vscode: format on save between change and command": ([WHOLE, FORMAT, accept], A),
    "lsp-mode: accept": ([wait(2), WHOLE, accept], A),
    "lsp-mode: any other key": ([wait(2), keys(4, 12, "[")], D),
    "lsp4ij: accept, no command": ([WHOLE], A),
    "lsp4ij: accept of the rest, no command": (
        [keys(4, 12, " + f"), wait(1), edit(((4, 16), (4, 16), "(a, b)"))],
        A,
    ),
    "lsp4ij: typed": ([keys(4, 12, " + f"), *BRACKET[1:]], T),
    "coc: a word and the command": ([edit(((4, 12), (4, 12), " + f")), accept], P),
    "coc: a word, the command, then keys to the end": (
        [edit(((4, 12), (4, 12), " + f")), accept, wait(0.3), *BRACKET[1:]],
        P,
    ),
    "coc: two words with the command, then the rest": (
        [
            edit(((4, 12), (4, 12), " + f")),
            accept,
            wait(0.4),
            edit(((4, 16), (4, 16), "(a, b)")),
            accept,
        ],
        A,
    ),
    "copilot.el: shown, accepted": ([show, WHOLE, accept], A),
    "copilot.el: shown, dismissed after three moves": ([show, wait(5)], E),
    "eglot: edit, then command": ([WHOLE, accept], A),
    "eglot: typing in one message": ([together(NEW)], T),
    "eglot: typing in one message, and on": ([together(NEW + ".c")], T),
    "helix: command, then edit": ([accept, WHOLE], A),
    "any: reported part": ([edit(((4, 12), (4, 12), " + f")), partly], P),
    "any: command, and nothing happens": ([accept, wait(3)], E),
    "any: another tool's paste": ([PASTE], D),
    "any: a number that goes on": ([keys(4, 12, NEW + "c")], T),
    "any: a word that goes on": ([keys(4, 12, " + f(a, bc")], D),
    "any: branch switch": ([branch, wait(1)], E),
    "any: restart while typing": ([keys(4, 12, " + f"), restart], D),
    "any: restart right after an unreported accept": ([WHOLE, restart], A),
    "any: closed before the command": ([WHOLE, close], A),
    "any: dismissed by our command": ([wait(1), dismiss], R),
}


@pytest.mark.parametrize("trace", TRACES)
def test_outcome_by_client(trace: str) -> None:
    steps, outcome = TRACES[trace]
    desk = Desk(TEXT)
    if not trace.startswith(("neovim", "coc")):
        desk.warm()
    name = desk.offer(2, 6, "return x\n", f"return x{NEW}\n")
    desk.wait(0.5)
    for step in steps:
        step(desk, name)
    desk.wait(100)
    assert desk.outcome(name).outcome == outcome
    assert len(desk.survivals(name)) == (3 if outcome in (A, P) else 0)
    assert desk.settled(name).undone == ("undone" in trace)
    assert desk.settled(name).branch_switch == ("branch" in trace)


def reporting() -> Desk:
    """A client that was seen to report an accept."""
    desk = Desk(TEXT)
    desk.warm()
    name = desk.offer(2, 6, "x = 1\n", "x = 1234567\n")
    desk.edit(((3, 9), (3, 9), "234567"))
    desk.tracker.accepted(name, desk.now)
    desk.wait(100)
    return desk


def test_where_accepts_are_reported_a_leap_without_report_is_another_tools() -> None:
    desk = reporting()
    name = desk.offer(2, 6, "return x\n", f"return x{NEW}\n")
    WHOLE(desk, name)
    desk.wait(100)
    assert desk.outcome(name).outcome == T


@pytest.mark.parametrize("later", [accept, close, restart])
def test_a_leap_waits_for_its_report_no_longer_than_it_must(later: Step) -> None:
    desk = reporting()
    name = desk.offer(2, 6, "return x\n", f"return x{NEW}\n")
    WHOLE(desk, name)
    assert desk.of(name) == []
    desk.wait(0.3)
    later(desk, name)
    assert desk.outcome(name).outcome == A


def test_an_accept_that_was_waited_for_is_dated_by_its_change() -> None:
    desk = reporting()
    name = desk.offer(2, 6, "return x\n", f"return x{NEW}\n")
    WHOLE(desk, name)
    desk.wait(0.2)
    FORMAT(desk, name)
    desk.wait(0.2)
    accept(desk, name)
    desk.wait(100)
    settled = desk.settled(name)
    assert settled.accepted_text is not None
    assert f"return x{NEW}\n" in settled.accepted_text
    ages = [s.age_s for s in desk.survivals(name)]
    assert ages == [pytest.approx(0.4), pytest.approx(5), pytest.approx(30)]

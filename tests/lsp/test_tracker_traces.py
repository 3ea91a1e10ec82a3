"""Tables of what editors do, and the outcome that each amounts to."""

from collections.abc import Callable

import pytest

from tests.lsp.desk import Desk

TEXT = "import os\n\ndef f(a):\n    x = 1\n    return x\n\nprint(f(2))\n"
Step = Callable[[Desk, str], None]


def insertion() -> tuple[Desk, str]:
    """An offer that completes line 4 to "return x + a.b"."""
    desk = Desk(TEXT)
    desk.warm()
    return desk, desk.offer(2, 6, "return x\n", "return x + a.b\n")


def edit(*edits: tuple[tuple[int, int], tuple[int, int], str]) -> Step:
    return lambda desk, name: desk.edit(*edits)


def keys(line: int, column: int, text: str) -> Step:
    return lambda desk, name: desk.type(line, column, text)


def wait(seconds: float) -> Step:
    return lambda desk, name: desk.wait(seconds)


def accept(desk: Desk, name: str) -> None:
    desk.tracker.accepted(name, desk.now)


def dismiss(desk: Desk, name: str) -> None:
    desk.tracker.dismissed(name, desk.now)


def partly(desk: Desk, name: str) -> None:
    desk.tracker.partly_accepted(name)


def show(desk: Desk, name: str) -> None:
    desk.tracker.shown(name)


def close(desk: Desk, name: str) -> None:
    desk.leave(close=True)


WHOLE = edit(((4, 12), (4, 12), " + a.b"))
A, P, R, T = "accepted", "partially_accepted", "rejected", "typed_through"
D, E = "diverged", "expired"

TRACES: dict[str, tuple[list[Step], str, str]] = {
    "change, then command": ([WHOLE, accept], A, "unknown"),
    "command, then change": ([accept, WHOLE], A, "yes"),
    "command long before the change": ([accept, wait(0.9), WHOLE], A, "yes"),
    "change only (LSP4IJ runs no command)": ([WHOLE], A, "unknown"),
    "command for a change that never comes": ([accept, wait(2)], E, "yes"),
    "whole region replaced": (
        [edit(((2, 0), (6, 0), "def f(a):\n    x = 1\n    return x + a.b\n\n"))],
        A,
        "unknown",
    ),
    "whole document replaced": (
        [edit(((0, 0), (7, 0), TEXT.replace("return x", "return x + a.b")))],
        A,
        "unknown",
    ),
    "two edits in one notification": (
        [edit(((4, 12), (4, 12), " + "), ((4, 15), (4, 15), "a.b"))],
        A,
        "unknown",
    ),
    "two notifications within a burst": (
        [edit(((4, 12), (4, 12), "a.b")), wait(0.2), edit(((4, 12), (4, 12), " + "))],
        A,
        "unknown",
    ),
    "accept with trailing blank": ([edit(((4, 12), (4, 12), " + a.b  "))], A, "unknown"),
    "accept with CRLF": (
        [edit(((4, 0), (5, 0), "    return x + a.b\r\n"))],
        A,
        "unknown",
    ),
    "format on save right after": (
        [WHOLE, wait(0.2), edit(((4, 11), (4, 18), "(x + a.b)"))],
        A,
        "unknown",
    ),
    "formatter before the command": (
        [edit(((4, 11), (4, 12), "(x + a.b)")), wait(0.1), accept],
        A,
        "yes",
    ),
    "a few keys, then accept of the rest": (
        [keys(4, 12, " + "), wait(2), edit(((4, 15), (4, 15), "a.b"))],
        A,
        "unknown",
    ),
    "looked at for long, then accepted": ([wait(45), WHOLE, accept], A, "unknown"),
    "looked at for long, command first": ([wait(45), accept, wait(0.2), WHOLE], A, "yes"),
    "looked at for long, no command": ([wait(45), WHOLE], A, "unknown"),
    "begun, looked at for long, then accepted": (
        [keys(4, 12, " + "), wait(30), edit(((4, 15), (4, 15), "a.b")), accept],
        A,
        "unknown",
    ),
    "looked at for long, then typed": ([wait(45), keys(4, 12, " + a.b")], T, "unknown"),
    "accept, undone": ([WHOLE, wait(2), edit(((4, 12), (4, 18), ""))], A, "unknown"),
    "key by key": ([keys(4, 12, " + a.b")], T, "unknown"),
    "key by key, with a typo taken back": (
        [keys(4, 12, " +x"), edit(((4, 14), (4, 15), "")), keys(4, 14, " a.b")],
        T,
        "unknown",
    ),
    "key by key and on": ([keys(4, 12, " + a.b"), wait(2), keys(4, 18, ".c")], T, "unknown"),
    "key by key, claimed by a command": ([keys(4, 12, " + a.b"), accept], A, "yes"),
    "a word taken, reported": ([edit(((4, 12), (4, 12), " + a")), partly], P, "yes"),
    "a word taken, not reported": ([edit(((4, 12), (4, 12), " + a"))], P, "unknown"),
    "a word taken, command all the same (coc)": (
        [edit(((4, 12), (4, 12), " + a")), accept],
        P,
        "yes",
    ),
    "word by word to the end": (
        [edit(((4, 12), (4, 12), " + a")), wait(3), edit(((4, 16), (4, 16), ".b"))],
        A,
        "unknown",
    ),
    "a word taken, then something else": (
        [edit(((4, 12), (4, 12), " + a")), wait(3), keys(4, 16, "[0]")],
        P,
        "unknown",
    ),
    "a word taken, looked at for long, then the rest": (
        [edit(((4, 12), (4, 12), " + a")), wait(30), edit(((4, 16), (4, 16), ".b"))],
        A,
        "unknown",
    ),
    "looked at for long, then a word said and taken": (
        [wait(30), partly, wait(0.1), edit(((4, 12), (4, 12), " + a"))],
        P,
        "yes",
    ),
    "dismissed": ([dismiss], R, "yes"),
    "dismissed, then typed all the same": ([dismiss, keys(4, 12, " + a.b")], R, "yes"),
    "looked at for long, then dismissed": ([wait(45), dismiss], R, "yes"),
    "looked at for long, then something else": ([wait(45), keys(4, 12, "yz")], D, "unknown"),
    "something else": ([keys(4, 12, "yz")], D, "unknown"),
    "something else pasted": ([edit(((4, 4), (4, 12), "yield 3"))], D, "unknown"),
    "begun and left": ([keys(4, 12, " +")], D, "unknown"),
    "shown and left alone": ([show], E, "yes"),
    "left alone": ([], E, "unknown"),
    "typed elsewhere": ([edit(((0, 0), (0, 0), "import re\n"))], E, "unknown"),
    "typed and taken back": ([keys(4, 12, "q"), edit(((4, 12), (4, 13), ""))], E, "unknown"),
    "closed at once": ([close], E, "unknown"),
    "typed, then closed": ([keys(4, 12, " + a.b"), close], T, "unknown"),
    "accepted, then closed": ([accept, WHOLE, close], A, "yes"),
}


@pytest.mark.parametrize("trace", TRACES)
def test_outcome_of_a_trace(trace: str) -> None:
    steps, outcome, shown = TRACES[trace]
    desk, name = insertion()
    desk.wait(1)
    for step in steps:
        step(desk, name)
    desk.wait(100)
    assert desk.outcome(name).outcome == outcome
    assert desk.outcome(name).shown == shown
    assert desk.settled(name)
    assert len(desk.survivals(name)) == (3 if outcome in (A, P) else 0)
    assert desk.tracker.watches == ()

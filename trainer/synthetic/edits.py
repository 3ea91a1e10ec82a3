"""Edits of whole lines, and plans: every place of a file at which one rule asks for an edit.

Knows line numbers and texts. Does not know what a rule is, windows or tasks.
"""

import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MERGED_LINES = 4
"""Neighbouring lines that may be shown as one edit."""
MERGE_SHARE = 0.6


@dataclass(frozen=True)
class LineEdit:
    """Replace lines [start, end) by `new` (no line ends). `start == end` inserts above `start`."""

    start: int
    end: int
    new: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """All places at which a rule asks for an edit, in document order, none overlapping."""

    edits: tuple[LineEdit, ...]
    lead: int | None = None
    """Index of the edit that is made first, such as a function's definition."""
    telling: int = 1
    """How many edits must be shown for a reader to know the others; fewer than there are."""
    blocked: frozenset[int] = frozenset()
    """Lines about which the rule is silent or unsure: no window may hold one."""


def plan_of(
    lines: Sequence[str],
    rewrites: dict[int, str | None],
    rng: random.Random,
    *,
    first: int | None = None,
    telling: int = 1,
    blocked: Iterable[int] = (),
) -> Plan | None:
    """Return the plan that rewrites each line (None deletes it), or None if it has no place left.

    Args:
        first: the line that is edited first.
        telling: how many edits must be shown for a reader to know the others.
    """
    singles = [
        LineEdit(number, number + 1, () if new is None else (new,))
        for number, new in sorted(rewrites.items())
        if new is None or new.rstrip() != lines[number].rstrip()
    ]
    merged: list[LineEdit] = []
    for edit in singles:
        last = merged[-1] if merged else None
        near = last is not None and last.end == edit.start and first not in (edit.start, last.start)
        if last and near and edit.end - last.start <= MERGED_LINES and rng.random() < MERGE_SHARE:
            merged[-1] = LineEdit(last.start, edit.end, last.new + edit.new)
        else:
            merged.append(edit)
    if len(merged) <= telling:
        return None
    lead = next((n for n, edit in enumerate(merged) if edit.start == first), None)
    return Plan(tuple(merged), lead, telling, frozenset(blocked) - set(rewrites))


class Document:
    """The lines after some edits of a plan, and where the original's lines went."""

    def __init__(self, lines: Sequence[str], done: Sequence[LineEdit]) -> None:
        """`done` in document order."""
        self.lines: list[str] = []
        self._starts: list[int] = []
        self._shifts: list[int] = [0]
        at = shift = 0
        for edit in done:
            self.lines += lines[at : edit.start]
            self.lines += edit.new
            at = edit.end
            shift += len(edit.new) - (edit.end - edit.start)
            self._starts.append(edit.start)
            self._shifts.append(shift)
        self.lines += lines[at:]

    def place(self, start: int) -> int:
        """Where an edit that begins at the original's line `start` begins now.

        Also for the done edits themselves, whose own change does not count.
        """
        return start + self._shifts[bisect_right(self._starts, start - 1)]


def applied(lines: Sequence[str], first: int, edits: Iterable[tuple[int, LineEdit]]) -> list[str]:
    """Return `lines`, which begin at line `first`, after edits at the given places, in order."""
    result: list[str] = []
    at = 0
    for place, edit in edits:
        result += lines[at : place - first]
        result += edit.new
        at = place - first + edit.end - edit.start
    return result + list(lines[at:])

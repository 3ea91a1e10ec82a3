"""The recent edits across files, as small diffs: what the next edit may follow from.

Changes near each other in place and time become one edit; typing that cancels out disappears.
Knows lines and times given to it. Does not know documents, clocks or which files may be sent.
"""

import difflib
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from feedback_store.events import RecentEdit
from lsp.document import Change, content, encodable

NEAR_LINES = 2
"""A change this close to the edit being made belongs to it."""
PAUSE_S = 10.0
"""After such a pause another edit begins."""
KEPT = 32
MAX_DIFF_LINES = 40
"""A larger edit (a paste, a checkout) says little about the next one and is left out."""


@dataclass
class _Edit:
    """One edit in the making: the lines [first, first + len(new)) of `path` were once `old`."""

    path: str
    first: int
    old: list[str]
    new: list[str]
    before: str | None
    """The line above, for context; None at the top of the file."""
    at: float


class History:
    """What was edited lately, oldest first."""

    def __init__(self) -> None:
        self._edits: deque[_Edit] = deque(maxlen=KEPT)

    def record(self, path: str, change: Change, lines: Sequence[str], now: float) -> None:
        """Take in a change; `lines` are the document's after it, `now` is monotonic."""
        if not change.old and not change.new:
            return
        last = self._edits[-1] if self._edits else None
        if last and last.path == path and now - last.at <= PAUSE_S and _near(last, change):
            _merge(last, change, lines)
            last.at = now
        else:
            last = _Edit(path, change.first, list(change.old), list(change.new), None, now)
            self._edits.append(last)
        last.before = content(lines[last.first - 1]) if last.first else None
        if last.old == last.new:
            self._edits.pop()

    def recent(self, limit: int) -> tuple[RecentEdit, ...]:
        """Return the last `limit` edits as diffs, each with one line of context."""
        hunks: list[tuple[str, str | None, list[str], list[str]]] = []
        for edit in self._edits:
            for before, old, new in _hunks(edit):
                reverse = hunks and (hunks[-1][0], hunks[-1][3], hunks[-1][2]) == (
                    edit.path,
                    old,
                    new,
                )
                if reverse:
                    hunks.pop()
                elif len(old) + len(new) <= MAX_DIFF_LINES:
                    hunks.append((edit.path, before, old, new))
        chosen = hunks[-limit:] if limit > 0 else []
        diffs = ((path, _diff(before, old, new)) for path, before, old, new in chosen)
        return tuple(RecentEdit(path=path, diff=diff) for path, diff in diffs if encodable(diff))

    def fork(self) -> "History":
        """Return a copy, to see what one more change would make of it."""
        twin = History()
        twin._edits.extend(replace(e, old=list(e.old), new=list(e.new)) for e in self._edits)
        return twin

    def seal(self) -> None:
        """Let the next change begin another edit: line numbers may mean something else now."""
        if self._edits:
            self._edits[-1].at = -math.inf

    def forget(self, path: str) -> None:
        """Drop what is known of a file, such as one that was excluded."""
        kept = [edit for edit in self._edits if edit.path != path]
        self._edits = deque(kept, maxlen=KEPT)


def _near(edit: _Edit, change: Change) -> bool:
    above = edit.first - (change.first + len(change.old))
    below = change.first - (edit.first + len(edit.new))
    return max(above, below) <= NEAR_LINES


def _merge(edit: _Edit, change: Change, lines: Sequence[str]) -> None:
    """Widen the edit to also cover the change, then apply the change to its new side."""
    begin, end = change.first, change.first + len(change.old)
    shift = len(change.new) - len(change.old)

    def line_before(index: int) -> str:
        if begin <= index < end:
            return change.old[index - begin]
        return lines[index if index < begin else index + shift]

    edit_end = edit.first + len(edit.new)
    above = [line_before(index) for index in range(begin, edit.first)]
    below = [line_before(index) for index in range(edit_end, max(begin, end))]
    edit.old = above + edit.old + below
    edit.new = above + edit.new + below
    edit.first = min(begin, edit.first)
    at = begin - edit.first
    edit.new[at : at + len(change.old)] = change.new


def _hunks(edit: _Edit) -> list[tuple[str | None, list[str], list[str]]]:
    old = [content(line) for line in edit.old]
    new = [content(line) for line in edit.new]
    found: list[tuple[str | None, list[str], list[str]]] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            before = new[j1 - 1] if j1 else edit.before
            found.append((before, old[i1:i2], new[j1:j2]))
    return found


def _diff(before: str | None, old: list[str], new: list[str]) -> str:
    context = "" if before is None else f" {before}\n"
    return context + "".join(f"-{line}\n" for line in old) + "".join(f"+{line}\n" for line in new)

"""The recent edits across files, as small diffs: what the next edit may follow from.

Changes near each other in place and time become one edit; what is taken back disappears, also
when other edits came in between. Knows lines and times given to it. Does not know documents,
clocks or which files may be sent. Edits belong together by their documents' URIs: in several
folders, or outside all, two documents may be sent by the same path.
"""

import difflib
import logging
import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from feedback_store.events import RecentEdit
from lsp.document import Change, content, encodable

log = logging.getLogger(__name__)

NEAR_LINES = 2
"""A change this close to the edit being made belongs to it."""
PAUSE_S = 10.0
"""After such a pause another edit begins."""
KEPT = 32
MAX_DIFF_LINES = 40
"""A larger edit (a paste, a checkout) says little about the next one and is left out."""
MAX_COMPARED_LINES = 1_000
"""Beyond, an edit is not even compared line by line, which may take long."""


@dataclass(frozen=True)
class Hunk:
    """Lines that became others, without their ends."""

    uri: str
    path: str
    """As it is sent; other documents may have the same."""
    at: int
    """The line at which `new` stands now, as far as later edits left it alone."""
    before: str | None
    """The line above, for context; None at the top of the file."""
    old: tuple[str, ...]
    new: tuple[str, ...]

    @cached_property
    def sent(self) -> RecentEdit | None:
        """The body of a unified-diff hunk with one line of context; None if it is no text that
        can be encoded."""
        context = "" if self.before is None else f" {self.before}\n"
        gone = "".join(f"-{line}\n" for line in self.old)
        diff = context + gone + "".join(f"+{line}\n" for line in self.new)
        return RecentEdit(path=self.path, diff=diff) if encodable(diff) else None

    def takes_back(self, other: "Hunk") -> bool:
        """Whether this undoes the other."""
        same_place = (self.uri, self.at) == (other.uri, other.at)
        return same_place and (self.old, self.new) == (other.new, other.old)


@dataclass(eq=False)
class _Edit:
    """One edit in the making: the lines [first, first + len(new)) of `uri` were once `old`."""

    uri: str
    path: str
    first: int
    old: list[str]
    new: list[str]
    before: str | None
    at: float
    number: int
    touched: tuple[int, int] = (0, 0)
    """The lines that its newest change wrote, counted from `first`."""
    moved: Counter[int] = field(default_factory=Counter)
    """How many lines this edit moved those before it."""
    hunks: list[Hunk] | None = None
    """As compared last; None if something changed since."""

    def takes_back(self, other: "_Edit") -> bool:
        """Whether both together change nothing, now; an edit can take back itself."""
        same_place = (self.uri, self.first) == (other.uri, other.first)
        return same_place and (self.old, self.new) == (other.new, other.old)


class History:
    """What was edited lately, oldest first."""

    def __init__(self) -> None:
        self._edits: deque[_Edit] = deque(maxlen=KEPT)
        self._hunks: tuple[Hunk, ...] | None = None
        self._next = 0

    def record(self, uri: str, path: str, change: Change, lines: Sequence[str], now: float) -> None:
        """Take in a change; `lines` are the document's after it, `now` is monotonic.

        Whoever is changing a document shall not fail for this: what cannot be made sense of, and
        so all that is known of the document, is forgotten.
        """
        if not change.old and not change.new:
            return
        self._hunks = None
        try:
            self._record(uri, path, change, lines, now)
        except (IndexError, ValueError):
            log.exception("the edits of a document cannot be followed")
            self.forget(uri)

    def hunks(self) -> tuple[Hunk, ...]:
        """Return what was changed, oldest first, without what was taken back."""
        if self._hunks is None:
            self._hunks = tuple(self._left())
        return self._hunks

    def recent(self, limit: int) -> tuple[RecentEdit, ...]:
        """Return the last `limit` edits as diffs, each with one line of context."""
        chosen = self.hunks()[-limit:] if limit > 0 else []
        return tuple(edit for hunk in chosen if (edit := hunk.sent) is not None)

    def fork(self) -> "History":
        """Return a copy, to see what one more change would make of it."""
        twin = History()
        twin._next = self._next
        twin._edits.extend(
            replace(edit, old=list(edit.old), new=list(edit.new), moved=Counter(edit.moved))
            for edit in self._edits
        )
        return twin

    def seal(self) -> None:
        """Let the next change begin another edit: line numbers may mean something else now."""
        if self._edits:
            self._edits[-1].at = -math.inf

    def forget(self, uri: str) -> None:
        """Drop what is known of a document, such as one that was excluded."""
        kept = [edit for edit in self._edits if edit.uri != uri]
        self._edits = deque(kept, maxlen=KEPT)
        self._hunks = None

    def _record(
        self, uri: str, path: str, change: Change, lines: Sequence[str], now: float
    ) -> None:
        last = self._edits[-1] if self._edits else None
        merges = last and last.uri == uri and now - last.at <= PAUSE_S and _near(last, change)
        if last and merges:
            _merge(last, change, lines)
            last.path, last.at = path, now
        else:
            old, new = list(change.old), list(change.new)
            last = _Edit(uri, path, change.first, old, new, None, now, self._next)
            self._next += 1
            self._edits.append(last)
        begin = change.first - last.first
        last.touched = (begin, begin + len(change.new))
        for edit in self._edits:
            if edit.uri == uri and edit is not last:
                _shift(edit, change, last)
        last.before = content(lines[last.first - 1]) if last.first else None
        last.hunks = None
        undone = next((one for one in reversed(self._edits) if last.takes_back(one)), None)
        if undone is not None:
            self._cancel(undone, last)

    def _cancel(self, undone: _Edit, last: _Edit) -> None:
        """Drop an edit and the one that takes it back; those before stand where they stood."""
        both = {undone, last}
        self._edits = deque((edit for edit in self._edits if edit not in both), KEPT)
        for edit in self._edits:
            if edit.number < undone.number:
                edit.first -= sum(gone.moved[edit.number] for gone in both)
                edit.hunks = None

    def _left(self) -> list[Hunk]:
        kept: list[Hunk] = []
        for edit in self._edits:
            if edit.hunks is None:
                edit.hunks = _hunks(edit)
            for hunk in edit.hunks:
                there = (old for old in reversed(kept) if old.at == hunk.at)
                undone = next((old for old in there if hunk.takes_back(old)), None)
                if undone is not None:
                    kept.remove(undone)
                elif len(hunk.old) + len(hunk.new) <= MAX_DIFF_LINES:
                    kept.append(hunk)
        return kept


def _near(edit: _Edit, change: Change) -> bool:
    above = edit.first - (change.first + len(change.old))
    below = change.first - (edit.first + len(edit.new))
    return max(above, below) <= NEAR_LINES


def _shift(edit: _Edit, change: Change, by: _Edit) -> None:
    """Move an earlier edit along with lines that came or went above it."""
    above = change.first < edit.first or (change.first == edit.first and edit.new)
    if above and change.first + len(change.old) <= edit.first:
        lines = len(change.new) - len(change.old)
        edit.first += lines
        edit.hunks = None
        by.moved[edit.number] += lines


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


def _hunks(edit: _Edit) -> list[Hunk]:
    """Return what an edit comes to, from top to bottom, but what was changed last at the end."""
    if len(edit.old) + len(edit.new) > MAX_COMPARED_LINES:
        return []
    old = [content(line) for line in edit.old]
    new = [content(line) for line in edit.new]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    begin, end = edit.touched
    changes.sort(key=lambda change: change[3] <= end and begin <= change[4])
    return [
        Hunk(
            edit.uri,
            edit.path,
            edit.first + j1,
            new[j1 - 1] if j1 else edit.before,
            tuple(old[i1:i2]),
            tuple(new[j1:j2]),
        )
        for _, i1, i2, j1, j2 in changes
    ]

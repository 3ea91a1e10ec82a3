"""Whether a change came from keys: what one or a few key presses can write, by how a client sends.

Some clients send every key by itself, others collect them for a while (Neovim 150 ms, coc 100 ms)
and send the difference, so that two or three keys arrive as one change. Which of the two a client
is shows in its own changes: only the former's are ever close to each other. Knows changes. Does
not know suggestions.
"""

import math
import re
from dataclasses import dataclass

from lsp.document import Change

COLLECTED = 3
"""How many keys a client that collects them sends at once: 150 ms of a fast typist."""
QUICK_S = 0.08
"""Two changes this close were not collected."""
QUICK_TIMES = 2
"""So often it must have happened; until then a client may collect."""
QUICK_SHARE = 0.02
"""And so often, since a request makes every client send at once what it has."""
PAIRS = frozenset({"()", "[]", "{}", '""', "''", "``", "<>"})
_INDENTED = re.compile(r"\n[ \t]*")


@dataclass(frozen=True)
class Step:
    """What a change can have been."""

    by_hand: bool
    """Keys can have made it."""
    exact: bool
    """The client sends what happens as it happens, not the difference between two moments."""


class Rhythm:
    """What one connection's changes look like."""

    def __init__(self) -> None:
        self._keys = 0
        self._quick = 0
        self._last_at = -math.inf

    @property
    def collects(self) -> bool:
        """Whether the client may send several keys as one change, as far as was seen."""
        return self._quick < max(QUICK_TIMES, QUICK_SHARE * self._keys)

    def step(self, change: Change, now: float) -> Step:
        """Return what the change can have been; learns from it."""
        removed, inserted = _difference(change.removed, change.inserted)
        written, gone = keys(inserted), keys(removed)
        if written == 1:
            self._keys += 1
            self._quick += now - self._last_at < QUICK_S
            self._last_at = now
        most = COLLECTED if self.collects else 1
        by_hand = completes_word(change) or (written <= most and gone <= most)
        return Step(by_hand, exact=not self.collects)


def completes_word(change: Change) -> bool:
    """Whether a word is written anew with more behind it, as menus of completions do."""
    old, new = change.removed, change.inserted
    return old.isidentifier() and new.startswith(old) and new.rstrip("(): ").isidentifier()


def keys(text: str) -> int:
    """Return how many key presses write this text; editors indent and close pairs by themselves."""
    text = text.replace("\r", "")
    if not text or text.isspace() or text in PAIRS:
        return min(len(text), 1)
    closed = text[-2:] in PAIRS
    return len(_INDENTED.sub("\n", text)) - closed


def _difference(removed: str, inserted: str) -> tuple[str, str]:
    """Leave out what a replacement keeps, such as the word that a completion writes again."""
    limit = min(len(removed), len(inserted))
    head = 0
    while head < limit and removed[head] == inserted[head]:
        head += 1
    tail = 0
    while tail < limit - head and removed[-1 - tail] == inserted[-1 - tail]:
        tail += 1
    return removed[head : len(removed) - tail], inserted[head : len(inserted) - tail]

"""Whether a change came from keys: what one or a few key presses can write, by how a client sends.

Some clients send every key by itself, others collect them for a while (Neovim 150 ms, coc 100 ms)
and send the difference, so that two or three keys arrive as one change. Which of the two a client
is shows in its own changes. Knows changes. Does not know suggestions or times.
"""

import re

from lsp.document import Change

COLLECTED = 3
"""How many keys a client that collects them sends at once: 150 ms of a fast typist."""
SHARE = 0.15
"""At least so many of a collecting client's changes hold several keys."""
CHANCE = 2
"""So many of them may be something else."""
PAIRS = frozenset({"()", "[]", "{}", '""', "''", "``", "<>"})
_INDENTED = re.compile(r"\n[ \t]*")


class Rhythm:
    """What one connection's changes look like."""

    def __init__(self) -> None:
        self._single = 0
        self._several = 0

    @property
    def collects(self) -> bool:
        """Whether the client sends several keys as one change, as far as was seen."""
        return self._several > max(CHANCE, SHARE * (self._single + self._several))

    def by_hand(self, change: Change) -> bool:
        """Whether keys can have made this change; learns from it."""
        if completes_word(change):
            return True
        removed, inserted = _difference(change.removed, change.inserted)
        written, gone = keys(inserted), keys(removed)
        if written == 1:
            self._single += 1
        elif 1 < written <= COLLECTED:
            self._several += 1
        most = COLLECTED if self.collects else 1
        return written <= most and gone <= most


def completes_word(change: Change) -> bool:
    """Whether a word is written anew with more behind it, as menus of completions do."""
    old, new = change.removed, change.inserted
    return old.isidentifier() and new.startswith(old) and new.rstrip("(): ").isidentifier()


def keys(text: str) -> int:
    """Return how many key presses write this text; editors indent and close pairs by themselves."""
    text = text.replace("\r", "")
    if not text or text.isspace() or text in PAIRS:
        return min(len(text), 1)
    return len(_INDENTED.sub("\n", text))


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

"""Where the recent edits may have to go on: the lines that still hold what was replaced.

Whoever renames something in one place has the old name left in others. So the words that the
last edits took away, and no later one brought back, are looked for in the texts that are open:
the newest replaced word first; below the cursor, then above it, then in the other texts in the
order given. Knows texts and edits. Does not know which documents may be sent, nor who asks.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from lsp.history import Hunk

LATEST = 4
"""How many of the newest edits are looked at."""
MOST_WORDS = 4
MOST_HITS = 200
"""How often a word is looked at in one text, parts of longer words included."""
_WORD = re.compile(r"[^\W\d]\w+")
_COMMON_WORDS = (
    "and as async await bool break case catch class const continue def default del do elif else "
    "enum except export extends false False finally fn for from func function if impl implements "
    "import in int interface is lambda let match mut new nil None not null or package pass private "
    "protected pub public raise return self static str string struct super switch this throw true "
    "True try type undefined use var void while with yield the to of an it"
)
"""Words that are in every file and say nothing of a place."""


@dataclass(frozen=True)
class Lost:
    """A word that an edit took away."""

    word: str
    cause: Hunk


@dataclass(frozen=True)
class Place:
    """A line that still holds such a word."""

    uri: str
    line: int
    column: int
    """In code points."""
    lost: Lost


class Text:
    """A document's lines at one version, made ready to find words in them."""

    def __init__(self, uri: str, version: int, lines: Sequence[str]) -> None:
        self.uri = uri
        self.version = version
        self._text = "".join(lines)
        self._begins = list(accumulate(map(len, lines), initial=0))
        self._holds: dict[str, bool] = {}

    def below(self, lost: Lost, line: int) -> Iterator[Place]:
        """Yield the places of a word from a line on, downwards."""
        at = self._begin(line) if self._has(lost.word) else len(self._text)
        for _ in range(MOST_HITS):
            at = self._text.find(lost.word, at)
            if at < 0:
                return
            if self._whole(at, lost.word):
                yield self._place(at, lost)
            at += len(lost.word)

    def above(self, lost: Lost, line: int) -> Iterator[Place]:
        """Yield the places of a word before a line, upwards."""
        end = self._begin(line) if self._has(lost.word) else 0
        for _ in range(MOST_HITS):
            end = self._text.rfind(lost.word, 0, end)
            if end < 0:
                return
            if self._whole(end, lost.word):
                yield self._place(end, lost)

    def _has(self, word: str) -> bool:
        """Whether the text holds the word at all; remembered, since most do not."""
        if word not in self._holds:
            self._holds[word] = word in self._text
        return self._holds[word]

    def _begin(self, line: int) -> int:
        return self._begins[min(line, len(self._begins) - 1)]

    def _whole(self, at: int, word: str) -> bool:
        around = self._text[at - 1 : at] + self._text[at + len(word) : at + len(word) + 1]
        return not any(char.isalnum() or char == "_" for char in around)

    def _place(self, at: int, lost: Lost) -> Place:
        line = bisect_right(self._begins, at) - 1
        return Place(self.uri, line, at - self._begins[line], lost)


def lost_words(hunks: Sequence[Hunk]) -> list[Lost]:
    """Return the words that the newest edits took away for good, those replaced by others first,
    each kind newest first."""
    lost: dict[str, Lost] = {}
    for hunk in hunks[-LATEST:]:
        # What is deleted altogether says what it was in its first line.
        old, new = _words(hunk.old if hunk.new else hunk.old[:1]), _words(hunk.new)
        for word in new.keys() - old.keys():
            lost.pop(word, None)
        for word in reversed([word for word in old if word not in new]):
            lost.pop(word, None)
            lost[word] = Lost(word, hunk)
    newest = list(reversed(lost.values()))
    return sorted(newest, key=lambda one: not one.cause.new)[:MOST_WORDS]


def places(lost: Sequence[Lost], here: Text, line: int, others: Sequence[Text]) -> Iterator[Place]:
    """Yield the places of the words, the likeliest first; `line` is the cursor's."""
    for one in lost:
        yield from here.below(one, line)
        yield from here.above(one, line)
        for text in others:
            yield from text.below(one, 0)


def _words(lines: Sequence[str]) -> dict[str, None]:
    """The words of some lines, each once, in their order."""
    common = frozenset(_COMMON_WORDS.split())
    found = (word for line in lines for word in _WORD.findall(line))
    return dict.fromkeys(word for word in found if word not in common)

"""An open document: its lines, and the changes of `textDocument/didChange` applied to them.

Lines end at "\n", "\r\n" and "\r" only, as LSP says; form feeds and U+2028 are ordinary
characters. Knows text and positions. Does not know files, languages' rules or who changes it.
"""

import copy
import io
from dataclasses import dataclass, replace

from lsp.ends import common_ends
from lsp.positions import Encoding, from_code_points, to_code_points

Position = tuple[int, int]
"""Line and column, both 0-based; the column in code units on the wire, else in code points."""


def split_lines(text: str) -> list[str]:
    """Split into lines with their ends. The last element has no end and may be empty."""
    lines = list(io.StringIO(text, newline=""))
    if not lines or lines[-1][-1] in "\r\n":
        lines.append("")
    return lines


def content(line: str) -> str:
    """Return the line without its end."""
    return line.rstrip("\r\n")


def normalise(text: str) -> str:
    """Return the text with every line end as a newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def encodable(text: str) -> bool:
    """Whether the text can be sent: it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Change:
    """Whole lines replaced by others: the smallest such splice that the change amounts to."""

    first: int
    """The line at which `old` stood and `new` stands."""
    old: tuple[str, ...]
    new: tuple[str, ...]
    inserted: str = ""
    """What was written, as the client sent it."""
    removed: str = ""
    """What was deleted."""

    @property
    def by_hand(self) -> bool:
        """Whether one key press can have done it: a character, a pair of brackets, or blanks
        such as a new line with its indentation."""
        pair = self.inserted in {"()", "[]", "{}", '""', "''", "``", "<>"}
        return (_one_key(self.inserted) or pair) and _one_key(self.removed)


def _without_common_ends(old: str, new: str) -> tuple[str, str]:
    """Return what of each is not in the other: a client may send a whole text for every key."""
    head, tail = common_ends(old, new)
    return old[head : len(old) - tail], new[head : len(new) - tail]


def splice(first: int, old: list[str], new: list[str], inserted: str, removed: str) -> Change:
    """Build the change, leaving out the lines that it does not alter at both ends."""
    head, tail = common_ends(old, new)
    kept_old = tuple(old[head : len(old) - tail])
    return Change(first + head, kept_old, tuple(new[head : len(new) - tail]), inserted, removed)


class Document:
    """One open document. `trusted` is False once an impossible change showed that it differs
    from the client's; the next full text mends that."""

    def __init__(
        self, uri: str, language: str, version: int, text: str, encoding: Encoding, max_chars: int
    ) -> None:
        self.uri = uri
        self.language = language
        self.version = version
        self.encoding: Encoding = encoding
        self.trusted = True
        self.oversized = False
        self.binary = False
        self.lines: list[str] = [""]
        self._max_chars = max_chars
        self._load(text)

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.lines)

    @property
    def eol(self) -> str:
        """The line end that the first line has, or a newline."""
        return self.lines[0][len(content(self.lines[0])) :] or "\n"

    def replace_all(self, text: str) -> Change:
        """Take over a full text."""
        before = self.lines
        self._load(text)
        self.trusted = True
        change = splice(0, before, self.lines, "", "")
        removed, inserted = _without_common_ends("".join(change.old), "".join(change.new))
        return replace(change, inserted=inserted, removed=removed)

    def apply(self, start: Position, end: Position, text: str) -> Change | None:
        """Replace the range by `text`; positions are the client's. None if that is impossible."""
        if self.oversized or not self.trusted:
            return None
        if start > end or start[0] > len(self.lines) or min(*start, *end) < 0:
            self.trusted = False
            return None
        self.binary = self.binary or "\0" in text
        (first, begin), (last, stop) = self.inward(start), self.inward(end)
        # A lone "\r" before a new "\n" becomes one line end with it.
        if begin == 0 and first > 0 and self.lines[first - 1].endswith("\r"):
            first, begin = first - 1, len(self.lines[first - 1])
        old = self.lines[first : last + 1]
        joined = _pairs_joined(old[0][:begin] + text + old[-1][stop:])
        removed = "".join(old)[begin : sum(map(len, old[:-1])) + stop]
        new = split_lines(joined)
        if last + 1 < len(self.lines) and new[-1] == "":
            new.pop()
        self.lines[first : last + 1] = new
        return splice(first, old, new, text, removed)

    def branched(self) -> "Document":
        """Return a copy to try an edit on, whose positions are code points."""
        twin = copy.copy(self)
        twin.lines, twin.encoding = list(self.lines), "utf-32"
        return twin

    def inward(self, position: Position) -> Position:
        """Turn a client's position into line and code point, clamped to the document."""
        line, column = position
        if line >= len(self.lines):
            return len(self.lines) - 1, len(content(self.lines[-1]))
        return line, to_code_points(content(self.lines[line]), column, self.encoding)

    def outward(self, position: Position) -> Position:
        """Turn line and code point into the client's position."""
        line, index = position
        return line, from_code_points(self.lines[line], index, self.encoding)

    def _load(self, text: str) -> None:
        self.oversized = len(text) > self._max_chars
        self.binary = "\0" in text
        self.lines = [""] if self.oversized else split_lines(_pairs_joined(text))


def _one_key(text: str) -> bool:
    return len(text) <= 1 or text.isspace()


def _pairs_joined(text: str) -> str:
    """Join halves of surrogate pairs that arrived in separate changes."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")

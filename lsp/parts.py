"""The next word or line of an edit, as an edit of its own.

What is written and what it replaces go hand in hand, a word for a word; the last part deletes
whatever is left. So after each part the text stands between the one before and the one proposed,
which is how the tracker knows a part (`lsp.matching`). Knows text. Does not know who takes parts.
"""

import re
from collections.abc import Callable, Sequence

from lsp.document import Position
from lsp.edits import Replacement

_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")
_LINE_BELOW = re.compile(r"(?:\r\n|\r|\n)+[^\r\n]+")

Part = Callable[[Replacement, Sequence[str]], Replacement]


def whole(edit: Replacement, lines: Sequence[str]) -> Replacement:
    """Return the edit itself."""
    return edit


def next_word(edit: Replacement, lines: Sequence[str]) -> Replacement:
    """Return the next word with the blanks before it, or the next run of signs."""
    return _part(edit, lines, _WORD)


def next_line(edit: Replacement, lines: Sequence[str]) -> Replacement:
    """Return the next line; one that is written below the cursor's begins with its line end."""
    below = edit.text[:1] in ("\r", "\n")
    return _part(edit, lines, _LINE_BELOW if below else _LINE)


def _part(edit: Replacement, lines: Sequence[str], pattern: re.Pattern[str]) -> Replacement:
    taken = pattern.match(edit.text)
    if taken is None or not edit.text[taken.end() :].strip():
        return edit
    gone = pattern.match(_between(lines, edit.start, edit.end))
    end = _advanced(lines, edit.start, gone.end()) if gone else edit.start
    return Replacement(edit.start, end, taken[0])


def _between(lines: Sequence[str], start: Position, end: Position) -> str:
    (first, begin), (last, stop) = start, end
    if first == last:
        return lines[first][begin:stop]
    return lines[first][begin:] + "".join(lines[first + 1 : last]) + lines[last][:stop]


def _advanced(lines: Sequence[str], start: Position, count: int) -> Position:
    line, column = start
    while count and column + count >= len(lines[line]) and line + 1 < len(lines):
        count -= len(lines[line]) - column
        line, column = line + 1, 0
    return line, column + count

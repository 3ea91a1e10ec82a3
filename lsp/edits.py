"""From a region and its rewritten form to the smallest edit of the document's own text.

Keeps the document's line ends, and whether its last line has one. Knows lines and code points.
Does not know LSP's types or encodings (that is `lsp.offers`).
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from lsp.document import Position, content, normalise, split_lines
from lsp.ends import common_ends


@dataclass(frozen=True)
class Replacement:
    """Replace the range [start, end), lines and code points of the document, by `text`."""

    start: Position
    end: Position
    text: str

    @property
    def is_insertion(self) -> bool:
        """Whether nothing is deleted."""
        return self.start == self.end

    @property
    def end_after(self) -> Position:
        """Where the text that was written ends."""
        lines = split_lines(self.text)
        column = len(lines[-1]) + (self.start[1] if len(lines) == 1 else 0)
        return self.start[0] + len(lines) - 1, column


def fitted(region: str, new_region: str) -> str:
    """Give the rewritten region the final newline that the region has, or has not."""
    if region.endswith("\n"):
        return new_region if not new_region or new_region.endswith("\n") else new_region + "\n"
    return new_region.removesuffix("\n") if region else new_region


def changed_span(old: str, new: str) -> tuple[int, int, str]:
    """Return start and end of the part of `old` that differs, and what replaces it."""
    head, tail = common_ends(old, new)
    return head, len(old) - tail, new[head : len(new) - tail]


def smallest_edit(first: int, raw: Sequence[str], new_region: str, eol: str) -> Replacement | None:
    """Return the edit that turns the lines `raw`, which begin at line `first`, into `new_region`.

    None if there is nothing to change.
    """
    old = normalise("".join(raw))
    new = fitted(old, new_region)
    start, end, replaced = changed_span(old, new)
    if start == end and not replaced:
        return None
    # Positions in `old` are line and column in `raw` too: only the line ends differ in length.
    begin, stop = _position(old, start), _position(old, end)
    ends = [line[len(content(line)) :] for line in raw]
    usual = next((line_end for line_end in ends if line_end), eol)
    written = _with_own_ends(old[start:end], replaced, ends[begin[0] :], usual)
    return Replacement((first + begin[0], begin[1]), (first + stop[0], stop[1]), written)


def slide(edit: Replacement, lines: Sequence[str], cursor: Position) -> Replacement:
    """Move an insertion to the cursor where that gives the same text, such as a line inserted
    below the cursor's, which can as well be written at the end of it."""
    if not edit.is_insertion or not edit.text or edit.start == cursor:
        return edit
    start, text = edit.start, edit.text
    while start > cursor:
        before = _char_before(lines, start)
        if not before or not text.endswith(before[0]):
            break
        text = before[0] + text.removesuffix(before[0])
        start = before[1]
    while start < cursor:
        line = lines[start[0]]
        char = line[start[1] : start[1] + 1]
        if not char or char in "\r\n" or not text.startswith(char):
            break
        text, start = text[1:] + char, (start[0], start[1] + 1)
    return Replacement(start, start, text)


def at_cursor(edit: Replacement, lines: Sequence[str], cursor: Position) -> Replacement | None:
    """Return the edit as ghost text can show it: an insertion in the cursor's line, at the
    cursor or behind it. None if it is anything else."""
    moved = slide(edit, lines, cursor)
    line, column = moved.start
    if not moved.is_insertion or line != cursor[0] or column < cursor[1]:
        return None
    between = content(lines[line])[cursor[1] : column]
    return Replacement(cursor, moved.end, between + moved.text)


def _char_before(lines: Sequence[str], at: Position) -> tuple[str, Position] | None:
    line, column = at
    if column:
        return lines[line][column - 1], (line, column - 1)
    if not line:
        return None
    above = content(lines[line - 1])
    return lines[line - 1][len(above) :], (line - 1, len(above))


def _position(text: str, offset: int) -> Position:
    line = text.count("\n", 0, offset)
    return line, offset - (text.rfind("\n", 0, offset) + 1)


def _with_own_ends(old: str, new: str, ends: Sequence[str], usual: str) -> str:
    """Write `new` with the document's line ends; in a file that mixes them, a line that stays
    keeps its own: `ends` are those of the lines of `old`."""
    old_lines, new_lines = _split(old), _split(new)
    out = [line.replace("\n", usual) for line in new_lines]
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    for a, b, size in matcher.get_matching_blocks():
        for k in range(size):
            out[b + k] = new_lines[b + k].replace("\n", ends[a + k])
    return "".join(out)


def _split(text: str) -> list[str]:
    """Split at newlines only, where str.splitlines would also split at form feeds and others."""
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])

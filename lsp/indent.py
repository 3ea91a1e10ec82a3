"""How a file is indented, and an answer brought to it: a model may write blanks where tabs belong.

What the configuration says comes first, then what the lines themselves show. Only lines that the
answer changes are touched, and only the kind of their indentation. Knows text. Does not know
where configuration comes from.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LOOKED_AT = 400
MOST_WIDE = 32
CLEAR = 0.8
"""The share of indented lines that must agree to show a habit."""


@dataclass(frozen=True)
class Style:
    """How a file is indented, as far as anybody says."""

    tabs: bool | None = None
    """Whether by tabs; None if that is open."""
    width: int | None = None
    """Columns of one level."""

    def over(self, other: "Style") -> "Style":
        """Return this style, with what it leaves open taken from the other."""
        tabs = other.tabs if self.tabs is None else self.tabs
        return Style(tabs, self.width or other.width)

    @property
    def words(self) -> str:
        """How one level is indented, in words; empty if that is open."""
        if self.tabs is None:
            return ""
        known = self.width is not None and self.width <= MOST_WIDE
        spaces = f"{self.width} spaces" if known else "spaces"
        return "tab" if self.tabs else spaces


def shown_by(lines: Sequence[str]) -> Style:
    """Return the style that lines show by themselves."""
    heads = [_head(line) for line in lines[:LOOKED_AT] if line.strip()]
    indented = [head for head in heads if head.startswith("\t") or head.startswith("  ")]
    by_tab = sum(head.startswith("\t") for head in indented)
    if not indented:
        return Style()
    tabs = None
    if max(by_tab, len(indented) - by_tab) >= CLEAR * len(indented):
        tabs = by_tab > len(indented) / 2
    return Style(tabs, _step(heads))


def restyled(old: str, new: str, style: Style) -> str:
    """Return the new text with the changed lines indented as the style says."""
    if style.tabs is None:
        return new
    kept, lines = set(old.split("\n")), new.split("\n")
    changed = [line for line in lines if line not in kept]
    if style.tabs:
        step = _step([_head(line) for line in changed]) or style.width or 4
        return "\n".join(line if line in kept else _tabbed(line, step) for line in lines)
    width = style.width or 4
    return "\n".join(line if line in kept else _blank(line, width) for line in lines)


def _tabbed(line: str, step: int) -> str:
    """Turn leading blanks into tabs; blanks behind tabs align something and stay."""
    head = _head(line)
    if head.startswith("\t") or len(head) < step:
        return line
    levels, rest = divmod(len(head), step)
    return "\t" * levels + " " * rest + line[len(head) :]


def _blank(line: str, width: int) -> str:
    head = _head(line)
    return head.replace("\t", " " * width) + line[len(head) :] if "\t" in head else line


def _head(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _step(heads: Sequence[str]) -> int | None:
    """Return the commonest step between the indentations of lines that follow each other."""
    blanks = [len(head) for head in heads if "\t" not in head]
    steps = Counter(below - above for above, below in pairwise(blanks) if below - above > 1)
    if not steps and blanks:
        return min((width for width in blanks if width > 1), default=None)
    return max(steps, key=lambda step: (steps[step], -step), default=None)

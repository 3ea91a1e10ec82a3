"""What an edit of a region replaces, piece by piece: lines by lines, each pair of them by itself.

Knows texts. Does not know what the pieces are looked at for.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """Neighbouring lines, without their ends, that become others."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    above: str | None
    """The line above; None at the region's edge."""
    below: str | None


def pieces(old: str, new: str) -> list[Piece]:
    """Return what an edit replaces, from top to bottom."""
    return [piece for part in _parts(old, new) for piece in part if isinstance(piece, Piece)]


def mended(old: str, new: str, mend: Callable[[Piece], tuple[str, ...]]) -> str:
    """Return the edited text with the new lines of each piece as `mend` has them."""
    lines: list[str] = []
    for part in _parts(old, new):
        for piece in part:
            lines += mend(piece) if isinstance(piece, Piece) else [piece]
    return "\n".join(lines)


def _parts(old: str, new: str) -> list[list[Piece | str]]:
    """Return all of the edited text: lines that stay, and pieces."""
    before, after = old.split("\n"), new.split("\n")

    def piece(i1: int, i2: int, j1: int, j2: int) -> Piece:
        above = before[i1 - 1] if i1 else None
        below = before[i2] if i2 < len(before) else None
        return Piece(tuple(before[i1:i2]), tuple(after[j1:j2]), above, below)

    found: list[list[Piece | str]] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            found.append([*after[j1:j2]])
        elif i2 - i1 == j2 - j1:
            pairs = zip(range(i1, i2), range(j1, j2), strict=True)
            found.append([piece(i, i + 1, j, j + 1) for i, j in pairs])
        else:
            found.append([piece(i1, i2, j1, j2)])
    return found

"""Where a region is in a text that somebody else has changed meanwhile: one place, or none.

Found by its own text, or by the lines that stood around it; only if exactly one place fits.
Blanks at line ends do not matter, since saving may strip them. Knows lines. Does not know files,
suggestions or times.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lsp.context import Region, region_text
from lsp.document import content, split_lines

AROUND = 3
"""How many lines on each side are remembered."""
GROWTH = 3
"""A region has at most so many times its lines later, and `ROOM` more."""
ROOM = 20


@dataclass(frozen=True)
class Place:
    """A region's text, and the lines around it; none on a side where the text begins or ends."""

    text: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def place_of(lines: Sequence[str], region: Region) -> Place:
    """Remember a region of a document."""
    before = _bare(lines[max(0, region.first - AROUND) : region.first])
    after = _bare(lines[region.last : region.last + AROUND])
    return Place(region_text(lines, region), tuple(before), tuple(after))


def find_again(text: str, place: Place) -> Place | None:
    """Return the place as it is in `text`, or None if it is nowhere or could be in several."""
    lines = split_lines(text)
    bare = _bare(lines)
    span = _by_text(bare, place) or _by_surroundings(bare, place)
    if span is None:
        return None
    first, last = span
    # The empty last line belongs to a region that reaches the end.
    whole = Region(first, len(lines) if last == len(bare) else last)
    return place_of(lines, whole)


def _by_text(bare: list[str], place: Place) -> tuple[int, int] | None:
    wanted = _bare(split_lines(place.text))
    if not any(map(_tells, wanted)):
        return None
    found = [(at, at + len(wanted)) for at in _positions(bare, wanted)]
    if len(found) > 1:
        near = (place.before[-1:], place.after[:1])
        found = [(a, b) for a, b in found if (*bare[a - 1 : a],) == near[0] or a == 0]
        found = [(a, b) for a, b in found if (*bare[b : b + 1],) == near[1]]
    return found[0] if len(found) == 1 else None


def _by_surroundings(bare: list[str], place: Place) -> tuple[int, int] | None:
    room = GROWTH * len(_bare(split_lines(place.text))) + ROOM
    sizes = ((a, b) for a in range(AROUND, 0, -1) for b in range(AROUND, 0, -1))
    for over, under in sorted(sizes, key=sum, reverse=True):
        above, below = list(place.before[-over:]), list(place.after[:under])
        if not all(any(map(_tells, side)) for side in (above, below) if side):
            continue
        starts = [at + len(above) for at in _positions(bare, above)] if above else [0]
        stops = _positions(bare, below) if below else [len(bare)]
        pairs = [(a, b) for a in starts for b in stops if 0 <= b - a <= room]
        if pairs:
            return pairs[0] if len(pairs) == 1 else None
    return None


def _positions(bare: list[str], wanted: Sequence[str]) -> list[int]:
    size, first = len(wanted), wanted[0]
    return [
        at
        for at in range(len(bare) - size + 1)
        if bare[at] == first and bare[at : at + size] == list(wanted)
    ]


def _bare(lines: Sequence[str]) -> list[str]:
    """Return the lines without their ends and trailing blanks, and without an empty last one."""
    bare = [content(line).rstrip() for line in lines]
    return bare[:-1] if bare and lines[-1] == "" else bare


def _tells(line: str) -> bool:
    """Whether the line says anything: a closing bracket alone is everywhere."""
    return any(char.isalnum() for char in line)

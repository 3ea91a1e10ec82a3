"""From a place in a patch to what a model is shown there: region, surroundings, cursor.

Knows lines. The file is as the author had it before a hunk: earlier hunks applied, later ones not.
Where the region begins and the cursor stands is drawn from a seed, so that neither tells where
the edit is and the same task always comes out the same. Does not know files, commits or filters.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from trainer.mining.config import MineSection
from trainer.mining.patches import Group, Piece

MARGIN = 5
"""Lines between a window in which nothing was changed and the nearest hunk."""
CURSOR_OFF = 3
"""The cursor stands at most this many lines from the first changed one, and half the time on it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file and how far a region around it may reach."""

    above: list[str]
    old: list[str]
    new: list[str]
    below: list[str]
    first: int
    """0-based line of the document at which `old` begins."""
    reach_up: int
    """How many lines of `above` the region may take in."""
    reach_down: int


@dataclass(frozen=True, slots=True)
class Window:
    """A region with its surroundings; all texts are whole lines that end with "\\n"."""

    prefix: str
    region: str
    suffix: str
    wanted: str
    first: int
    cursor_line: int
    cursor_character: int


def context_lines(sizes: MineSection) -> int:
    """Return how many unchanged lines around hunks a patch must hold."""
    return sizes.prefix_lines + 2 * sizes.region_lines


def hunk_spot(group: Group, index: int, sizes: MineSection) -> Spot:
    """Return the place of the group's piece `index`, a hunk, just before it was made.

    The region stops short of the next hunk, which is nobody's business yet.
    """
    before, hunk, after = _parted(group, index)
    above = _last([piece.new for piece in before], _most_above(sizes))
    return Spot(
        above,
        hunk.old,
        hunk.new,
        _first([piece.old for piece in after], _most_below(sizes)),
        group.first + sum(len(piece.new) for piece in before),
        reach_up=len(above),
        reach_down=len(after[0].old) if after and not after[0].diff else 0,
    )


def _parted(group: Group, index: int) -> tuple[list[Piece], Piece, list[Piece]]:
    return group.pieces[:index], group.pieces[index], group.pieces[index + 1 :]


def done_spot(group: Group, index: int, sizes: MineSection) -> Spot:
    """Return the place of the hunk `index` after it was made: nothing is left to do there."""
    return replace(hunk_spot(group, index, sizes), old=group.pieces[index].new)


def quiet_spot(
    group: Group, index: int, sizes: MineSection, draw: Random, *, done: bool
) -> Spot | None:
    """Return a place near the hunk `index` that no hunk touches, or None if there is none.

    With `done` the hunk has been made, else not yet.
    """
    places = list(_quiet_places(group.pieces, sizes))
    if not places:
        return None
    at, low, high = draw.choice(places)
    applied = index + 1 if done else index
    sides = [piece.new if n < applied else piece.old for n, piece in enumerate(group.pieces)]
    kept, point = sides[at], draw.randint(low, high)
    return Spot(
        _last([*sides[:at], kept[:point]], _most_above(sizes)),
        [],
        [],
        _first([kept[point:], *sides[at + 1 :]], _most_below(sizes)),
        group.first + sum(map(len, sides[:at])) + point,
        reach_up=point - (MARGIN if at else 0),
        reach_down=len(kept) - point - (MARGIN if at + 1 < len(sides) else 0),
    )


def _quiet_places(pieces: list[Piece], sizes: MineSection) -> Iterator[tuple[int, int, int]]:
    """Yield (piece, lowest, highest) of the points with room for half a region beside them."""
    least = max(sizes.region_lines // 2, 1)
    for at, piece in enumerate(pieces):
        if piece.diff:
            continue
        low = MARGIN if at else 0
        high = len(piece.old) - (MARGIN if at + 1 < len(pieces) else 0)
        if at == 0 and len(piece.old) >= context_lines(sizes):
            low = sizes.prefix_lines + sizes.region_lines
        if at + 1 == len(pieces) and len(piece.old) >= context_lines(sizes):
            high -= sizes.suffix_lines + sizes.region_lines
        if high - low >= least:
            yield at, low, high


def _most_above(sizes: MineSection) -> int:
    return sizes.prefix_lines + sizes.region_lines


def _most_below(sizes: MineSection) -> int:
    return sizes.region_lines + sizes.suffix_lines


def _last(runs: list[list[str]], most: int) -> list[str]:
    """Return the last `most` lines of all runs."""
    taken: list[list[str]] = []
    for run in reversed(runs):
        if most <= 0:
            break
        taken.append(run[-most:])
        most -= len(run)
    return [line for run in reversed(taken) for line in run]


def _first(runs: list[list[str]], most: int) -> list[str]:
    taken: list[str] = []
    for run in runs:
        if len(taken) >= most:
            break
        taken += run[: most - len(taken)]
    return taken


def window_at(spot: Spot, sizes: MineSection, draw: Random) -> Window | None:
    """Return a window with the whole spot in its region, or None if it is too large or empty."""
    room = sizes.region_lines - len(spot.old)
    if room < 0:
        return None
    up = min(draw.randint(0, room), spot.reach_up, len(spot.above))
    down = min(room - up, spot.reach_down, len(spot.below))
    if down == len(spot.below):
        # The file's end: moved up so that it stays full, as the language server does.
        up = min(room - down, spot.reach_up, len(spot.above))
    up, down = _trimmed(spot, up, down, sizes.region_characters)
    lead, tail = spot.above[len(spot.above) - up :], spot.below[:down]
    region = lead + spot.old + tail
    wanted = _text(lead + spot.new + tail)
    text = _text(region)
    if not region or max(len(text), len(wanted)) > sizes.region_characters:
        return None
    cursor = _cursor(up, len(region), draw)
    start = len(spot.above) - up
    return Window(
        prefix=_text(spot.above[max(0, start - sizes.prefix_lines) : start]),
        region=text,
        suffix=_text(spot.below[down : down + sizes.suffix_lines]),
        wanted=wanted,
        first=spot.first - up,
        cursor_line=cursor,
        cursor_character=len(region[cursor]) - len(region[cursor].lstrip()),
    )


def _trimmed(spot: Spot, up: int, down: int, limit: int) -> tuple[int, int]:
    """Give up lines at the longer side until the region fits, before and after."""
    core = max(_length(spot.old), _length(spot.new))
    while up or down:
        lead, tail = spot.above[len(spot.above) - up :], spot.below[:down]
        if core + _length(lead) + _length(tail) <= limit:
            break
        if up > down:
            up -= 1
        else:
            down -= 1
    return up, down


def _cursor(changed: int, lines: int, draw: Random) -> int:
    off = draw.choice((0, draw.randint(-CURSOR_OFF, CURSOR_OFF)))
    return min(max(changed + off, 0), lines - 1)


def _length(lines: list[str]) -> int:
    return sum(map(len, lines)) + len(lines)


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n" if lines else ""

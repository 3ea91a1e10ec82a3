"""Which figures of groups may be shown: none that tells what a few people did.

Knows groups, days, and who is behind a figure. Does not know the store nor the page. What is left
out of a day must not follow from the rest and the whole, which stands in another table; and a total
is made of the days that are shown, so that two windows differ by nothing but such days.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar


class Figure(Protocol):
    """Something that is known of one group and day."""

    @property
    def name(self) -> str:
        """The group's."""
        ...

    @property
    def day(self) -> str:
        """As a date."""
        ...

    @property
    def people(self) -> frozenset[str]:
        """Whoever is behind it."""
        ...

    @property
    def shown(self) -> int:
        """How much it is made of."""
        ...


Some = TypeVar("Some", bound=Figure)


@dataclass(frozen=True)
class Cell:
    """What one group did in one day."""

    name: str
    day: str
    people: frozenset[str]
    shown: int
    taken: int


def showable(cells: Iterable[Some], fewest: int) -> list[Some]:
    """Return the cells that may be shown: each of at least `fewest` people.

    Where what is left out of a day has fewer behind it all together, the smallest others go too.
    """
    days: defaultdict[str, list[Some]] = defaultdict(list)
    for cell in cells:
        days[cell.day].append(cell)
    return [cell for day in days.values() for cell in _of_one_day(day, fewest)]


def _of_one_day(cells: list[Some], fewest: int) -> list[Some]:
    by_size = sorted(cells, key=lambda cell: (len(cell.people), cell.shown, cell.name))
    hidden: set[str] = set()
    left = 0
    for cell in by_size:
        if len(cell.people) >= fewest and (not left or len(hidden) >= fewest):
            break
        hidden |= cell.people
        left += 1
    return [cell for cell in cells if cell not in by_size[:left]]


def totals(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Return the sums of each group, the largest first."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for cell in cells:
        sums[cell.name][0] += cell.shown
        sums[cell.name][1] += cell.taken
    rows = [{"name": name, "shown": shown, "taken": taken} for name, (shown, taken) in sums.items()]
    return sorted(rows, key=lambda row: (-row["shown"], row["name"]))

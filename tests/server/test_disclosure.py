"""No figure of a few people is shown, nor one from which theirs would follow."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.disclosure import Cell, showable, totals
from server.status import of_many

FEWEST = 5


def cell(name: str, people: int, day: str = "d1", first: int = 0) -> Cell:
    """A group of `people`, each of whom was shown two suggestions and took one."""
    users = frozenset(f"user-{number}" for number in range(first, first + people))
    return Cell(name, day, users, 2 * people, people)


def names(cells: list[Cell]) -> list[str]:
    return sorted(one.name for one in cells)


def test_groups_of_many_are_shown() -> None:
    assert names(showable([cell("a", 5), cell("b", 9, first=20)], FEWEST)) == ["a", "b"]


def test_one_small_group_takes_the_smallest_other_along() -> None:
    cells = [cell("a", 5), cell("b", 9, first=20), cell("c", 1, first=40)]
    assert names(showable(cells, FEWEST)) == ["b"]
    assert names(showable(cells[1:], FEWEST)) == []


def test_several_small_groups_hide_each_other_if_they_are_many_together() -> None:
    apart = [cell("a", 3), cell("b", 3, first=10), cell("c", 8, first=20)]
    assert names(showable(apart, FEWEST)) == ["c"]
    same_people = [cell("a", 3), cell("b", 3), cell("c", 8, first=20), cell("d", 7, first=40)]
    assert names(showable(same_people, FEWEST)) == ["c"]


def test_a_total_is_made_of_the_days_that_are_shown() -> None:
    cells = [cell("a", 6), cell("a", 1, day="d2"), cell("a", 7, day="d3")]
    kept = showable(cells, FEWEST)
    assert [one.day for one in kept] == ["d1", "d3"]
    assert totals(kept) == [{"name": "a", "shown": 26, "taken": 13}]


def test_whoever_is_alone_sees_everything() -> None:
    assert names(showable([cell("a", 1), cell("b", 1, first=9)], 1)) == ["a", "b"]


@st.composite
def days_of_groups(draw: st.DrawFn) -> list[Cell]:
    users = st.frozensets(st.integers(0, 11).map(str), min_size=1)
    return [
        Cell(name, day, people, 2 * len(people), len(people))
        for name, day in itertools.product("abcd", ("d1", "d2"))
        if (people := draw(st.one_of(st.just(frozenset()), users)))
    ]


@given(cells=days_of_groups())
def test_what_is_left_out_of_a_day_has_many_people_behind_it(cells: list[Cell]) -> None:
    kept = showable(cells, FEWEST)
    assert all(len(one.people) >= FEWEST for one in kept)
    for day in {one.day for one in kept}:
        gone = [one.people for one in cells if one.day == day and one not in kept]
        assert not gone or len(frozenset().union(*gone)) >= FEWEST


def test_the_whole_less_what_the_status_tells_of_versions_is_of_many() -> None:
    def group(policy: str, people: int, first: int, holdout: bool = False) -> dict[str, Any]:
        users = [f"user-{number}" for number in range(first, first + people)]
        return {"policy": policy, "holdout": holdout, "people": users, "count": 2 * people}

    def told(groups: list[dict[str, Any]]) -> list[tuple[str, bool, str]]:
        rows = [
            {"policy": one["policy"], "holdout": one["holdout"], "outcome": outcome}
            for one in groups
            for outcome in ("accepted", "expired")
        ]
        shown = of_many(rows, groups, FEWEST)
        return [(row["policy"], row["holdout"], row["outcome"]) for row in shown]

    many = [group("v1", 9, 0), group("v2", 6, 20), group("v2", 7, 20, holdout=True)]
    assert len(told(many)) == 6
    assert told([*many, group("v3", 2, 40)]) == [
        ("v1", False, "accepted"),
        ("v1", False, "expired"),
        ("v2", True, "accepted"),
        ("v2", True, "expired"),
    ]
    assert of_many(many, many, 1) == [
        {"policy": one["policy"], "holdout": one["holdout"], "count": one["count"]} for one in many
    ]

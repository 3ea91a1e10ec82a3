"""When a version in service is surely worse, surely no worse, and when nobody can tell yet."""

import random

import pytest

from server.comparison import Finding, Tally, capped, compare, difference, wilson


def test_the_interval_is_newcombes() -> None:
    """His example (a) for method 10: 56 of 70 beside 48 of 80."""
    assert difference(56, 70, 48, 80, 1.959964) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert wilson(81, 263, 1.959964) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def shown(taken: int, of: int, broken: int = 0, asked: int = 1000) -> Tally:
    return Tally(asked=asked, broken=broken, shown=of, taken=taken)


@pytest.mark.parametrize(
    ("new", "old", "finding"),
    [
        (Tally(), shown(300, 1000), Finding.OPEN),
        (shown(9, 30), shown(300, 1000), Finding.OPEN),
        (shown(310, 1000), shown(300, 1000), Finding.NO_WORSE),
        (shown(150, 500), Tally(), Finding.OPEN),
        (shown(70, 500), shown(300, 1000), Finding.WORSE),
        (shown(310, 1000, broken=90), shown(300, 1000, broken=10), Finding.WORSE),
        (shown(310, 1000, broken=14), shown(300, 1000, broken=10), Finding.NO_WORSE),
        (shown(0, 1), shown(20, 20), Finding.OPEN),
        (shown(49, 50), shown(2000, 2000), Finding.OPEN),
        (shown(0, 10), shown(20, 20), Finding.WORSE),
        (Tally(asked=9, broken=9), shown(300, 1000, broken=10), Finding.OPEN),
        (Tally(asked=30, broken=30), shown(300, 1000, broken=10), Finding.WORSE),
    ],
)
def test_what_the_counts_say(new: Tally, old: Tally, finding: Finding) -> None:
    found = compare(new, old, min_shown=100, margin=0.05)
    assert found.finding is finding
    assert found.inputs["taken_new"] == new.taken
    assert found.inputs["shown_old"] == old.shown


def test_equal_versions_are_seldom_taken_for_worse_however_often_one_looks() -> None:
    draw, false_alarms = random.Random(0), 0
    for _ in range(200):
        taken = [0, 0]
        for seen in range(1, 401):
            for side in (0, 1):
                taken[side] += draw.random() < 0.3
            if seen % 10 == 0:
                new, old = (shown(count, seen) for count in taken)
                found = compare(new, old, min_shown=10_000, margin=0.05)
                if found.finding is Finding.WORSE:
                    false_alarms += 1
                    break
    assert false_alarms <= 8


def test_one_person_among_others_counts_for_half_at_most() -> None:
    busy, other = Tally(900, 90, 600, 0), Tally(100, 1, 100, 50)
    assert capped([busy, other]) == Tally(200, 11, 167, 50)
    assert capped([busy]) == busy, "alone there is nobody else to hear"
    assert capped([]) == Tally()

"""Accepted suggestions after their document was closed: looks, late ones, and none."""

import pytest

from feedback_store.events import Client, FeedbackLevel, Settling
from lsp.context import Region
from lsp.document import split_lines
from lsp.findings import Envelope, Survived
from lsp.relocate import place_of
from lsp.trails import Trail, Trails

ENVELOPE = Envelope("session", "workspace", Client(name="test"), Settling())
BEFORE = "import os\n\ndef f(a):\n    return a\n\nprint(f(2))\n"
AFTER = BEFORE.replace("return a", "return a + 1")


def trail(*horizons: float, level: FeedbackLevel = FeedbackLevel.FULL) -> Trail:
    place = place_of(split_lines(AFTER), Region(3, 4))
    texts = ("    return a\n", "    return a + 1\n")
    return Trail("s", level, "file:///a.py", *texts, place, 100.0, [*horizons], ENVELOPE)


def brief(found: list[Survived]) -> list[tuple]:
    return [(f.horizon_s, f.left and f.left.retained, f.age_s, f.last) for f in found]


def test_every_horizon_in_time() -> None:
    one = trail(5, 30)
    assert brief(one.look(AFTER, 105.2)) == [(5, 1.0, pytest.approx(5.2), False)]
    [last] = one.look(BEFORE, 130.0)
    assert (last.left and last.left.reverted, last.last) == (True, True)


def test_a_late_look_counts_for_the_latest_horizon_that_passed() -> None:
    found = brief(trail(5, 30, 120, 900).look(AFTER, 100 + 200))
    assert found == [(5, None, None, False), (30, None, None, False), (120, 1.0, 200, False)]


def test_a_look_long_after_the_last_horizon_has_the_true_age() -> None:
    found = brief(trail(30, 900).look(AFTER, 100 + 50_000))
    assert found == [(30, None, None, False), (900, 1.0, 50_000, True)]


def test_close_horizons_are_all_seen_by_one_look() -> None:
    found = brief(trail(0.1, 0.3).look(AFTER, 100.5))
    assert [(horizon, left) for horizon, left, _, _ in found] == [(0.1, 1.0), (0.3, 1.0)]


@pytest.mark.parametrize("text", [None, "", AFTER + AFTER, "something else\n"])
def test_what_nobody_can_see_is_unobserved(text: str | None) -> None:
    assert brief(trail(5).look(text, 105)) == [(5, None, None, True)]


def test_each_is_told_once_and_the_last_one_is_the_last() -> None:
    told: list[Survived] = []
    trails = Trails(lambda finding, envelope: told.append(finding))
    trails.add([trail(5, 30, 120)])
    now = 100.0
    while (due := trails.due()) is not None:
        assert trails.wanted(due - 0.01) == set()
        now = due
        for uri in trails.wanted(now):
            trails.seen(uri, AFTER, now)
    assert [(f.horizon_s, f.last) for f in told] == [(5, False), (30, False), (120, True)]
    assert len(trails) == 0


def test_giving_up_spares_a_level() -> None:
    told: list[Survived] = []
    trails = Trails(lambda finding, envelope: told.append(finding))
    trails.add([trail(5, 30), trail(5, 30, level=FeedbackLevel.FACTS)])
    trails.give_up(unless=FeedbackLevel.FULL)
    assert [f.level for f in told] == [FeedbackLevel.FACTS] * 2
    assert [f.last for f in told] == [False, True]
    assert len(trails) == 1

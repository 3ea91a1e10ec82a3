"""Parts that were taken, and what an end makes of what is still under observation."""

import pytest

from feedback_store.events import SettledBy
from lsp.alternatives import turn
from tests.lsp.desk import URI, Desk
from tests.lsp.test_tracker_traces import TEXT, WHOLE, A, P, insertion


def opened_call() -> tuple[Desk, str]:
    """An offer that completes line 4 to "return x(a)", of which the first part is one key's."""
    desk = Desk(TEXT)
    desk.warm()
    return desk, desk.offer(2, 6, "return x\n", "return x(a)\n")


def test_a_part_is_dated_by_the_step_that_took_it() -> None:
    desk, name = insertion()
    desk.edit(((4, 12), (4, 12), " + a"))
    desk.wait(4)
    desk.type(4, 16, "[0]")
    desk.wait(12)
    settled, found = desk.settled(name), desk.survivals(name)
    assert settled.accepted_text is not None
    assert "return x + a\n" in settled.accepted_text
    # Decided late, but looked at in time.
    assert [s.horizon_s for s in found] == [0, 5]
    assert [s.age_s for s in found] == pytest.approx([0, 5], abs=0.2)


def test_what_is_due_at_the_close_is_seen() -> None:
    desk, name = insertion()
    WHOLE(desk, name)
    desk.leave(close=True)
    assert [s.left is not None for s in desk.survivals(name)] == [True, False, False]


def test_what_has_settled_does_not_settle_again() -> None:
    desk, name = insertion()
    WHOLE(desk, name)
    desk.wait(12)
    assert desk.settled(name).settled_by == SettledBy.QUIET
    desk.leave(close=True)
    assert desk.settled(name).settled_by == SettledBy.QUIET


@pytest.mark.parametrize("close", [True, False])
def test_what_was_set_aside_ends_as_superseded(close: bool) -> None:
    desk, name = insertion()
    watch, other = desk.tracker.find(name), desk.ask(2, 6)
    assert watch
    turn(watch, other, desk.now)
    if close:
        desk.leave(close=True)
    desk.wait(100)
    assert desk.outcome(name).outcome == "superseded"


@pytest.mark.parametrize(("close", "by"), [(True, SettledBy.CLOSE), (False, SettledBy.EXIT)])
def test_an_end_says_what_kind_it_is(close: bool, by: SettledBy) -> None:
    desk, name = insertion()
    desk.leave(close=close)
    assert desk.settled(name).settled_by == by


def test_what_was_not_accepted_or_not_answered_is_not_looked_for() -> None:
    desk, name = insertion()
    desk.ask(2, 6)
    assert desk.tracker.closed(URI, desk.now) == []
    assert {finding.suggestion_id for finding in desk.found} == {name}


def test_a_part_that_was_taken_is_no_ones_to_supersede() -> None:
    desk, name = insertion()
    desk.edit(((4, 12), (4, 12), " + a"))
    desk.offer(2, 6, "x = 1\n", "x = 2\n")
    assert desk.outcome(name).outcome == P


def test_all_that_is_due_at_the_close_is_seen() -> None:
    desk, name = insertion()
    desk.edit(((4, 12), (4, 12), " + a"))
    desk.wait(6)
    desk.leave(close=True)
    assert [s.left is not None for s in desk.survivals(name)] == [True, True, False]


@pytest.mark.parametrize("report_first", [True, False])
def test_a_reported_part_is_what_its_change_wrote_and_when(report_first: bool) -> None:
    desk, name = opened_call()
    desk.wait(3)
    if report_first:
        desk.tracker.partly_accepted(name)
    desk.edit(((4, 12), (4, 12), "("))
    if not report_first:
        desk.wait(0.5)
        desk.tracker.partly_accepted(name)
    desk.wait(100)
    assert desk.outcome(name).outcome == P
    assert (desk.settled(name).accepted_text or "").endswith("return x(\n\n")
    assert desk.survivals(name)[0].age_s == pytest.approx(0.0 if report_first else 0.5, abs=0.1)


def test_a_part_reported_late_is_the_one_that_was_seen() -> None:
    desk, name = insertion()
    desk.edit(((4, 12), (4, 12), " + a"))
    desk.wait(0.2)
    desk.type(4, 16, ".")
    desk.tracker.partly_accepted(name)
    desk.wait(100)
    assert desk.outcome(name).outcome == P
    assert (desk.settled(name).accepted_text or "").endswith("return x + a\n\n")


def test_what_is_decided_cannot_be_dismissed() -> None:
    desk, name = insertion()
    WHOLE(desk, name)
    assert desk.tracker.dismissed(name, desk.now) is False
    assert desk.tracker.dismissed("nobody", desk.now) is False
    desk.wait(100)
    assert desk.outcome(name).outcome == A


@pytest.mark.parametrize(("pause_s", "undone"), [(3, True), (6, False)])
def test_a_part_is_undone_only_soon_after_it(pause_s: float, undone: bool) -> None:
    desk, name = insertion()
    desk.edit(((4, 12), (4, 12), " + a"))
    desk.wait(pause_s)
    desk.type(4, 16, "z")
    desk.wait(pause_s)
    desk.edit(((4, 12), (4, 17), ""))
    desk.wait(100)
    assert desk.outcome(name).outcome == P
    assert desk.settled(name).undone == undone

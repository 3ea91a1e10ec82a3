"""Alternatives to what is on offer: which comes next, and how those that were not taken end."""

from feedback_store.events import MAX_AVOIDED, Client, Outcome
from lsp.alternatives import neighbour, ring, turn
from lsp.findings import Decided, Envelope
from lsp.journal import recover, snapshot
from lsp.relocate import place_of
from lsp.watch import Watch
from tests.lsp.desk import SETTLING, Desk

TEXT = "".join(f"line {n}\n" for n in range(9))


def offers(desk: Desk, count: int) -> list[Watch]:
    """Put alternatives on offer one after the other, each in the place of the one before."""
    made: list[Watch] = []
    for number in range(count):
        watch = desk.ask(0, 3)
        if made:
            turn(made[-1], watch, desk.now)
        desk.answer(watch, watch.base.replace("line 1", f"other {number}"))
        made.append(watch)
        desk.wait(1.0)
    return made


def test_there_and_back_and_round() -> None:
    desk = Desk(TEXT)
    first, second, third = offers(desk, 3)
    desk.offer(5, 8, "line 6", "elsewhere")
    members = ring(desk.tracker.watches, third)
    assert members == [first, second, third]
    assert neighbour(members, second, 1) is third
    assert neighbour(members, second, -1) is first
    assert neighbour(members, first, -1) is third
    assert neighbour(members, third, 1) is None


def test_a_full_ring_goes_round() -> None:
    desk = Desk(TEXT)
    made = offers(desk, MAX_AVOIDED)
    members = ring(desk.tracker.watches, made[-1])
    assert neighbour(members, made[-1], 1) is made[0]


def test_what_was_typed_meanwhile_leaves_the_ring() -> None:
    desk = Desk(TEXT)
    first, second = offers(desk, 2)
    desk.edit(((1, 0), (1, 0), "x"))
    third = desk.ask(0, 3)
    desk.answer(third, "x")
    assert ring(desk.tracker.watches, third) == [third]
    assert not first.on_offer
    assert not second.on_offer


def test_what_outlived_an_edit_elsewhere_stays_in_the_ring() -> None:
    desk = Desk(TEXT)
    first, second = offers(desk, 2)
    desk.edit(((8, 0), (8, 0), "x"))
    third = desk.ask(0, 3)
    turn(second, third, desk.now)
    desk.answer(third, third.base.replace("line 1", "yet another"))
    assert ring(desk.tracker.watches, third) == [third]
    assert ring(desk.tracker.watches, third, lambda watch: True) == [first, second, third]


def test_looking_at_one_keeps_all_of_them_open() -> None:
    desk = Desk(TEXT)
    first, second = offers(desk, 2)
    desk.wait(30.0)
    assert first.undecided
    turn(second, first, desk.now)
    desk.wait(25.0)
    assert first.on_offer
    assert second.undecided
    desk.wait(10.0)
    outcomes = [desk.outcome(watch.suggestion_id).outcome for watch in (first, second)]
    assert outcomes == [Outcome.EXPIRED, Outcome.SUPERSEDED]


def test_one_that_was_set_aside_is_superseded_whatever_is_typed() -> None:
    desk = Desk(TEXT)
    first, second = offers(desk, 2)
    desk.edit(((1, 0), (1, 6), "other 0"))
    desk.wait(20.0)
    outcomes = [desk.outcome(watch.suggestion_id).outcome for watch in (first, second)]
    assert outcomes == [Outcome.SUPERSEDED, Outcome.DIVERGED]


def test_it_is_superseded_after_a_crash_too() -> None:
    desk = Desk(TEXT)
    first, second = offers(desk, 2)
    envelope = Envelope("session", "workspace", Client(name="test"), SETTLING)
    place = place_of(desk.document.lines, first.region)
    kept = [snapshot(watch, envelope, place, 0.0) for watch in (first, second)]
    found = [recover(one, 0.0)[0][0] for one in kept]
    assert [one.outcome for one in found if isinstance(one, Decided)] == [
        Outcome.SUPERSEDED,
        Outcome.EXPIRED,
    ]

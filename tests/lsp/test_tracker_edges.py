"""Rules of the tracker that only show at their edges."""

import pytest

from feedback_store.events import FeedbackLevel, Outcome, Reason, SettledBy, Settling
from lsp.context import Region
from lsp.document import Document
from lsp.findings import Decided
from tests.lsp.desk import Desk
from tests.lsp.test_tracker_traces import (
    TEXT,
    WHOLE,
    A,
    D,
    P,
    R,
    Step,
    T,
    dismiss,
    edit,
    insertion,
    keys,
    wait,
)

TWO_LEAPS = [edit(((4, 12), (4, 12), "a.b")), wait(0.2), edit(((4, 12), (4, 12), " + "))]


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        # " + a.b": everything but the last character was taken, which may be a part by itself.
        ([edit(((4, 12), (4, 12), " + a.")), wait(2), keys(4, 17, "b")], A),
        ([edit(((4, 12), (4, 12), " + a")), wait(2), keys(4, 16, ".b")], P),
        # What goes on within the last word was another word all along; later it is an addition.
        ([keys(4, 12, " + a.bc")], D),
        ([keys(4, 12, " + a.b"), wait(2), keys(4, 18, "c")], T),
        ([keys(4, 12, " + a.b"), edit(((4, 17), (4, 18), ""))], D),
        ([keys(4, 12, " + a.b"), dismiss], T),
        ([edit(((4, 12), (4, 12), " + a")), dismiss], P),
        ([keys(4, 12, " + a"), dismiss], R),
        # Typed while another menu completed a word.
        ([keys(4, 12, " + a"), edit(((4, 15), (4, 16), "a.b"))], A),
        # Written by another tool over something else, or with more behind it.
        ([keys(4, 12, "zzz"), wait(3), edit(((4, 12), (4, 15), " + a.b"))], T),
        ([keys(4, 12, "zzz"), wait(3), edit(((4, 12), (4, 15), " + a.b")), dismiss], T),
        ([edit(((4, 12), (4, 12), " + a.b(c)"))], D),
        ([keys(4, 12, " + ab(c"), keys(4, 16, ".")], D),
        ([keys(4, 12, "z"), edit(((4, 12), (4, 13), " + a.b"))], T),
        # A burst lasts a second, and begins where the region was last as it had been.
        ([keys(4, 12, "z"), edit(((4, 12), (4, 13), "")), wait(2), *TWO_LEAPS], A),
        ([TWO_LEAPS[0], wait(1.1), TWO_LEAPS[2]], T),
        ([edit(((0, 0), (7, 0), "# 1\n# 2\n" + TEXT.replace("return x", "return x + a.b")))], A),
    ],
)
def test_edges(steps: list[Step], outcome: str) -> None:
    desk, name = insertion()
    for step in steps:
        step(desk, name)
    desk.wait(100)
    assert desk.outcome(name).outcome == outcome


def test_collected_keys_may_go_beyond_the_end() -> None:
    desk = Desk(TEXT)
    name = desk.offer(2, 6, "return x\n", "return x + a.b\n")
    for column, text in ((12, " + "), (15, "a."), (17, "b)(")):
        desk.edit(((4, column), (4, column), text))
        desk.wait(0.2)
    desk.wait(100)
    assert desk.outcome(name).outcome == T


def test_what_was_left_is_no_longer_visible() -> None:
    desk, name = insertion()
    desk.wait(1)
    desk.type(4, 12, "zzz")
    desk.wait(100)
    assert desk.outcome(name).outcome == D
    assert desk.outcome(name).visible_ms == pytest.approx(1000, abs=1)


def test_what_was_come_back_to_is_visible_again() -> None:
    desk, name = insertion()
    desk.type(4, 12, "z")
    desk.edit(((4, 12), (4, 13), ""))
    desk.wait(3)
    dismiss(desk, name)
    assert desk.outcome(name).visible_ms == pytest.approx(3100, abs=1)


def test_horizons_are_looked_at_in_their_order() -> None:
    desk = Desk(TEXT, Settling(quiet_s=10, longest_wait_s=60, horizons_s=(30, 0, 5)))
    name = desk.offer(2, 6, "return x\n", "return x + a.b\n")
    WHOLE(desk, name)
    desk.wait(100)
    assert [found.horizon_s for found in desk.survivals(name)] == [0, 5, 30]


@pytest.mark.parametrize(
    ("proposed", "outcome"), [(" + a.b", A), (" + a.b.c", D)], ids=["a half", "a third"]
)
def test_of_an_accept_that_was_rewritten_at_once_half_must_be_left(
    proposed: str, outcome: str
) -> None:
    desk = Desk(TEXT)
    name = desk.offer(2, 6, "return x\n", f"return x{proposed}\n")
    desk.tracker.accepted(name, desk.now)
    desk.edit(((4, 11), (4, 12), "(x + a)"))
    desk.wait(100)
    assert desk.outcome(name).outcome == outcome


def test_what_is_typed_behind_the_end_changes_nothing_of_it() -> None:
    desk, name = insertion()
    desk.type(4, 12, " + a.b")
    desk.wait(0.4)
    desk.type(4, 18, "(")
    desk.wait(0.6)
    assert desk.outcome(name).outcome == T
    assert desk.outcome(name).visible_ms == pytest.approx(500, abs=1)


@pytest.mark.parametrize(("warm", "outcome"), [(True, P), (False, D)])
def test_the_end_of_a_word_is_a_part_only_where_typing_would_look_different(
    warm: bool, outcome: str
) -> None:
    desk = Desk(TEXT)
    if warm:
        desk.warm()
    name = desk.offer(2, 6, "return x\n", "return x + normalised(a)\n")
    desk.type(4, 12, " + nor")
    desk.edit(((4, 18), (4, 18), "malised"))
    desk.wait(100)
    assert desk.outcome(name).outcome == outcome


def test_a_menu_that_writes_the_word_anew_is_typing() -> None:
    desk, _ = insertion()
    name = desk.offer(2, 6, "return x\n", "return x + normalised\n")
    desk.type(4, 12, " + nor")
    desk.edit(((4, 15), (4, 18), "normalised"))
    desk.wait(100)
    assert desk.outcome(name).outcome == T


def test_what_was_undone_in_time_is_so_however_often_it_is_undone() -> None:
    desk, name = insertion()
    WHOLE(desk, name)
    desk.wait(2)
    desk.edit(((4, 12), (4, 18), ""))
    desk.wait(5)
    desk.type(4, 12, "z")
    desk.wait(5)
    desk.edit(((4, 12), (4, 13), ""))
    desk.wait(100)
    assert desk.settled(name).undone


def test_lines_at_the_edges_belong_to_the_region() -> None:
    for at, proposed in ((2, "new\n{}"), (6, "{}new\n")):
        desk = Desk(TEXT)
        desk.warm()
        watch = desk.ask(2, 6)
        name = desk.answer(watch, proposed.format(watch.base))
        desk.edit(((at, 0), (at, 0), "new\n"))
        desk.wait(1)
        assert desk.outcome(name).outcome == Outcome.ACCEPTED


def test_neighbours_do_not_disturb_each_other() -> None:
    desk = Desk(TEXT)
    below = desk.offer(6, 8, "print", "log")
    above = desk.offer(2, 6, "return x\n", "return x + a.b\n")
    assert desk.of(below) == desk.of(above) == []


def test_other_documents_are_none_of_ours() -> None:
    desk, name = insertion()
    other = Document("file:///b.py", "python", 1, TEXT, "utf-32", 1000)
    watch = desk.tracker.asked(other.uri, 1, Region(2, 6), "", desk.now)
    desk.tracker.answered(watch, "other", FeedbackLevel.FULL, "proposed\n", desk.now)
    desk.tracker.delivered(watch, desk.now)
    change = other.apply((4, 4), (4, 12), "something else")
    assert change
    desk.tracker.changed(other.uri, [(change, other.lines)], desk.now)
    desk.tracker.bulk_rewritten(other.uri)
    desk.tracker.closed(other.uri, desk.now)
    assert desk.of(name) == []
    desk.wait(100)
    assert desk.outcome(name).outcome == Outcome.EXPIRED
    assert not desk.settled(name).bulk_change
    assert desk.settled("other").bulk_change


def test_withheld_text_is_followed_too() -> None:
    desk = Desk(TEXT)
    name = desk.withhold(2, 6, Outcome.WITHHELD, Reason.HOLDOUT)
    desk.edit(((2, 0), (3, 0), "def g(a):\n"))
    desk.wait(100)
    assert desk.settled(name).settled_text.startswith("def g(a):\n")


def test_what_no_client_got_does_not_outrun_what_one_has() -> None:
    desk, seen = insertion()
    for name in ("unseen", "unseen too"):
        watch = desk.ask(2, 6)
        desk.tracker.answered(watch, name, FeedbackLevel.FULL, watch.base + "x\n", desk.now)
    assert desk.outcome("unseen").outcome == Outcome.SUPERSEDED
    assert desk.of(seen) == []
    desk.type(4, 12, " + a.b")
    desk.wait(100)
    assert desk.outcome(seen).outcome == T


def test_the_quiet_begins_with_the_answer() -> None:
    desk = Desk(TEXT)
    watch = desk.ask(2, 6)
    desk.wait(3)
    desk.tracker.silent(
        watch, "late", FeedbackLevel.FULL, Outcome.WITHHELD, Reason.NO_EDIT, desk.now
    )
    desk.wait(9.9)
    assert [type(found) for found in desk.found] == [Decided]
    desk.wait(0.2)
    assert desk.settled("late").settled_by == SettledBy.QUIET


def test_a_report_of_what_was_rewritten_at_once_says_that_this_client_reports() -> None:
    desk, name = insertion()
    desk.tracker.accepted(name, desk.now)
    desk.edit(((4, 11), (4, 12), "(x + a.b)"))
    desk.wait(100)
    assert desk.outcome(name).outcome == A
    again = desk.offer(2, 6, "x = 1\n", "x = 1 + len(a)\n")
    desk.edit(((3, 9), (3, 9), " + len(a)"))
    desk.wait(100)
    assert desk.outcome(again).outcome == T


@pytest.mark.parametrize(
    ("wait_s", "by_client", "outcome", "later"),
    [(0.1, True, A, T), (0.1, False, A, A), (2, True, T, A)],
    ids=["the client", "the server", "the client, too late"],
)
def test_who_reports_an_accept_of_typing_and_when(
    wait_s: float, by_client: bool, outcome: str, later: str
) -> None:
    desk, name = insertion()
    desk.type(4, 12, " + a.b")
    desk.wait(wait_s)
    desk.tracker.accepted(name, desk.now, by_client=by_client)
    assert desk.outcome(name).outcome == outcome
    desk.wait(100)
    again = desk.offer(2, 6, "x = 1\n", "x = 1 + len(a)\n")
    desk.edit(((3, 9), (3, 9), " + len(a)"))
    desk.wait(100)
    assert desk.outcome(again).outcome == later


def test_an_accept_that_the_server_applied_says_nothing_of_the_clients_habits() -> None:
    for by_client, later in ((False, A), (True, T)):
        desk, name = insertion()
        desk.tracker.accepted(name, desk.now, by_client=by_client)
        WHOLE(desk, name)
        assert desk.outcome(name).outcome == A
        desk.wait(100)
        again = desk.offer(2, 6, "x = 1\n", "x = 1 + len(a)\n")
        desk.edit(((3, 9), (3, 9), " + len(a)"))
        desk.wait(100)
        assert desk.outcome(again).outcome == later


def test_what_is_still_being_asked_for_goes_by_no_name() -> None:
    desk = Desk("value_1 = 1\nvalue_2 = 2\n")
    desk.ask(0, 2)
    assert desk.tracker.find("") is None
    assert not desk.tracker.accepted("", desk.now)

"""Rules of the tracker that only show at their edges."""

import pytest

from feedback_store.events import FeedbackLevel, Outcome, Reason
from lsp.context import Region
from lsp.document import Document
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

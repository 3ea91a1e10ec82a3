"""The tracker's rules one by one: settlement, survival, marks, and what newer offers do."""

import pytest

from feedback_store.events import FeedbackLevel, Outcome, Reason, SettledBy, Shown
from lsp.tracker import MOST_ON_SCREEN
from tests.lsp.desk import Desk
from tests.lsp.test_tracker_traces import TEXT, WHOLE, dismiss, insertion


def test_settled_text_is_what_the_user_wrote_instead() -> None:
    desk, name = insertion()
    desk.edit(((4, 4), (4, 12), "yield 3"))
    desk.edit(((0, 0), (0, 0), "import re\nimport sys\n"))
    desk.wait(100)
    settled = desk.settled(name)
    assert settled.settled_text == "def f(a):\n    x = 1\n    yield 3\n\n"
    assert (settled.region_changed, settled.accepted_text) == (True, None)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.WITHHELD, Reason.HOLDOUT),
        (Outcome.INVALID, Reason.UNPARSABLE),
        (Outcome.FAILED, Reason.ENGINE_DOWN),
        (Outcome.STALE, Reason.DOCUMENT_MOVED),
    ],
)
def test_what_was_not_shown_is_observed_too(outcome: Outcome, reason: Reason) -> None:
    desk = Desk(TEXT)
    name = desk.withhold(2, 6, outcome, reason)
    desk.type(4, 12, " + 1")
    desk.wait(100)
    decided = desk.outcome(name)
    assert (decided.outcome, decided.reason, decided.shown) == (outcome, reason, Shown.NO)
    assert decided.visible_ms is None
    assert "return x + 1\n" in desk.settled(name).settled_text


def test_settlement_waits_for_quiet() -> None:
    desk, name = insertion()
    for n in range(4):
        desk.wait(8)
        desk.edit(((4, 12 + n), (4, 12 + n), "z"))
    assert desk.of(name) == []
    desk.wait(9.9)
    assert desk.of(name) == []
    desk.wait(0.2)
    assert desk.settled(name).settled_by == SettledBy.QUIET


def test_what_may_be_on_screen_waits_for_its_user() -> None:
    desk, name = insertion()
    desk.wait(59)
    assert desk.of(name) == []
    desk.wait(2)
    assert desk.outcome(name).outcome == Outcome.EXPIRED
    assert desk.settled(name).settled_by == SettledBy.TIMEOUT


def test_only_the_newest_offers_are_waited_for() -> None:
    desk = Desk("".join(f"line {n}\n" for n in range(40)))
    names = [
        desk.offer(4 * n, 4 * n + 4, f"line {4 * n}\n", "x\n") for n in range(MOST_ON_SCREEN + 2)
    ]
    desk.wait(11)
    settled = [name for name in names if desk.of(name)]
    assert settled == names[:2]
    assert {desk.settled(name).settled_by for name in settled} == {SettledBy.QUIET}


def test_what_no_client_got_waits_for_nobody() -> None:
    desk = Desk(TEXT)
    watch = desk.ask(2, 6)
    proposed = watch.base.replace("return x", "return x + a.b")
    desk.tracker.answered(watch, "unseen", FeedbackLevel.FULL, proposed, desk.now)
    desk.wait(11)
    assert desk.settled("unseen").settled_by == SettledBy.QUIET


def test_what_no_client_got_cannot_have_been_taken() -> None:
    desk = Desk(TEXT)
    watch = desk.ask(2, 6)
    proposed = watch.base.replace("return x", "return x + a.b")
    desk.tracker.answered(watch, "unseen", FeedbackLevel.FULL, proposed, desk.now)
    desk.edit(((4, 12), (4, 12), " + a"))
    desk.edit(((4, 16), (4, 16), ".b"))
    desk.wait(100)
    assert desk.outcome("unseen").outcome == Outcome.TYPED_THROUGH


def test_what_was_typed_over_is_not_on_screen_any_more() -> None:
    desk, name = insertion()
    desk.wait(20)
    desk.type(4, 12, "yz")
    desk.wait(11)
    assert desk.settled(name).settled_by == SettledBy.QUIET


def test_an_accept_after_a_long_look_settles_in_quiet() -> None:
    desk, name = insertion()
    desk.wait(30)
    WHOLE(desk, name)
    desk.wait(11)
    assert desk.settled(name).settled_by == SettledBy.QUIET
    assert desk.settled(name).accepted_text == desk.settled(name).settled_text


def test_settlement_does_not_wait_for_ever() -> None:
    desk, name = insertion()
    for _ in range(13):
        desk.wait(5)
        desk.edit(((4, 12), (4, 12), "z"))
    assert desk.settled(name).settled_by == SettledBy.TIMEOUT
    assert desk.settled(name).settled_text.count("z") == 11


def test_times_that_are_measured() -> None:
    desk = Desk(TEXT)
    watch = desk.ask(2, 6)
    desk.wait(0.25)
    name = desk.answer(watch, watch.base.replace("return x", "return x + a.b"))
    desk.wait(3)
    desk.edit(((4, 12), (4, 12), " + a.b"))
    assert desk.outcome(name).waited_ms == pytest.approx(250)
    assert desk.outcome(name).visible_ms == pytest.approx(3000)


def test_undo_marks_and_redo_unmarks() -> None:
    desk, name = insertion()
    WHOLE(desk, name)
    desk.wait(4)
    desk.edit(((4, 12), (4, 18), ""))
    desk.wait(50)
    assert (desk.settled(name).undone, desk.settled(name).region_changed) == (True, False)
    assert [s.left and s.left.reverted for s in desk.survivals(name)] == [False, True, True]
    again, other = insertion()
    WHOLE(again, other)
    again.edit(((4, 12), (4, 18), ""))
    WHOLE(again, other)
    again.wait(50)
    assert not again.settled(other).undone


def test_late_removal_is_no_undo() -> None:
    desk, name = insertion()
    WHOLE(desk, name)
    for _ in range(3):
        desk.wait(4)
        desk.edit(((4, 18), (4, 18), "!"))
    desk.edit(((4, 12), (4, 21), ""))
    desk.wait(100)
    assert not desk.settled(name).undone


def test_survival_at_the_horizons() -> None:
    desk, name = insertion()
    WHOLE(desk, name)
    desk.wait(3)
    desk.edit(((4, 12), (4, 18), " + a"))
    desk.wait(100)
    found = desk.survivals(name)
    assert [(s.horizon_s, s.last) for s in found] == [(0, False), (5, False), (30, True)]
    assert [s.left and s.left.retained for s in found] == [1.0, 0.5, 0.5]


def test_a_part_is_looked_at_in_time_though_more_might_have_been_taken() -> None:
    desk, name = insertion()
    desk.edit(((4, 12), (4, 12), " + a"))
    desk.wait(20)
    desk.edit(((4, 4), (4, 16), "yield 3"))
    desk.wait(20)
    assert desk.outcome(name).outcome == Outcome.PARTIALLY_ACCEPTED
    desk.wait(30)
    found = desk.survivals(name)
    assert [s.age_s for s in found] == pytest.approx([0, 5, 30], abs=0.5)
    assert [s.left and s.left.retained for s in found] == [1.0, 1.0, 0.0]


def test_looks_at_a_part_end_when_all_is_taken() -> None:
    desk, name = insertion()
    desk.edit(((4, 12), (4, 12), " + a"))
    desk.wait(20)
    desk.edit(((4, 16), (4, 16), ".b"))
    desk.wait(2)
    desk.edit(((4, 12), (4, 18), " + a"))
    desk.wait(100)
    assert desk.outcome(name).outcome == Outcome.ACCEPTED
    assert [s.left and s.left.retained for s in desk.survivals(name)] == [1.0, 0.5, 0.5]


def test_horizons_that_nobody_saw_are_not_imputed() -> None:
    desk, name = insertion()
    WHOLE(desk, name)
    desk.wait(6)
    desk.leave()
    found = desk.survivals(name)
    assert [s.left and s.left.retained for s in found] == [1.0, 1.0, None]
    assert [s.last for s in found] == [False, False, True]
    assert desk.settled(name).settled_by == SettledBy.EXIT


def test_newer_suggestion_supersedes_an_untouched_one() -> None:
    desk, old = insertion()
    new = desk.offer(3, 7, "x = 1", "x = 2")
    assert desk.outcome(old).outcome == Outcome.SUPERSEDED
    desk.wait(100)
    assert desk.outcome(new).outcome == Outcome.EXPIRED


def test_newer_suggestion_after_other_typing_is_a_divergence() -> None:
    desk, old = insertion()
    desk.type(4, 12, "yz")
    desk.offer(3, 7, "x = 1", "x = 2")
    assert desk.outcome(old).outcome == Outcome.DIVERGED


def test_suggestions_for_other_places_do_not_disturb() -> None:
    desk, old = insertion()
    desk.offer(6, 8, "print", "log")
    WHOLE(desk, old)
    assert desk.outcome(old).outcome == Outcome.ACCEPTED


def test_branch_switch_and_bulk_change_are_marked() -> None:
    desk, name = insertion()
    desk.tracker.branch_switched()
    desk.edit(((0, 0), (7, 0), "# all\n# new\n"))
    desk.wait(100)
    settled = desk.settled(name)
    assert (settled.branch_switch, settled.bulk_change) == (True, True)


def test_line_added_at_the_very_end_belongs_to_the_last_region() -> None:
    desk = Desk("a\nb\n")
    desk.warm()
    watch = desk.ask(0, 3)
    name = desk.answer(watch, "a\nb\nc\n")
    desk.edit(((2, 0), (2, 0), "c\n"))
    assert desk.outcome(name).outcome == Outcome.ACCEPTED


def test_deletion_is_accepted() -> None:
    desk = Desk(TEXT)
    name = desk.offer(2, 6, "    x = 1\n", "")
    desk.edit(((3, 0), (4, 0), ""))
    desk.wait(1)
    assert desk.outcome(name).outcome == Outcome.ACCEPTED
    [left, *_] = [s.left for s in desk.survivals(name)]
    assert left is not None
    assert left.retained == 1.0


def test_answer_for_a_closed_document_is_settled_at_once() -> None:
    desk = Desk(TEXT)
    watch = desk.ask(2, 6)
    desk.tracker.closed(desk.document.uri, 0.0)
    args = ("late", watch.level, Outcome.STALE, Reason.DOCUMENT_MOVED, 1.0)
    desk.tracker.silent(watch, *args)
    assert desk.outcome("late").outcome == Outcome.STALE
    assert desk.settled("late").settled_by == SettledBy.CLOSE


def test_commands_for_what_is_no_longer_on_offer_do_nothing() -> None:
    desk, name = insertion()
    dismiss(desk, name)
    assert desk.tracker.accepted(name, desk.now) is False
    assert desk.tracker.dismissed("unknown", desk.now) is False
    WHOLE(desk, name)
    desk.wait(100)
    assert desk.outcome(name).outcome == Outcome.REJECTED

"""The rules of promotion, and that replaying stored changes yields the same book."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store.events import Decision
from server import policies
from server.book import Book, PolicyConflict, Status, StatusChange, UnknownPolicy
from server.policies import Seen


def book_with(*names: str, untrained: bool = False) -> Book:
    book = Book()
    for name in names:
        book = book.apply(
            policies.register(book, name, parent=None, untrained=untrained, status=Status.CANDIDATE)
        )
    return book


def verdict(name: str, passed: bool) -> Decision:
    return Decision(policy=name, passed=passed, why="measured", inputs={})


def promoted(book: Book, *names: str) -> Book:
    for name in names:
        book = book.apply(policies.decide(book, verdict(name, True)))
    return book


def statuses(book: Book) -> dict[str, str]:
    return {name: str(policy.status) for name, policy in book.policies.items()}


def test_a_passed_candidate_goes_live_and_the_one_before_stays_loaded() -> None:
    book = promoted(book_with("a", "b", "c"), "a", "b", "c")
    assert statuses(book) == {"a": "retired", "b": "previous", "c": "live"}
    assert book.loaded() == {"b", "c"}


def test_a_refused_candidate_is_unloaded_and_its_name_used_up() -> None:
    book = book_with("a")
    book = book.apply(policies.decide(book, verdict("a", False)))
    assert (book.live, book.loaded()) == (None, frozenset())
    with pytest.raises(PolicyConflict, match="a name is used once"):
        policies.register(book, "a", parent=None, untrained=False, status=Status.CANDIDATE)


def test_a_canary_waits_beside_the_live_version_and_ends_either_way() -> None:
    book = promoted(book_with("a", "b", "c"), "a")
    book = book.apply(policies.decide(book, verdict("b", True), as_canary=True))
    assert (book.live, book.canary, book.loaded()) == ("a", "b", {"a", "b", "c"})
    lives = book.apply(policies.conclude(book, verdict("b", True)))
    assert (lives.live, lives.previous, lives.canary) == ("b", "a", None)
    ends = book.apply(policies.conclude(book, verdict("b", False)))
    assert (ends.live, ends.canary, statuses(ends)["b"]) == ("a", None, "refused")
    with pytest.raises(PolicyConflict, match="no canary"):
        policies.conclude(ends, verdict("b", True))


def test_a_newer_canary_takes_the_place_of_the_one_before() -> None:
    book = book_with("a", "b")
    for name in ("a", "b"):
        book = book.apply(policies.decide(book, verdict(name, True), as_canary=True))
    assert statuses(book) == {"a": "retired", "b": "canary"}


def test_a_version_that_falls_back_is_gone_for_good() -> None:
    book = promoted(book_with("a", "b"), "a", "b")
    book = book.apply(policies.fall_back(book, verdict("b", False), "a"))
    assert statuses(book) == {"a": "live", "b": "refused"}
    book = book.apply(policies.fall_back(book, verdict("a", False), None))
    assert (book.live, statuses(book)["a"]) == (None, "refused")
    with pytest.raises(PolicyConflict, match="not live"):
        policies.fall_back(book, verdict("a", False), None)


def test_a_trained_candidate_is_not_promoted_without_a_decision() -> None:
    with pytest.raises(PolicyConflict, match="no passing decision"):
        policies.promote(book_with("a"), "a")


def test_an_untrained_candidate_is_promoted_without_a_decision() -> None:
    book = book_with("a", untrained=True)
    assert book.apply(policies.promote(book, "a")).live == "a"


def test_a_stored_passing_decision_allows_promotion_and_a_failing_one_does_not() -> None:
    book = book_with("a")
    assert policies.promote(book.record(verdict("a", True)), "a")
    with pytest.raises(PolicyConflict):
        policies.promote(book.record(verdict("a", False)), "a")


def test_rollback_swaps_and_swaps_back() -> None:
    book = promoted(book_with("a", "b"), "a", "b")
    back = book.apply(policies.rollback(book, book.previous))
    assert (back.live, back.previous) == ("a", "b")
    again = back.apply(policies.rollback(back, back.previous))
    assert (again.live, again.previous) == ("b", "a")


def test_rollback_reaches_the_base_model_and_returns() -> None:
    book = promoted(book_with("a"), "a")
    back = book.apply(policies.rollback(book, book.previous))
    assert (back.live, back.previous) == (None, "a")
    assert back.apply(policies.rollback(back, back.previous)).live == "a"


def test_rollback_past_a_version_that_no_engine_takes_ends_at_the_base_model() -> None:
    book = promoted(book_with("a", "b"), "a", "b")
    back = book.apply(policies.rollback(book, None))
    assert (back.live, back.previous) == (None, "b")
    assert back.get("a").status is Status.RETIRED


def test_rollback_of_another_version_than_was_seen_is_refused() -> None:
    book = promoted(book_with("a", "b"), "a", "b")
    policies.require_seen(book, Seen("b"))
    for seen, named in (("a", "not a"), (None, "not the base model")):
        with pytest.raises(PolicyConflict, match=named):
            policies.require_seen(book, Seen(seen))


@pytest.mark.parametrize("as_canary", [True, False])
def test_a_candidate_and_a_canary_are_refused_by_hand(as_canary: bool) -> None:
    book = book_with("a")
    if as_canary:
        book = book.apply(policies.decide(book, verdict("a", True), as_canary=True))
    book = book.apply(policies.refuse(book, verdict("a", False)))
    assert (book.get("a").status, book.canary) == (Status.REFUSED, None)
    assert book.loaded() == frozenset()
    with pytest.raises(PolicyConflict, match="a is refused"):
        policies.refuse(book, verdict("a", False))


def test_what_is_live_is_left_by_a_rollback_and_not_refused() -> None:
    with pytest.raises(PolicyConflict, match="roll back"):
        policies.refuse(promoted(book_with("a"), "a"), verdict("a", False))


def test_rollback_without_any_version_is_refused() -> None:
    with pytest.raises(PolicyConflict, match="nothing to go back to"):
        policies.rollback(Book(), None)


def test_snapshots_are_never_live_and_leave_for_good() -> None:
    book = Book()
    book = book.apply(
        policies.register(book, "s", parent=None, untrained=False, status=Status.SNAPSHOT)
    )
    assert book.loaded() == {"s"}
    for attempt in (policies.promote, lambda b, n: policies.decide(b, verdict(n, True))):
        with pytest.raises(PolicyConflict):
            attempt(book, "s")
    book = book.apply(policies.retire_snapshot(book, "s"))
    assert book.loaded() == frozenset()
    assert policies.retire_snapshot(book, "s") == []


def test_a_version_is_no_snapshot_to_drop() -> None:
    with pytest.raises(PolicyConflict, match="not a snapshot"):
        policies.retire_snapshot(book_with("a"), "a")


def test_unknown_names_are_named_in_the_error() -> None:
    with pytest.raises(UnknownPolicy, match="'x'"):
        policies.promote(Book(), "x")


def test_registering_twice_changes_nothing() -> None:
    book = book_with("a")
    assert policies.register(book, "a", parent=None, untrained=False, status=Status.CANDIDATE) == []


STEPS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["register", "pass", "fail", "rollback"])),
    max_size=30,
)


@given(STEPS, st.data())
def test_any_prefix_of_a_flip_leaves_exactly_one_live_version(
    steps: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Law: at most one live and one previous, whatever happened and wherever a crash cut it."""
    book, log = Book(), list[StatusChange]()
    for name, step in steps:
        changes = _try(book, name, step)
        cut = data.draw(st.integers(0, len(changes)))
        torn = book.apply(changes[:cut])
        for seen in (torn, book.apply(changes)):
            kinds = [p.status for p in seen.policies.values()]
            assert kinds.count(Status.LIVE) <= 1
            assert kinds.count(Status.PREVIOUS) <= 1
        if cut and step == "pass":
            assert torn.live == name
        book, log = book.apply(changes), log + changes
    assert Book().apply(log) == book


def _try(book: Book, name: str, step: str) -> list[StatusChange]:
    try:
        if step == "register":
            return policies.register(
                book, name, parent=None, untrained=False, status=Status.CANDIDATE
            )
        if step == "rollback":
            return policies.rollback(book, book.previous)
        return policies.decide(book, verdict(name, step == "pass"))
    except (PolicyConflict, UnknownPolicy):
        return []

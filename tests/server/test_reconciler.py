"""What is loaded and unloaded to make an engine hold what it should."""

from pathlib import Path

import pytest

from server.reconciler import Flights, Plan, plan

A, B = Path("/data/a"), Path("/data/b")


def test_loads_what_is_missing_and_unloads_what_is_left() -> None:
    listed = {"base": "/m", "b": str(B)}
    assert plan({"a": A}, listed, known={"a", "b"}, busy=set()) == Plan(("b",), ("a",))


def test_does_nothing_when_all_is_there() -> None:
    assert plan({"a": A}, {"base": "/m", "a": str(A)}, known={"a"}, busy=set()) == Plan((), ())


def test_leaves_strangers_alone() -> None:
    listed = {"base": "/m", "theirs": "/x"}
    assert plan({}, listed, known={"a"}, busy=set()) == Plan((), ())


def test_waits_for_answers_in_flight_before_it_unloads() -> None:
    assert plan({}, {"a": str(A)}, known={"a"}, busy={"a"}) == Plan((), ())


def test_one_name_never_stands_for_two_contents() -> None:
    assert plan({"a": A}, {"a": "/elsewhere/a"}, known={"a"}, busy=set()) == Plan(("a",), ("a",))
    assert plan({"a": A}, {"a": "/elsewhere/a"}, known={"a"}, busy={"a"}) == Plan((), ())


def test_flights_count_overlapping_requests_and_failures() -> None:
    flights = Flights()
    with flights.count("a"), flights.count("a"):
        assert flights.busy() == {"a"}
    assert flights.busy() == frozenset()
    with pytest.raises(RuntimeError), flights.count("a"):
        raise RuntimeError
    assert flights.busy() == frozenset()

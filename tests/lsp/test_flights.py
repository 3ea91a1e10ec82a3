"""Requests on their way: shared, at most two, the newest first."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from lsp.flights import Flights


class Airport:
    """Requests that end when the test says so."""

    def __init__(self) -> None:
        self.flights: Flights[str] = Flights()
        self.gates: dict[str, asyncio.Future[str]] = {}
        self.cancelled: list[str] = []

    async def _fly(self, name: str) -> str:
        self.gates[name] = asyncio.get_running_loop().create_future()
        try:
            return await self.gates[name]
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise

    def board(self, name: str, group: str, age: int = 1) -> "asyncio.Task[str | None]":
        passenger = self.flights.join(name, group, age, lambda: self._fly(name))
        return asyncio.create_task(passenger)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


def test_the_same_question_is_asked_once() -> None:
    async def scene() -> None:
        airport = Airport()
        both = [airport.board("a", "doc"), airport.board("a", "doc")]
        await settle()
        assert list(airport.gates) == ["a"]
        airport.gates["a"].set_result("answer")
        assert await asyncio.gather(*both) == ["answer", "answer"]

    run(scene())


def test_a_newer_version_ends_the_older_request() -> None:
    async def scene() -> None:
        airport = Airport()
        old, other = airport.board("a", "doc", 1), airport.board("b", "else", 1)
        await settle()
        new = airport.board("c", "doc", 2)
        assert await old is None
        await settle()
        assert airport.cancelled == ["a"]
        for name in "bc":
            airport.gates[name].set_result(name)
        assert (await other, await new) == ("b", "c")

    run(scene())


def test_two_fly_a_third_waits_a_fourth_takes_its_place() -> None:
    async def scene() -> None:
        airport = Airport()
        tasks = [airport.board(name, name) for name in "abcd"]
        await settle()
        assert list(airport.gates) == ["a", "b"]
        assert await tasks[2] is None
        airport.gates["a"].set_result("A")
        await settle()
        assert list(airport.gates) == ["a", "b", "d"]
        airport.gates["b"].set_result("B")
        airport.gates["d"].set_result("D")
        assert await asyncio.gather(*tasks) == ["A", "B", None, "D"]

    run(scene())


def test_a_request_ends_with_its_last_passenger() -> None:
    async def scene() -> None:
        airport = Airport()
        first, second = airport.board("a", "doc"), airport.board("a", "doc")
        await settle()
        first.cancel()
        await settle()
        assert airport.cancelled == []
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await settle()
        assert airport.cancelled == ["a"]

    run(scene())


def test_places_are_given_back_whatever_happens() -> None:
    async def scene() -> None:
        airport = Airport()
        for turn in range(5):
            tasks = [airport.board(f"{turn}{name}", name) for name in "abc"]
            await settle()
            for task in tasks:
                task.cancel()
            await settle()
        last = [airport.board("x", "x"), airport.board("y", "y")]
        await settle()
        assert {"x", "y"} <= set(airport.gates)
        for name in "xy":
            airport.gates[name].set_result(name)
        assert await asyncio.gather(*last) == ["x", "y"]

    run(scene())


def test_errors_reach_whoever_asked() -> None:
    async def scene() -> None:
        airport = Airport()
        task = airport.board("a", "doc")
        await settle()
        airport.gates["a"].set_exception(ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            await task

    run(scene())


def test_full_says_that_another_would_have_to_wait() -> None:
    async def scene() -> None:
        airport = Airport()
        said = [airport.flights.full]
        both = [airport.board("a", "doc"), airport.board("b", "else")]
        await settle()
        said.append(airport.flights.full)
        airport.gates["a"].set_result("answer")
        await settle()
        said.append(airport.flights.full)
        airport.gates["b"].set_result("answer")
        await asyncio.gather(*both)
        assert said == [False, True, False]

    run(scene())

"""Requests on their way: shared by those who ask the same, two at most, the newest first.

Knows keys and coroutines. Does not know what is requested.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")
AT_ONCE = 2


@dataclass
class _Flight(Generic[Result]):
    task: asyncio.Task[Result | None]
    group: Hashable
    age: int
    passengers: int = 0


class Flights(Generic[Result]):
    """At most two requests run; a third waits, and a fourth takes the third's place."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Result]] = {}
        self._running = 0
        self._queued: asyncio.Future[bool] | None = None

    @property
    def full(self) -> bool:
        """Whether another request would have to wait, or take a waiting one's place."""
        return self._running >= AT_ONCE

    async def join(
        self,
        key: Hashable,
        group: Hashable,
        age: int,
        start: Callable[[], Awaitable[Result]],
    ) -> Result | None:
        """Return the result of `start`, or of the same request that is already on its way.

        Requests of the same group with a lower age are ended. None means that a newer request
        took this one's place.
        """
        for old_key, old in list(self._flights.items()):
            if old.group == group and old.age < age and old_key != key:
                del self._flights[old_key]
                old.task.cancel()
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight(asyncio.ensure_future(self._fly(start)), group, age)
            self._flights[key] = flight
        flight.age = max(flight.age, age)
        flight.passengers += 1
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if flight.task.cancelled() and not (me and me.cancelling()):
                return None
            raise
        finally:
            flight.passengers -= 1
            if flight.passengers == 0:
                # Whoever asked has gone: the engine need not go on.
                flight.task.cancel()
            if self._flights.get(key) is flight and (flight.task.done() or not flight.passengers):
                del self._flights[key]

    @property
    def busy(self) -> bool:
        """Whether anything is on its way or waits."""
        return self._running > 0

    def end_group(self, group: Hashable) -> None:
        """End every request of a group."""
        for flight in list(self._flights.values()):
            if flight.group == group:
                flight.task.cancel()

    async def _fly(self, start: Callable[[], Awaitable[Result]]) -> Result | None:
        if not await self._enter():
            return None
        try:
            return await start()
        finally:
            self._leave()

    async def _enter(self) -> bool:
        if self._running < AT_ONCE:
            self._running += 1
            return True
        if self._queued is not None and not self._queued.done():
            self._queued.set_result(False)
        self._queued = place = asyncio.get_running_loop().create_future()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():
                self._leave()
            raise

    def _leave(self) -> None:
        if self._queued is not None and not self._queued.done():
            # The place is handed on, so the count stays.
            self._queued.set_result(True)
            self._queued = None
        else:
            self._running -= 1

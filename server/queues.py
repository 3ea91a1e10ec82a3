"""How much waits where: in the gateway, its store, and the engines behind it.

Knows who can be asked. Does not know who looks at it.
"""

import asyncio
import time
from dataclasses import dataclass
from types import MappingProxyType

from server.engine.client import Queue
from server.engine.errors import EngineError
from server.fleet import Replica
from server.gateway import Gateway

FRESH_S = 1.0
PATIENCE_S = 1.0
"""An engine that does not say so by then is busy, and says nothing."""


@dataclass(frozen=True)
class Depths:
    """What waits, or is under way."""

    suggestions: int
    rollouts: int
    entries: int
    """Of the store's log: what waits to be written."""
    engines: MappingProxyType[str, Queue]
    """By replica; requests of all, also of those that are not ours."""


class Queues:
    """The engines' queues, asked at most once a second."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._asked_at = float("-inf")
        self._engines: MappingProxyType[str, Queue] = MappingProxyType({})

    async def read(self, gateway: Gateway) -> Depths:
        """Return what waits now."""
        async with self._turn:
            if time.monotonic() - self._asked_at >= FRESH_S:
                replicas = gateway.fleet.replicas
                found = await asyncio.gather(*map(_queue, replicas))
                pairs = zip(replicas, found, strict=True)
                self._engines = MappingProxyType({one.name: queue for one, queue in pairs})
                self._asked_at = time.monotonic()
        return Depths(
            suggestions=gateway.in_flight,
            rollouts=gateway.rollout_room.taken,
            entries=gateway.store.waiting,
            engines=self._engines,
        )


async def _queue(one: Replica) -> Queue:
    try:
        return await asyncio.wait_for(one.engine.client().queue(PATIENCE_S), PATIENCE_S)
    except (EngineError, TimeoutError):
        return Queue()

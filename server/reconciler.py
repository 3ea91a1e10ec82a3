"""Makes the engine hold the adapters that it should, again and again.

Knows how to compare what should be loaded with what the engine lists. Does not know why a
version should be loaded (`server.policies`) nor whose engine it is (`server.engine`).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.engine.client import EngineClient
from server.engine.errors import EngineError, EngineSlow

logger = logging.getLogger(__name__)

INTERVAL_S = 2.0


@dataclass(frozen=True)
class Plan:
    """What to do to an engine."""

    unload: tuple[str, ...]
    load: tuple[str, ...]


def plan(
    wanted: Mapping[str, Path],
    listed: Mapping[str, str],
    known: Collection[str],
    busy: Collection[str],
) -> Plan:
    """Return what turns `listed` into `wanted`. Pure.

    Only `known` names are unloaded: others may belong to somebody else who uses the same engine.
    A version that answers requests in flight is not unloaded yet. A wanted name that is listed
    with another path is unloaded first: one name never stands for two contents.
    """
    moved = {n for n, folder in wanted.items() if listed.get(n, str(folder)) != str(folder)}
    left = {n for n in listed if n in known and n not in wanted}
    unload = sorted(n for n in left | moved if n not in busy)
    load = sorted(n for n in wanted if n not in listed or n in unload)
    return Plan(tuple(unload), tuple(load))


class Flights:
    """How many requests each version is answering right now."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    @contextmanager
    def count(self, name: str) -> Iterator[None]:
        """Count one request for as long as the block runs."""
        self._counts[name] += 1
        try:
            yield
        finally:
            self._counts[name] -= 1

    def busy(self) -> frozenset[str]:
        """Names that answer at least one request."""
        return frozenset(name for name, count in self._counts.items() if count > 0)


class Reconciler:
    """The loop. `loaded` is what the engine is known to hold."""

    def __init__(
        self,
        engine: Callable[[], EngineClient],
        wanted: Callable[[], Mapping[str, Path]],
        known: Callable[[], Collection[str]],
        flights: Flights,
    ) -> None:
        self._engine = engine
        self._wanted = wanted
        self._known = known
        self._flights = flights
        self._kick = asyncio.Event()
        self._turn = asyncio.Lock()
        self.loaded: frozenset[str] = frozenset()
        self.problems: dict[str, str] = {}

    def kick(self) -> None:
        """Look again now."""
        self._kick.set()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        while True:
            try:
                await self.reconcile()
            except EngineSlow:
                logger.warning("the engine is too busy to say what it holds; asking again")
            except EngineError as error:
                self.loaded = frozenset()
                logger.debug("engine not reconciled: %s", error)
            except Exception:
                logger.exception("the engine could not be reconciled; trying again")
            try:
                await asyncio.wait_for(self._kick.wait(), INTERVAL_S)
            except TimeoutError:
                continue
            finally:
                self._kick.clear()

    async def reconcile(self) -> None:
        """Compare and act once. What the engine refuses is in `problems` and tried again.

        Raises:
            EngineError: it cannot be asked what it holds.
        """
        async with self._turn:
            engine = self._engine()
            listed = await engine.models()
            wanted = {name: folder.resolve() for name, folder in self._wanted().items()}
            todo = plan(wanted, listed, self._known(), self._flights.busy())
            for name in todo.unload:
                await self._attempt(name, engine.unload_adapter(name))
            for name in todo.load:
                await self._attempt(name, _loaded(engine, name, wanted[name]))
            if todo.unload or todo.load:
                listed = await engine.models()
            self.loaded = frozenset(listed)
            self.problems = {n: p for n, p in self.problems.items() if n not in self.loaded}

    async def _attempt(self, name: str, action: Awaitable[None]) -> None:
        try:
            await action
            self.problems.pop(name, None)
        except EngineError as error:
            logger.warning("adapter %s: %s", name, error)
            self.problems[name] = str(error)


async def _loaded(engine: EngineClient, name: str, folder: Path) -> None:
    """Load an adapter and let it answer once; one that cannot is not kept."""
    await engine.load_adapter(name, folder)
    try:
        await engine.probe(name)
    except EngineError:
        await engine.unload_adapter(name)
        raise

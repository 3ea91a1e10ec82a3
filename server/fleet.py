"""The engines behind the gateway: one or several replicas, each with a reconciler of its own.

A request goes to a replica that holds its model: the same one for the same session, whose prefix
cache knows the prompt already, unless others are clearly less busy; and to another one if that
does not answer. Knows replicas and their load. Does not know policies, prompts or HTTP.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from server.engine.answer import Completion
from server.engine.client import EngineClient, Enough, Sampling
from server.engine.errors import EngineDown, EngineError, UnknownModel
from server.engine.supervisor import Engine, EngineState
from server.reconciler import Reconciler

T = TypeVar("T")

SLACK = 4
"""How many more requests than the least busy replica the session's own may have."""


@dataclass(frozen=True)
class Replica:
    """One engine and what keeps its adapters in order."""

    name: str
    engine: Engine
    reconciler: Reconciler


def ranked(names: Sequence[str], busy: Counter[str], key: str) -> list[str]:
    """Return replicas in the order in which a request with this key should try them. Pure.

    By rendezvous hashing: where a replica comes or goes, only its own sessions move.
    """
    by_key = sorted(names, key=lambda name: hashlib.sha256(f"{key}\0{name}".encode()).digest())
    least = min((busy[name] for name in names), default=0)
    return sorted(by_key, key=lambda name: busy[name] > least + SLACK)


def _gone(replica: Replica, error: EngineDown | UnknownModel) -> EngineDown:
    """Return why a replica does not answer. One that does not know the model has been restarted,
    and does not hold yet what it held."""
    if isinstance(error, EngineDown):
        return error
    replica.reconciler.kick()
    return EngineDown(str(error))


class Fleet:
    """All replicas. To whoever registers policies it looks like one reconciler."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.replicas = tuple(replicas)
        self._busy: Counter[str] = Counter()

    @property
    def loaded(self) -> frozenset[str]:
        """What every replica that answers holds; nothing where none does."""
        up = [one.reconciler.loaded for one in self.replicas if one.reconciler.loaded]
        return frozenset.intersection(*up) if up else frozenset()

    @property
    def held(self) -> frozenset[str]:
        """What any replica that answers holds: requests for it go there."""
        return frozenset[str]().union(*(one.reconciler.loaded for one in self.replicas))

    @property
    def problems(self) -> dict[str, str]:
        """Which adapters are refused, and why."""
        found: dict[str, str] = {}
        for one in self.replicas:
            for name, why in one.reconciler.problems.items():
                found[name] = why if len(self.replicas) == 1 else f"{one.name}: {why}"
        return found

    @property
    def state(self) -> EngineState:
        """Up if any replica is, else the best that can be said."""
        states = [one.engine.state for one in self.replicas]
        best = (EngineState.UP, EngineState.STARTING, EngineState.DOWN)
        return min(states, key=best.index)

    @property
    def problem(self) -> str:
        """What is wrong with engines, in words; empty if nothing is."""
        return "; ".join(p for one in self.replicas if (p := one.engine.problem))

    def busy(self, name: str) -> int:
        """How many requests a replica answers right now."""
        return self._busy[name]

    def holds(self, model: str) -> bool:
        """Whether any replica can answer for `model` now."""
        up = (one for one in self.replicas if one.engine.state is EngineState.UP)
        return any(model in one.reconciler.loaded for one in up)

    def kick(self) -> None:
        """Reconcile all of them now."""
        for one in self.replicas:
            one.reconciler.kick()

    async def reconcile(self) -> None:
        """Compare and act once on every replica.

        Raises:
            EngineError: none of them can be asked what it holds.
        """
        turns = [one.reconciler.reconcile() for one in self.replicas]
        found = await asyncio.gather(*turns, return_exceptions=True)
        errors = [one for one in found if isinstance(one, BaseException)]
        for error in errors:
            if not isinstance(error, EngineError) or len(errors) == len(found):
                raise error

    async def complete(
        self,
        model: str,
        prompt: str | Sequence[int],
        sampling: Sampling,
        timeout_s: float,
        key: str,
    ) -> list[Completion]:
        """Return the answers of a replica that holds `model`; of the next one if it is down.

        Raises:
            EngineDown: no replica that holds it answers.
            EngineError: another of its kinds says what to do.
        """
        return await self._asked(
            model, key, lambda client: client.complete(model, prompt, sampling, timeout_s)
        )

    async def complete_until(
        self,
        model: str,
        prompt: str,
        sampling: Sampling,
        timeout_s: float,
        key: str,
        enough: Enough,
    ) -> Completion:
        """Return the one answer, or what stands of it once `enough` says so; as `complete` does."""
        return await self._asked(
            model,
            key,
            lambda client: client.complete_until(model, prompt, sampling, timeout_s, enough),
        )

    async def _asked(self, model: str, key: str, ask: Callable[[EngineClient], Awaitable[T]]) -> T:
        down = EngineDown(self._why_not(model))
        for one in self._able(model, key):
            self._busy[one.name] += 1
            try:
                return await ask(one.engine.client())
            except (EngineDown, UnknownModel) as error:
                down = _gone(one, error)
            finally:
                self._busy[one.name] -= 1
        raise down

    async def stream(
        self, model: str, body: Mapping[str, Any], timeout_s: float, key: str
    ) -> AsyncGenerator[str, None]:
        """Yield the lines of a streamed completion, as `complete` does; once there is a first line,
        its replica has to finish it.

        Raises:
            EngineDown: no replica that holds it answers, or the one that answered went down.
            EngineError: another of its kinds says what to do.
        """
        down, begun = EngineDown(self._why_not(model)), False
        for one in self._able(model, key):
            self._busy[one.name] += 1
            try:
                asking = one.engine.client().stream("/v1/completions", body, timeout_s)
                async with aclosing(asking) as lines:
                    async for line in lines:
                        begun = True
                        yield line
                return
            except (EngineDown, UnknownModel) as error:
                if begun:
                    raise
                down = _gone(one, error)
            finally:
                self._busy[one.name] -= 1
        raise down

    def client(self, model: str, key: str = "") -> EngineClient:
        """Return the client of a replica that holds `model`.

        Raises:
            EngineDown: there is none.
        """
        for one in self._able(model, key):
            with suppress(EngineDown):
                return one.engine.client()
        raise EngineDown(self._why_not(model))

    async def run(self) -> None:
        """Keep engines and adapters in order until cancelled."""
        loops = [loop for one in self.replicas for loop in (one.engine.run(), one.reconciler.run())]
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def stop(self) -> None:
        """End what is ours to end."""
        await asyncio.gather(*(one.engine.stop() for one in self.replicas))

    def _able(self, model: str, key: str) -> list[Replica]:
        able = {one.name: one for one in self.replicas if model in one.reconciler.loaded}
        return [able[name] for name in ranked(list(able), self._busy, key)]

    def _why_not(self, model: str) -> str:
        return self.problem or f"{model} is not loaded yet"

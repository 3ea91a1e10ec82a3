"""Watches what becomes of suggestions, and ends canaries and live versions that do worse.

Knows where the counts are and what follows from a finding. Does not know statistics
(`server.comparison`) or the rules of promotion (`server.policies`). A decision is stored with every
number that it was made of.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from feedback_store.errors import StoreUnavailable
from feedback_store.events import Decision
from feedback_store.store import Store
from server.comparison import Comparison, Finding, Tally, compare
from server.config import CanarySettings, WatchSettings
from server.dashboard import SHOWN, TAKEN
from server.engine.errors import EngineError
from server.fleet import Fleet
from server.policies import PolicyConflict, Status, UnknownPolicy
from server.registry import Registry

logger = logging.getLogger(__name__)

SINCE = "SELECT max(received_at) AS at FROM policies WHERE name = ? AND status = ?"
TALLIES = (
    "SELECT s.policy_version AS policy, "
    "count(*) FILTER (s.reason IS DISTINCT FROM 'cancelled') AS asked, "
    "count(*) FILTER (s.outcome = 'invalid' OR s.reason = 'deadline') AS broken, "
    f"count(*) FILTER ({SHOWN}) AS shown, count(*) FILTER ({TAKEN}) AS taken "
    "FROM suggestions s LEFT JOIN outcomes o USING (suggestion_id) "
    "WHERE NOT s.holdout AND (s.policy_version = ? AND s.received_at >= ? "
    "OR s.policy_version = ? AND s.received_at >= ?) GROUP BY ALL"
)


class Watcher:
    """The loop. `base` is the name under which the base model answers."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        fleet: Fleet,
        canary: CanarySettings,
        watch: WatchSettings,
        base: str,
    ) -> None:
        self._store = store
        self._registry = registry
        self._fleet = fleet
        self._canary = canary
        self._watch = watch
        self._base = base

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(self._watch.interval_s)
            try:
                await self.look()
            except (StoreUnavailable, EngineError, PolicyConflict, UnknownPolicy) as error:
                logger.warning("versions in service not compared: %s", error)

    async def look(self) -> None:
        """Compare canary and live with what they would replace or replaced, and act."""
        book = self._registry.book
        if book.canary is not None:
            await self._look_at_canary(book.canary, book.live or self._base)
        if book.live is not None and self._watch.rollback:
            await self._look_at_live(book.live, book.previous or self._base)

    async def _look_at_canary(self, name: str, live: str) -> None:
        began = await self._since(name, Status.CANARY)
        found = await self._compared(name, began, live, began)
        aged = datetime.now(UTC).replace(tzinfo=None) - began
        if found.finding is Finding.OPEN and aged < timedelta(hours=self._canary.max_hours):
            return
        passed = found.finding is Finding.NO_WORSE
        why = found.why if found.finding is not Finding.OPEN else f"too little known: {found.why}"
        decision = Decision(policy=name, passed=passed, why=f"canary: {why}", inputs=found.inputs)
        await self._registry.conclude(decision, self._fleet)
        logger.warning("canary %s %s: %s", name, "goes live" if passed else "refused", why)

    async def _look_at_live(self, name: str, before: str) -> None:
        began = await self._since(name, Status.LIVE)
        earlier = began - timedelta(days=self._watch.window_days)
        found = await self._compared(name, began, before, earlier)
        if found.finding is not Finding.WORSE:
            return
        why = f"rolled back by itself: {found.why}"
        decision = Decision(policy=name, passed=False, why=why, inputs=found.inputs)
        await self._registry.fall_back(decision, self._fleet)
        logger.error("%s is taken out of service: %s", name, found.why)

    async def _since(self, name: str, status: Status) -> datetime:
        rows = await asyncio.to_thread(self._store.query, SINCE, [name, status.value])
        return rows[0]["at"]

    async def _compared(
        self, new: str, new_since: datetime, old: str, old_since: datetime
    ) -> Comparison:
        given = [new, new_since, old, old_since]
        rows = await asyncio.to_thread(self._store.query, TALLIES, given)
        tallies = {row.pop("policy"): Tally(**row) for row in rows}
        return compare(
            tallies.get(new, Tally()),
            tallies.get(old, Tally()),
            min_shown=self._canary.min_shown,
            margin=self._canary.margin,
        )

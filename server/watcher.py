"""Watches what becomes of suggestions, and ends canaries and live versions that do worse.

Knows where the counts are and what follows from a finding. Does not know statistics
(`server.comparison`) or the rules of promotion (`server.policies`). A decision is stored with every
number that it was made of.
"""

import asyncio
import json
import logging
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

from feedback_store.errors import StoreUnavailable
from feedback_store.events import Decision
from feedback_store.store import Store
from server.book import PolicyConflict, Status, UnknownPolicy
from server.comparison import LOOKS, Comparison, Finding, Tally, capped, compare
from server.config import CanarySettings, WatchSettings
from server.dashboard import COUNTED, SHOWN, TAKEN
from server.engine.errors import EngineError
from server.fleet import Fleet
from server.policies import BY_HAND
from server.registry import Registry

logger = logging.getLogger(__name__)

SINCE = "SELECT max(received_at) AS at FROM policies WHERE name = ? AND status = ?"
LEFT = "SELECT payload FROM policies WHERE name = ? ORDER BY ingest_seq DESC LIMIT 1"
_SERVED = "(policy_version = $1 AND {at} >= $2 OR policy_version = $3 AND {at} >= $4)"
TALLIES = (
    "SELECT policy, person, sum(asked)::BIGINT AS asked, sum(broken)::BIGINT AS broken, "
    "sum(shown)::BIGINT AS shown, sum(taken)::BIGINT AS taken FROM ("
    "SELECT policy_version AS policy, user_id AS person, "
    "count(*) FILTER (reason IS DISTINCT FROM 'cancelled') AS asked, "
    "count(*) FILTER (outcome = 'invalid' OR reason = 'deadline') AS broken, "
    "0 AS shown, 0 AS taken FROM suggestions "
    f"WHERE NOT holdout AND {_SERVED.format(at='received_at')} GROUP BY ALL UNION ALL "
    f"SELECT policy_version, user_id, 0, 0, count(*), count(*) FILTER ({TAKEN}) FROM outcomes "
    f"WHERE {COUNTED} AND {SHOWN} AND {_SERVED.format(at='suggested_at')} GROUP BY ALL"
    ") GROUP BY ALL"
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
        self._looks: Counter[str] = Counter()
        """How many of a canary's looks were taken."""

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(self._watch.interval_s)
            try:
                await self.look()
            except (StoreUnavailable, EngineError, PolicyConflict, UnknownPolicy) as error:
                logger.warning("versions in service not compared: %s", error)
            except Exception:
                logger.exception("versions in service could not be compared; trying again")

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
        passed = found.finding is Finding.NO_WORSE and self._is_due(name, found)
        over = aged >= timedelta(hours=self._canary.max_hours)
        if not (passed or over or found.finding is Finding.WORSE):
            return
        if passed and self._registry.paused:
            return
        known = passed or found.finding is Finding.WORSE
        why = found.why if known else f"too little known: {found.why}"
        decision = Decision(policy=name, passed=passed, why=f"canary: {why}", inputs=found.inputs)
        await self._registry.conclude(decision, self._fleet)
        logger.warning("canary %s %s: %s", name, "goes live" if passed else "refused", why)

    async def _look_at_live(self, name: str, before: str) -> None:
        if await self._left_by_hand(before):
            return
        began = await self._since(name, Status.LIVE)
        earlier = began - timedelta(days=self._watch.window_days)
        found = await self._compared(name, began, before, earlier)
        if found.finding is not Finding.WORSE:
            return
        why = f"rolled back by itself: {found.why}"
        decision = Decision(policy=name, passed=False, why=why, inputs=found.inputs)
        await self._registry.fall_back(decision, self._fleet)
        logger.error("%s is taken out of service: %s", name, found.why)

    def _is_due(self, name: str, found: Comparison) -> bool:
        """Whether this is one of the few looks at which a canary may go live: each time twice as
        many suggestions were on screen as the time before."""
        fewest = min(found.new.shown, found.old.shown)
        due = sum(fewest >= self._canary.min_shown * 2**turn for turn in range(LOOKS))
        taken, self._looks[name] = self._looks[name], due
        return due > taken

    async def _left_by_hand(self, name: str) -> bool:
        rows = await asyncio.to_thread(self._store.query, LEFT, [name])
        return bool(rows) and json.loads(rows[0]["payload"]).get("why") == BY_HAND

    async def _since(self, name: str, status: Status) -> datetime:
        rows = await asyncio.to_thread(self._store.query, SINCE, [name, status.value])
        return rows[0]["at"]

    async def _compared(
        self, new: str, new_since: datetime, old: str, old_since: datetime
    ) -> Comparison:
        given = [new, new_since, old, old_since]
        rows = await asyncio.to_thread(self._store.query, TALLIES, given)
        people: defaultdict[str, list[Tally]] = defaultdict(list)
        for row in rows:
            counts = {k: v for k, v in row.items() if k not in ("policy", "person")}
            people[row["policy"]].append(Tally(**counts))
        return compare(
            capped(people[new]),
            capped(people[old]),
            min_shown=self._canary.min_shown,
            margin=self._canary.margin,
        )

"""The gateway's state in one JSON document, for the page, for editors and for people.

Knows which questions the status answers. Does not know how it is shown. Counts per user are
never shown, and what became of suggestions is told of five people or more together; the totals are
of everybody, and less what is told of versions they tell nothing of fewer (server.disclosure).
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from feedback_store.errors import StoreUnavailable
from feedback_store.store import Store
from server import __version__
from server.dashboard import FEWEST_PEOPLE, REST
from server.disclosure import Cell, showable
from server.engine.client import Queue
from server.engine.supervisor import EngineState
from server.fleet import Fleet, Replica
from server.gateway import Gateway
from server.queues import Depths

Rows = Sequence[Mapping[str, Any]]

RECENT_DECISIONS = 20
FRESH_S = 1.0

TOTALS = (
    "SELECT (SELECT count(*) FROM suggestions) AS suggestions, "
    "(SELECT count(*) FROM outcomes) AS outcomes, "
    "(SELECT count(*) FROM settlements) AS settled, "
    "(SELECT count(*) FROM survivals) AS survivals, "
    "(SELECT count(*) FROM quarantine) AS quarantined, "
    "(SELECT count(*) FROM batches) AS batches"
)
OUTCOMES = (
    "SELECT policy_version AS policy, holdout, outcome, count(*) AS count "
    "FROM outcomes WHERE is_first GROUP BY ALL ORDER BY ALL"
)
REPORTERS = (
    "SELECT policy_version AS policy, holdout, list(DISTINCT user_id) AS people, "
    "count(*) AS count FROM outcomes WHERE is_first GROUP BY policy_version, holdout"
)
ANSWERS = (
    "SELECT policy_version AS policy, list(DISTINCT user_id) AS people, count(*) AS count, "
    "count(*) FILTER (outcome IS NULL) AS with_edit, "
    "round(median(engine_ms), 1) AS median_ms, "
    "round(quantile_cont(engine_ms, 0.9), 1) AS p90_ms "
    "FROM suggestions GROUP BY policy_version ORDER BY policy_version"
)
SILENCES = (
    "WITH silent AS (SELECT outcome, reason, user_id FROM suggestions WHERE outcome IS NOT NULL) "
    "SELECT outcome, reason, count(*) AS count FROM silent "
    "WHERE (SELECT count(DISTINCT user_id) FROM silent) >= ? "
    "GROUP BY ALL ORDER BY count DESC, reason"
)
DECISIONS = (
    "SELECT policy, passed, why, inputs, strftime(received_at, '%Y-%m-%dT%H:%M:%SZ') AS at "
    f"FROM decisions ORDER BY ingest_seq DESC LIMIT {RECENT_DECISIONS}"
)


class Counters:
    """What the store says about itself, asked at most once a second, and seldom if that is much."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fresh_until = float("-inf")
        self._values: dict[str, Any] = {}
        self._protected: bool | None = None

    def read(self, protect: bool) -> dict[str, Any]:
        """Return the counts; blocks for some milliseconds, with ten million events for half a
        second.

        Args:
            protect: leave out groups of fewer than five people; a gateway without keys serves one.
        """
        began = time.monotonic()
        if began < self._fresh_until and protect == self._protected:
            return self._values
        fewest = FEWEST_PEOPLE if protect else 1
        try:
            # Totals first: what is told of versions afterwards holds all that they count.
            totals, answers = self._store.query(TOTALS)[0], self._store.query(ANSWERS)
            self._values = {
                "store": totals | {"trouble": self._store.trouble},
                "answers": of_many(answers, answers, fewest),
                "outcomes": of_many(
                    self._store.query(OUTCOMES), self._store.query(REPORTERS), fewest
                ),
                "silences": self._store.query(SILENCES, [fewest]),
                "decisions": [
                    row | {"inputs": json.loads(row["inputs"])}
                    for row in self._store.query(DECISIONS)
                ],
            }
        except StoreUnavailable as error:
            self._values = {"store": {"trouble": str(error)}}
        ended = time.monotonic()
        self._fresh_until = ended + max(FRESH_S, REST * (ended - began))
        self._protected = protect
        return self._values


def of_many(rows: Rows, groups: Rows, fewest: int) -> list[dict[str, Any]]:
    """Return the rows of those groups, a version's or what of it was held out, that may be shown.

    Pure. `groups` say who is behind them (`people`), which no row that is returned does.
    """
    cells = [Cell(_group(one), "", frozenset(one["people"]), one["count"], 0) for one in groups]
    kept = {cell.name for cell in showable(cells, fewest)}
    found = [row for row in rows if _group(row) in kept]
    return [{name: row[name] for name in row if name != "people"} for row in found]


def _group(row: Mapping[str, Any]) -> str:
    return f"{row['policy']} {row.get('holdout', '')}"


def status(gateway: Gateway, counters: dict[str, Any], depths: Depths) -> dict[str, Any]:
    """Return the whole status. Pure, but for reading the gateway's parts."""
    book, fleet = gateway.registry.book, gateway.fleet
    infos = gateway.registry.infos(fleet.loaded)
    return {
        "version": __version__,
        "ready": ready(gateway),
        "base_model": gateway.profile.name,
        "live": book.live,
        "previous": book.previous,
        "canary": book.canary,
        "paused": gateway.registry.paused,
        "routes": gateway.registry.table.model_dump(mode="json")["routes"],
        "in_flight": depths.suggestions,
        "rollouts": depths.rollouts,
        "waiting_entries": depths.entries,
        "feedback_level": gateway.settings.feedback.level,
        "engine": {
            "state": fleet.state,
            "managed": gateway.settings.engine.managed,
            "adopted": any(one.engine.adopted for one in fleet.replicas),
            "restarts": sum(one.engine.restarts for one in fleet.replicas),
            "problem": fleet.problem,
            "loaded": sorted(fleet.loaded),
            "refusals": fleet.problems,
            "replicas": [
                _replica(fleet, one) | asdict(depths.engines.get(one.name, Queue()))
                for one in fleet.replicas
            ],
        },
        "policies": [info.model_dump(mode="json") for info in infos],
    } | counters


def ready(gateway: Gateway) -> bool:
    """Whether a suggestion asked for now would be answered and recorded."""
    return not why_not_ready(gateway)


def why_not_ready(gateway: Gateway) -> list[str]:
    """Return what is in the way, in words that anybody may read: no names, no paths."""
    why: list[str] = []
    if gateway.store.trouble is not None:
        why.append("the store takes nothing: see the log or /v1/status")
    if gateway.fleet.holds(gateway.policy_name()):
        return why
    engines = {
        EngineState.STARTING: "the engine is starting",
        EngineState.DOWN: "no engine answers: see the log or /v1/status",
        EngineState.UP: "the engine does not hold the version in service yet",
    }
    return [*why, engines[gateway.fleet.state]]


def _replica(fleet: Fleet, one: Replica) -> dict[str, Any]:
    return {
        "name": one.name,
        "state": one.engine.state,
        "problem": one.engine.problem,
        "in_flight": fleet.busy(one.name),
        "loaded": sorted(one.reconciler.loaded),
    }

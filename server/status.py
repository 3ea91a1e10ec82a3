"""The gateway's state in one JSON document, for the page, for editors and for people.

Knows which questions the status answers. Does not know how it is shown. Counts per user are
never made.
"""

import time
from typing import Any

from feedback_store.errors import StoreUnavailable
from feedback_store.store import Store
from server import __version__
from server.fleet import Fleet, Replica
from server.gateway import Gateway

RECENT_DECISIONS = 20
FRESH_S = 1.0
REST = 5
"""Counts are kept for so many times as long as it took to read them, some seconds with ten million
events: asked each second, they would take a processor from the writer."""

TOTALS = (
    "SELECT (SELECT count(*) FROM suggestions) AS suggestions, "
    "(SELECT count(*) FROM outcomes) AS outcomes, "
    "(SELECT count(*) FROM settlements) AS settled, "
    "(SELECT count(*) FROM survivals) AS survivals, "
    "(SELECT count(*) FROM quarantine) AS quarantined, "
    "(SELECT count(*) FROM batches) AS batches"
)
OUTCOMES = (
    "SELECT s.policy_version AS policy, s.holdout, o.outcome, count(*) AS count "
    "FROM (SELECT suggestion_id, arg_min(outcome, ingest_seq) AS outcome FROM outcomes "
    "GROUP BY suggestion_id) o JOIN suggestions s USING (suggestion_id) GROUP BY ALL ORDER BY ALL"
)
ANSWERS = (
    "SELECT policy_version AS policy, count(*) AS count, "
    "count(*) FILTER (outcome IS NULL) AS with_edit, "
    "round(median(engine_ms), 1) AS median_ms, "
    "round(quantile_cont(engine_ms, 0.9), 1) AS p90_ms "
    "FROM suggestions GROUP BY ALL ORDER BY ALL"
)
SILENCES = (
    "SELECT outcome, reason, count(*) AS count FROM suggestions WHERE outcome IS NOT NULL "
    "GROUP BY ALL ORDER BY count DESC, reason"
)
DECISIONS = (
    "SELECT policy, passed, why, strftime(received_at, '%Y-%m-%dT%H:%M:%SZ') AS at "
    f"FROM decisions ORDER BY ingest_seq DESC LIMIT {RECENT_DECISIONS}"
)


class Counters:
    """What the store says about itself, asked at most once a second, and seldom if that is much."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fresh_until = float("-inf")
        self._values: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """Return the counts; blocks for some milliseconds, with ten million events for a second."""
        began = time.monotonic()
        if began < self._fresh_until:
            return self._values
        try:
            self._values = {
                "store": self._store.query(TOTALS)[0] | {"trouble": self._store.trouble},
                "answers": self._store.query(ANSWERS),
                "outcomes": self._store.query(OUTCOMES),
                "silences": self._store.query(SILENCES),
                "decisions": self._store.query(DECISIONS),
            }
        except StoreUnavailable as error:
            self._values = {"store": {"trouble": str(error)}}
        ended = time.monotonic()
        self._fresh_until = ended + max(FRESH_S, REST * (ended - began))
        return self._values


def status(gateway: Gateway, counters: dict[str, Any]) -> dict[str, Any]:
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
        "in_flight": gateway.in_flight,
        "feedback_level": gateway.settings.feedback.level,
        "engine": {
            "state": fleet.state,
            "managed": gateway.settings.engine.managed,
            "adopted": any(one.engine.adopted for one in fleet.replicas),
            "restarts": sum(one.engine.restarts for one in fleet.replicas),
            "problem": "; ".join(
                one.engine.problem for one in fleet.replicas if one.engine.problem
            ),
            "loaded": sorted(fleet.loaded),
            "refusals": fleet.problems,
            "replicas": [_replica(fleet, one) for one in fleet.replicas],
        },
        "policies": [info.model_dump(mode="json") for info in infos],
    } | counters


def ready(gateway: Gateway) -> bool:
    """Whether a suggestion asked for now would be answered and recorded."""
    return (
        not gateway.draining
        and gateway.store.trouble is None
        and gateway.fleet.holds(gateway.policy_name())
    )


def _replica(fleet: Fleet, one: Replica) -> dict[str, Any]:
    return {
        "name": one.name,
        "state": one.engine.state,
        "problem": one.engine.problem,
        "in_flight": fleet.busy(one.name),
        "loaded": sorted(one.reconciler.loaded),
    }

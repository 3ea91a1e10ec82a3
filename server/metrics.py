"""What the gateway counts, in Prometheus' form, in a registry of its own.

Knows names and labels; a label is always of a small closed set, never a user, path or text.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from feedback_store.events import FeedbackAck, Reason
from feedback_store.rows import SuggestionRow
from server.engine.client import Queue
from server.engine.supervisor import EngineState
from server.fleet import Fleet

LATENCY_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)


class Metrics:
    """One per gateway, so that two in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._suggestions = Counter(
            "hone_suggestions",
            "Suggestions by policy and what came of them at the gateway.",
            ("policy", "outcome", "reason"),
            registry=self._registry,
        )
        self._latency = Histogram(
            "hone_suggestion_seconds",
            "From a suggestion's request to its answer.",
            ("policy",),
            buckets=LATENCY_BUCKETS_S,
            registry=self._registry,
        )
        self._completions, self._completing = _completions(self._registry)
        self._feedback = Counter(
            "hone_feedback_events", "Feedback events.", ("kind",), registry=self._registry
        )
        self._replicas = Gauge(
            "hone_replica_up", "Whether a replica is up.", ("replica",), registry=self._registry
        )
        self._busy = Gauge(
            "hone_in_flight", "Requests being answered.", ("replica",), registry=self._registry
        )
        self._live = Gauge(
            "hone_policy",
            "1 for each version in service.",
            ("policy", "as"),
            registry=self._registry,
        )

        self._queues = _Queues(self._registry)

    def depths(self, waiting: Mapping[str, int], engines: Mapping[str, Queue]) -> None:
        """Take up how much waits: by queue, and in each replica's vLLM as far as it says."""
        self._queues.set(waiting, engines)

    def suggestion(self, row: SuggestionRow, seconds: float) -> None:
        """Count one suggestion."""
        outcome, reason = row.outcome or "shown", row.reason or ""
        self._suggestions.labels(row.policy_version, str(outcome), str(reason)).inc()
        self._latency.labels(row.policy_version).observe(seconds)

    def completion(self, policy: str, reason: Reason | None, seconds: float) -> None:
        """Count one completion; `reason` says why it was not answered whole."""
        self._completions.labels(policy, str(reason or "")).inc()
        self._completing.labels(policy).observe(seconds)

    def feedback(self, ack: FeedbackAck) -> None:
        """Count one acknowledged batch."""
        for kind in ("stored", "duplicates", "quarantined"):
            self._feedback.labels(kind).inc(getattr(ack, kind))

    def render(self, fleet: Fleet, in_service: Mapping[str, str | None]) -> bytes:
        """Return everything as Prometheus reads it; `in_service` is by what a version serves as."""
        for one in fleet.replicas:
            self._replicas.labels(one.name).set(one.engine.state is EngineState.UP)
            self._busy.labels(one.name).set(fleet.busy(one.name))
        self._live.clear()
        for role, policy in in_service.items():
            if policy is not None:
                self._live.labels(policy, role).set(1)
        return generate_latest(self._registry)


def _completions(registry: CollectorRegistry) -> tuple[Counter, Histogram]:
    counted = Counter(
        "hone_completions",
        "Completions of prompts that editors made, by policy and why there was no answer.",
        ("policy", "reason"),
        registry=registry,
    )
    timed = Histogram(
        "hone_completion_seconds",
        "From a completion's request to its last piece.",
        ("policy",),
        buckets=LATENCY_BUCKETS_S,
        registry=registry,
    )
    return counted, timed


class _Queues:
    """What is under way or waits, here and in the engines."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._depths = Gauge(
            "hone_waiting",
            "What is under way or waits: suggestions, rollouts' requests, entries to be written.",
            ("queue",),
            registry=registry,
        )
        self._engines = Gauge(
            "hone_engine_requests",
            "Requests that a replica's vLLM works on (running) or lets wait (waiting).",
            ("replica", "state"),
            registry=registry,
        )

    def set(self, waiting: Mapping[str, int], engines: Mapping[str, Queue]) -> None:
        for queue, depth in waiting.items():
            self._depths.labels(queue).set(depth)
        self._engines.clear()
        for replica, found in engines.items():
            for state, depth in (("running", found.running), ("waiting", found.waiting)):
                if depth is not None:
                    self._engines.labels(replica, state).set(depth)

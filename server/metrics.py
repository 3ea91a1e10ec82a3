"""What the gateway counts, in Prometheus' form, in a registry of its own.

Knows names and labels; a label is always of a small closed set, never a user, path or text.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from feedback_store.events import FeedbackAck
from feedback_store.rows import SuggestionRow

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
        self._feedback = Counter(
            "hone_feedback_events", "Feedback events.", ("kind",), registry=self._registry
        )
        self._engine = Gauge("hone_engine_up", "Whether the engine is up.", registry=self._registry)

    def suggestion(self, row: SuggestionRow, seconds: float) -> None:
        """Count one suggestion."""
        outcome, reason = row.outcome or "shown", row.reason or ""
        self._suggestions.labels(row.policy_version, str(outcome), str(reason)).inc()
        self._latency.labels(row.policy_version).observe(seconds)

    def feedback(self, ack: FeedbackAck) -> None:
        """Count one acknowledged batch."""
        for kind in ("stored", "duplicates", "quarantined"):
            self._feedback.labels(kind).inc(getattr(ack, kind))

    def render(self, *, engine_up: bool) -> bytes:
        """Return everything as Prometheus reads it."""
        self._engine.set(engine_up)
        return generate_latest(self._registry)

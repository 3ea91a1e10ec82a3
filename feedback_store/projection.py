"""From log entries to table rows: pure, so that a rebuild yields the same tables row for row.

Knows when feedback is quarantined and what a tombstone does; the statements that DuckDB runs over
the entries' JSON, as it stands in the log, are in feedback_store.tables. Does not know files,
connections or threads. Whoever changes this changes what a rebuild yields.
"""

from dataclasses import dataclass

from feedback_store.entries import FEEDBACK_KINDS
from feedback_store.tables import FOREIGN_USER, ORPHANED, Row


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry as it stands in the log, and what must be known of it without reading it again."""

    ingest_seq: int
    producer: str
    """Empty where it was erased."""
    seq: int
    group: str
    """What it becomes: its kind, or the reason why it is quarantined."""
    about: str
    """The suggestion, or, of an erasure, the user; empty if neither."""
    body: bytes
    """The whole entry as JSON."""


@dataclass(frozen=True, slots=True)
class Issued:
    """Whom a suggestion was issued to, and how much of it may be recorded."""

    user: str
    level: str


class Known:
    """The suggestions that entries are about, as of the entry that is looked at."""

    def __init__(self, issued: dict[str, Issued]) -> None:
        """Start from what the database knows of the suggestions."""
        self._issued = issued
        self.new: dict[str, Issued] = {}
        """Suggestions that were met on the way; of two with one id the first counts."""

    def __getitem__(self, suggestion_id: str) -> Issued | None:
        return self._issued.get(suggestion_id)

    def note(self, suggestion_id: str, user: str, level: str) -> None:
        """Remember a suggestion."""
        if suggestion_id not in self._issued:
            self._issued[suggestion_id] = self.new[suggestion_id] = Issued(user, level)


def logged(entry: Row, body: bytes, known: Known) -> Logged:
    """Return an entry that was read from the log, the next one in order."""
    payload, kind, user = entry["payload"], entry["kind"], entry["user"]
    about = payload.get("suggestion_id", "") or payload.get("erased_user", "")
    level = payload.get("level", "full")
    group = quarantine_reason(kind, user, known[about]) or kind
    if kind == "suggestion":
        known.note(about, user, level)
    return Logged(entry["ingest_seq"], entry["producer"], entry["seq"], group, about, body)


def quarantine_reason(kind: str, user: str, issued: Issued | None) -> str | None:
    """Return why an entry must be kept apart, or None. `issued` is the suggestion it is about."""
    if kind not in FEEDBACK_KINDS:
        return None
    if issued is None:
        return ORPHANED
    return FOREIGN_USER if issued.user != user else None


FORGET = (
    """DELETE FROM suggestion_content WHERE ingest_seq IN
    (SELECT ingest_seq FROM suggestions WHERE user_id = $user)""",
    """DELETE FROM settlement_content WHERE ingest_seq IN
    (SELECT ingest_seq FROM settlements WHERE user_id = $user)""",
    """UPDATE quarantine SET reason = 'orphaned' WHERE reason = 'foreign_user' AND suggestion_id IN
    (SELECT suggestion_id FROM suggestions WHERE user_id = $user)""",
    "DELETE FROM suggestions WHERE user_id = $user",
    "DELETE FROM outcomes WHERE user_id = $user",
    "DELETE FROM settlements WHERE user_id = $user",
    "DELETE FROM survivals WHERE user_id = $user",
    "DELETE FROM losses WHERE user_id = $user",
    "DELETE FROM quarantine WHERE user_id = $user",
    "DELETE FROM producers WHERE starts_with(producer, $user || '/')",
)
"""What a tombstone does to the rows before it; others' feedback on the user's suggestions is then
feedback on suggestions that nobody knows. The bytes go when the file is made anew."""


def own_producer(user: str, producer: str) -> bool:
    """Whether a producer is a spool of this user, by the name that the gateway gave it."""
    return producer.startswith(f"{user}/")

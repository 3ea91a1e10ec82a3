"""What one commit will hold: duplicates dropped, levels lowered, the rest numbered.

Knows high-water marks, levels and quarantine. Does not write anything: it only looks up in the
database what is known about producers and suggestions.
"""

from collections.abc import Sequence

from feedback_store.database import Database
from feedback_store.entries import FEEDBACK_KINDS, Ack, NewEntry, at_level, level_of, lower
from feedback_store.errors import StoreError, StoreUnavailable
from feedback_store.events import FeedbackLevel
from feedback_store.projection import Issued, Row, quarantine_reason


class Intake:
    """Collects the submissions of one commit, in order."""

    def __init__(self, database: Database, submissions: Sequence[Sequence[NewEntry]]) -> None:
        """Look up, at once, every suggestion that the submissions are about."""
        ids = {_suggestion_id(entry) for entries in submissions for entry in entries} - {""}
        self._issued = database.issued(ids)
        self._high_water: dict[str, int] = {}
        self._last_batch_seq = database.last_batch_seq
        self._database = database
        self.rows: list[Row] = []
        """The entries to be logged."""

    def take(self, entries: Sequence[NewEntry], received_at: str) -> Ack | StoreError:
        """Number the new ones among `entries`; return what their sender will be told."""
        if any(self._outdated(entry) for entry in entries):
            return StoreUnavailable("another batch was decided meanwhile; ask again")
        stored = duplicates = quarantined = high_water = 0
        for entry in entries:
            mark = self._mark(entry.producer)
            if entry.seq <= mark:
                duplicates += 1
                high_water = max(high_water, mark)
                continue
            high_water = self._high_water[entry.producer] = entry.seq
            issued = self._issued.get(_suggestion_id(entry))
            allowed, apart = _allowed(entry, issued)
            if allowed is not None:
                stored += 1
                quarantined += apart
                self._add(allowed, received_at)
        return Ack(stored, duplicates, quarantined, high_water)

    def _mark(self, producer: str) -> int:
        known = self._database.high_water.get(producer, 0)
        return self._high_water.get(producer, known)

    def _outdated(self, entry: NewEntry) -> bool:
        """Whether a batch was chosen without seeing the one before: their items might overlap."""
        if entry.kind != "batch" or entry.seq <= self._mark(entry.producer):
            return False
        return entry.payload["as_of"] < self._last_batch_seq

    def _add(self, entry: NewEntry, received_at: str) -> None:
        row: Row = {
            "ingest_seq": self._database.ingest_seq + len(self.rows) + 1,
            "received_at": received_at,
            "producer": entry.producer,
            "seq": entry.seq,
            "kind": entry.kind,
            "user": entry.user,
            "team": entry.team,
            "payload": entry.payload,
        }
        self.rows.append(row)
        if entry.kind == "suggestion":
            issued = Issued(entry.user, level_of(entry).value)
            self._issued.setdefault(_suggestion_id(entry), issued)
        elif entry.kind == "batch":
            self._last_batch_seq = row["ingest_seq"]


def _allowed(entry: NewEntry, issued: Issued | None) -> tuple[NewEntry | None, bool]:
    """Return as much of the entry as may be recorded, and whether it goes to quarantine.

    Feedback records no more than its suggestion did; what is quarantined is never trained on, so
    its text is not kept.
    """
    level = level_of(entry)
    apart = quarantine_reason({"kind": entry.kind, "user": entry.user}, issued) is not None
    if apart:
        level = lower(level, FeedbackLevel.FACTS)
    elif entry.kind in FEEDBACK_KINDS and issued is not None:
        level = lower(level, FeedbackLevel(issued.level))
    return at_level(entry, level), apart


def _suggestion_id(entry: NewEntry) -> str:
    return entry.payload.get("suggestion_id", "")

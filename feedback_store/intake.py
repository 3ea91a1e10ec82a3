"""What one commit will hold: duplicates dropped, levels lowered, the rest numbered.

Knows high-water marks, levels and quarantine. Does not write anything: it only looks up in the
database what is known about producers and suggestions.
"""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from feedback_store.database import Database
from feedback_store.entries import (
    FEEDBACK_KINDS,
    Ack,
    NewEntry,
    at_level,
    level_of,
    lower,
    payload_json,
)
from feedback_store.errors import StoreError, StoreUnavailable
from feedback_store.events import FeedbackLevel
from feedback_store.projection import Issued, Known, Logged, quarantine_reason


class Intake:
    """Collects the submissions of one commit, in order."""

    def __init__(self, database: Database, submissions: Sequence[Sequence[NewEntry]]) -> None:
        """Look up, at once, every suggestion that the submissions are about."""
        entries = itertools.chain.from_iterable(submissions)
        self.known = Known(
            database.issued((e.kind, e.payload.get("suggestion_id")) for e in entries)
        )
        self._high_water: dict[str, int] = {}
        self._last_batch_seq = database.last_batch_seq
        self._database = database
        self._erased = set(database.erased)
        self._heads: dict[tuple[str, str, str, str], bytes] = {}
        self.entries: list[Logged] = []
        """The entries to be logged."""

    def take(
        self, entries: Sequence[NewEntry], texts: Sequence[bytes], received_at: str
    ) -> Ack | StoreError:
        """Number the new ones among `entries`; return what their sender will be told.

        `texts` are their payloads as JSON.
        """
        if any(entry.kind == "batch" and self._outdated(entry) for entry in entries):
            return StoreUnavailable("another batch was decided meanwhile; ask again")
        stored = duplicates = quarantined = high_water = 0
        for entry, text in zip(entries, texts, strict=True):
            mark = self._mark(entry.producer)
            if entry.seq <= mark:
                duplicates += 1
                high_water = max(high_water, mark)
                continue
            high_water = self._high_water[entry.producer] = entry.seq
            if entry.user in self._erased:
                continue
            issued = self.known[entry.payload.get("suggestion_id", "")]
            reason = quarantine_reason(entry.kind, entry.user, issued)
            allowed = _allowed(entry, issued, reason)
            if allowed is not None:
                stored += 1
                quarantined += reason is not None
                if allowed is not entry:
                    text = payload_json(allowed.payload)
                self._add(allowed, text, reason or entry.kind, received_at)
        return Ack(stored, duplicates, quarantined, high_water)

    def _mark(self, producer: str) -> int:
        mine = self._high_water.get(producer)
        return self._database.high_water.get(producer, 0) if mine is None else mine

    def _outdated(self, entry: NewEntry) -> bool:
        """Whether a batch was chosen without seeing the one before: their items might overlap."""
        if entry.seq <= self._mark(entry.producer):
            return False
        return entry.payload["as_of"] < self._last_batch_seq

    def _add(self, entry: NewEntry, text: bytes, group: str, received_at: str) -> None:
        seq = self._database.ingest_seq + len(self.entries) + 1
        about = entry.payload.get("suggestion_id", "")
        if entry.kind == "suggestion":
            self.known.note(about, entry.user, entry.payload, received_at)
        elif entry.kind == "batch":
            self._last_batch_seq = seq
        elif entry.kind == "erasure":
            about = entry.payload["erased_user"]
            self._erased.add(about)
        head = self._head(entry)
        # The counts stand beside the payload, since they stay when the tokens go.
        more = b'"tokens":%s,' % _counts(entry.payload) if entry.kind == "suggestion" else b""
        body = b'{"ingest_seq":%d,"received_at":"%s","seq":%d,%s,%s"payload":%s}' % (
            seq, received_at.encode(), entry.seq, head, more, text,
        )  # fmt: skip
        beside = self.known.beside(group, entry.payload)
        self.entries.append(Logged(seq, entry.producer, entry.seq, group, about, body, beside))

    def _head(self, entry: NewEntry) -> bytes:
        """Return what the entries of one sender and kind have in common, made once."""
        key = (entry.producer, entry.kind, entry.user, entry.team)
        head = self._heads.get(key)
        if head is None:
            names = ("producer", "kind", "user", "team")
            text = json.dumps(dict(zip(names, key, strict=True)), ensure_ascii=False)
            head = self._heads[key] = text[1:-1].encode()
        return head


def _allowed(entry: NewEntry, issued: Issued | None, reason: str | None) -> NewEntry | None:
    """Return as much of the entry as may be recorded.

    Feedback records no more than its suggestion did; what is quarantined is never trained on, so
    its text is not kept.
    """
    whole = issued is None or issued.level == FeedbackLevel.FULL
    if reason is None and whole and entry.payload.get("level", "full") == "full":
        return entry
    level = level_of(entry)
    if reason is not None:
        level = lower(level, FeedbackLevel.FACTS)
    elif issued is not None and entry.kind in FEEDBACK_KINDS:
        level = lower(level, FeedbackLevel(issued.level))
    return entry if level is FeedbackLevel.FULL else at_level(entry, level)


def _counts(payload: dict[str, Any]) -> bytes:
    """Return how many prompt and output tokens there are, as JSON."""
    lists = (payload.get("prompt_token_ids"), payload.get("output_token_ids"))
    return json.dumps([None if ids is None else len(ids) for ids in lists]).encode()

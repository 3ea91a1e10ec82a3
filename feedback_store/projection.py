"""From log entries to table rows: pure, so that a rebuild yields the same tables row for row.

Knows when feedback is quarantined and what a tombstone does; the statements that DuckDB runs over
the entries' JSON, as it stands in the log, are in feedback_store.tables. Does not know files,
connections or threads. Whoever changes this changes what a rebuild yields.
"""

import json
from dataclasses import dataclass

from feedback_store.entries import FEEDBACK_KINDS
from feedback_store.tables import COUNTED, FOREIGN_USER, ORPHANED, Row

MOST_TOLD = 32
"""Kinds of report that count of one suggestion: an outcome, and ages, of which clients know seven.
Who invents more gains nothing, and costs the writer nothing."""


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
    beside: bytes = b""
    """What its row says besides, as JSON; empty where that is nothing."""

    @property
    def row(self) -> bytes:
        """The JSON of which `feedback_store.tables` makes rows."""
        return b'{"e":%s,"k":%s}' % (self.body, self.beside) if self.beside else self.body


@dataclass(frozen=True, slots=True)
class Issued:
    """A suggestion, as far as feedback on it asks for it."""

    user: str
    level: str
    """How much of it may be recorded."""
    facts: bytes = b"{}"
    """What reports on it are counted under, as JSON: see `facts`."""
    told: str = ""
    """What was reported of it first, in words: `outcome`, and the ages of what survived."""


class Known:
    """The suggestions that entries are about, as of the entry that is looked at."""

    def __init__(self, issued: dict[str, Issued]) -> None:
        """Start from what the database knows of the suggestions."""
        self._issued = issued
        self.new: dict[str, Issued] = {}
        """What became known on the way; of two suggestions with one id the first counts."""

    def __getitem__(self, suggestion_id: str) -> Issued | None:
        return self._issued.get(suggestion_id)

    def note(self, suggestion_id: str, user: str, payload: Row, received_at: str) -> None:
        """Remember a suggestion."""
        if suggestion_id not in self._issued:
            one = Issued(user, payload.get("level", "full"), facts(payload, received_at))
            self._issued[suggestion_id] = self.new[suggestion_id] = one

    def beside(self, group: str, payload: Row) -> bytes:
        """Return what a report's row says of its suggestion; from here on it is not the first."""
        about = payload.get("suggestion_id", "")
        issued = self._issued.get(about)
        if group not in COUNTED or issued is None:
            return b""
        word = said(payload["horizon_s"]) if group == "survival" else group
        words = issued.told.split()
        if word in words or len(words) >= MOST_TOLD:
            return _joined(issued.facts, b'"is_first":false')
        # The word itself where it is the only one: so all suggestions share it.
        told = f"{issued.told} {word}" if issued.told else word
        one = Issued(issued.user, issued.level, issued.facts, told)
        self._issued[about] = self.new[about] = one
        return _joined(issued.facts, b'"is_first":true')


def facts(payload: Row, received_at: str) -> bytes:
    """Return what reports on a suggestion are counted under, as a JSON object."""
    found = {name: payload.get(name) for name in ("policy_version", "holdout")}
    found |= {"language": language_of(payload), "suggested_at": received_at}
    return json.dumps(found).encode()


def language_of(payload: Row) -> str:
    """Return a suggestion's language; where it is not named, that of its context."""
    return payload.get("language") or (payload.get("context") or {}).get("language", "")


def said(horizon_s: float) -> str:
    """Return the word for a look at what survived, at some age."""
    return str(float(horizon_s))


def _joined(facts: bytes, more: bytes) -> bytes:
    return b"%s%s%s}" % (facts[:-1], b"," if len(facts) > 2 else b"", more)


def logged(entry: Row, body: bytes, known: Known) -> Logged:
    """Return an entry that was read from the log, the next one in order."""
    payload, kind, user = entry["payload"], entry["kind"], entry["user"]
    about = payload.get("suggestion_id", "") or payload.get("erased_user", "")
    group = quarantine_reason(kind, user, known[about]) or kind
    if kind == "suggestion":
        known.note(about, user, payload, entry["received_at"])
    beside = known.beside(group, payload)
    return Logged(entry["ingest_seq"], entry["producer"], entry["seq"], group, about, body, beside)


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

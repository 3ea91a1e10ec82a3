"""From a log entry to table rows: pure, so that a rebuild yields the same tables row for row.

Knows which tables an entry of each kind becomes, and when feedback is quarantined. Does not know
files, SQL or threads. Whoever changes this changes what a rebuild yields.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from feedback_store.entries import FEEDBACK_KINDS

Row = dict[str, Any]
Rows = list[tuple[str, Row]]
"""Table and row, in the order in which they are written."""

ORPHANED = "orphaned"
"""Feedback on a suggestion that the store does not know, such as one lost in a crash."""
FOREIGN_USER = "foreign_user"
"""Feedback on a suggestion that was issued to somebody else."""


@dataclass(frozen=True, slots=True)
class Issued:
    """Whom a suggestion was issued to, and how much of it may be recorded."""

    user: str
    level: str


def quarantine_reason(entry: Row, issued: Issued | None) -> str | None:
    """Return why an entry must be kept apart, or None. `issued` is the suggestion it is about."""
    if entry["kind"] not in FEEDBACK_KINDS:
        return None
    if issued is None:
        return ORPHANED
    return FOREIGN_USER if issued.user != entry["user"] else None


def project(entry: Row, issued: Issued | None) -> Rows:
    """Return the rows that an entry becomes."""
    reason = quarantine_reason(entry, issued)
    if reason is not None:
        return [("quarantine", _quarantined(entry, reason))]
    return _PROJECTIONS[entry["kind"]](entry, entry["payload"])


def _quarantined(entry: Row, reason: str) -> Row:
    return {
        **_stamp(entry),
        **_owner(entry),
        "producer": entry["producer"],
        "seq": entry["seq"],
        "kind": entry["kind"],
        "suggestion_id": entry["payload"]["suggestion_id"],
        "reason": reason,
    }


def _suggestion(entry: Row, payload: Row) -> Rows:
    context = payload.get("context")
    facts = {
        **_stamp(entry),
        **_owner(entry),
        **_pick(payload, "suggestion_id session workspace document document_version level"),
        **_pick(payload, "policy_version base_model prompt_format profile temperature"),
        **_pick(payload, "finish_reason outcome reason holdout engine_ms"),
        **_client(payload),
        "language": payload.get("language") or (context or {}).get("language", ""),
        "prompt_tokens": _length(payload.get("prompt_token_ids")),
        "output_tokens": _length(payload.get("output_token_ids")),
        "created_at": _time(payload["created_at"]),
    }
    if payload["level"] != "full":
        return [("suggestions", facts)]
    ids = "suggestion_id new_region output_text prompt_token_ids output_token_ids output_logprobs"
    content = {
        "ingest_seq": entry["ingest_seq"],
        **_pick(payload, ids),
        "path": context["path"] if context else None,
        "context": json.dumps(context, ensure_ascii=False) if context else None,
    }
    return [("suggestions", facts), ("suggestion_content", content)]


def _outcome(entry: Row, payload: Row) -> Rows:
    settling = payload["settling"]
    row = {
        **_stamp(entry),
        **_owner(entry),
        **_pick(payload, "suggestion_id session workspace client_time level schema_version"),
        **_pick(payload, "outcome shown reason visible_ms waited_ms"),
        **_client(payload),
        **_pick(settling, "quiet_s longest_wait_s horizons_s"),
    }
    return [("outcomes", row)]


def _settled(entry: Row, payload: Row) -> Rows:
    row = {
        **_stamp(entry),
        **_owner(entry),
        **_pick(payload, "suggestion_id client_time level settled_by region_changed"),
        **_pick(payload, "undone branch_switch bulk_change"),
    }
    if payload["level"] != "full":
        return [("settlements", row)]
    content = {
        "ingest_seq": entry["ingest_seq"],
        **_pick(payload, "suggestion_id settled_text accepted_text"),
    }
    return [("settlements", row), ("settlement_content", content)]


def _survival(entry: Row, payload: Row) -> Rows:
    row = {
        **_stamp(entry),
        **_owner(entry),
        **_pick(payload, "suggestion_id client_time horizon_s observed"),
        **_pick(payload, "retained four_grams reverted age_s"),
        "is_last": payload["last"],
    }
    return [("survivals", row)]


def _loss(entry: Row, payload: Row) -> Rows:
    row = {
        **_stamp(entry),
        **_owner(entry),
        "producer": entry["producer"],
        **_pick(payload, "session workspace client_time texts events"),
        **_client(payload),
    }
    return [("losses", row)]


def _policy(entry: Row, payload: Row) -> Rows:
    text = json.dumps(payload, ensure_ascii=False, sort_keys=True)
    return [
        ("policies", {**_stamp(entry), **_pick(payload, "name status parent"), "payload": text})
    ]


def _decision(entry: Row, payload: Row) -> Rows:
    inputs = json.dumps(payload["inputs"], ensure_ascii=False, sort_keys=True)
    row = {**_stamp(entry), **_pick(payload, "policy passed why"), "inputs": inputs}
    return [("decisions", row)]


def _batch(entry: Row, payload: Row) -> Rows:
    ids = payload["suggestion_ids"]
    head = {**_stamp(entry), **_pick(payload, "number as_of"), "items": len(ids)}
    stamp = {"ingest_seq": entry["ingest_seq"], "number": payload["number"]}
    return [("batches", head), *(("batch_items", {**stamp, "suggestion_id": i}) for i in ids)]


def _batch_state(entry: Row, payload: Row) -> Rows:
    return [("batch_states", {**_stamp(entry), **_pick(payload, "number state policy")})]


_PROJECTIONS: Mapping[str, Callable[[Row, Row], Rows]] = {
    "suggestion": _suggestion,
    "outcome": _outcome,
    "settled": _settled,
    "survival": _survival,
    "loss": _loss,
    "policy": _policy,
    "decision": _decision,
    "batch": _batch,
    "batch_state": _batch_state,
}


def _stamp(entry: Row) -> Row:
    return {"ingest_seq": entry["ingest_seq"], "received_at": entry["received_at"]}


def _owner(entry: Row) -> Row:
    return {"user_id": entry["user"], "team": entry["team"]}


def _client(payload: Row) -> Row:
    client = payload["client"]
    return {"client_name": client["name"], "client_version": client.get("version", "")}


def _pick(payload: Row, names: str) -> Row:
    """Take the named fields; one that an older release did not write yet is None."""
    return {name: payload.get(name) for name in names.split()}


def _length(ids: list[int] | None) -> int | None:
    return None if ids is None else len(ids)


def _time(epoch_s: float) -> str:
    """Return a wall-clock time as DuckDB reads a TIMESTAMP: ISO 8601, UTC, without offset."""
    return datetime.fromtimestamp(epoch_s, UTC).replace(tzinfo=None).isoformat()

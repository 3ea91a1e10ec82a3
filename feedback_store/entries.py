"""What the store is given and what it writes: entries, checked and stripped to their level.

Knows the kinds of entry and what each payload must hold. Does not know files, tables or threads.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from feedback_store.errors import InvalidEntry
from feedback_store.events import (
    Decision,
    FeedbackBatch,
    FeedbackLevel,
    Frozen,
    LossEvent,
    OutcomeEvent,
    SettledEvent,
    SurvivalEvent,
)
from feedback_store.rows import SuggestionRow

FEEDBACK_KINDS = ("outcome", "settled", "survival")
_COMPILED = TypeAdapter(dict[str, Any])
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Something to store. `seq` rises per producer; `payload` is plain JSON."""

    producer: str
    seq: int
    kind: str
    """suggestion, outcome, settled, survival, loss, policy, decision, batch, batch_state, erasure,
    audit."""
    user: str
    team: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ack:
    """The promise that everything up to `high_water` is on disk, in log and database."""

    stored: int
    duplicates: int
    """Entries at or below the producer's high-water mark: not stored again."""
    quarantined: int
    """Of the stored ones, those kept apart: feedback on unknown or foreign suggestions."""
    high_water: int


class PolicyRecord(BaseModel):
    """Payload of `policy`: a version changed its status. Further keys are kept as they are."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(min_length=1)
    status: str
    parent: str | None = None


class BatchRecord(BaseModel):
    """Payload of `batch`: these suggestions belong to this batch and to no other."""

    model_config = ConfigDict(extra="forbid")
    number: int = Field(ge=1)
    as_of: int = Field(ge=0)
    """The batch shows what was known at this ingest_seq; what came later changes nothing."""
    suggestion_ids: tuple[str, ...]


class BatchState(BaseModel):
    """Payload of `batch_state`: a batch was spent by a policy, or is offered again."""

    model_config = ConfigDict(extra="forbid")
    number: int = Field(ge=1)
    state: Literal["spent", "offered", "expired"]
    """`expired`: it was kept long enough, and its folder was deleted."""
    policy: str | None = None


class Erasure(BaseModel):
    """Payload of `erasure`: a tombstone. Nothing of this user is stored or exported any more."""

    model_config = ConfigDict(extra="forbid")
    erased_user: str = Field(min_length=1)
    state: Literal["asked", "done"]
    report: dict[str, Any] | None = None


class Audit(BaseModel):
    """Payload of `audit`: what an administrator had done."""

    model_config = ConfigDict(extra="forbid")
    who: str
    action: str
    detail: dict[str, Any]


_PAYLOADS: dict[str, type[BaseModel]] = {
    "suggestion": SuggestionRow,
    "outcome": OutcomeEvent,
    "settled": SettledEvent,
    "survival": SurvivalEvent,
    "loss": LossEvent,
    "policy": PolicyRecord,
    "decision": Decision,
    "batch": BatchRecord,
    "batch_state": BatchState,
    "erasure": Erasure,
    "audit": Audit,
}


def entries_of(batch: FeedbackBatch, user: str, team: str) -> list[NewEntry]:
    """Return a client's feedback as entries, stamped with who the credential says sent it."""
    return [
        NewEntry(batch.producer, event.seq, event.kind, user, team, event.model_dump(mode="json"))
        for event in batch.events
    ]


def check(entries: Sequence[NewEntry]) -> list[bytes]:
    """Return the payloads as JSON; InvalidEntry unless each can be logged and projected.

    The log keeps an entry forever, so what could break the projection is refused here.
    """
    latest: dict[str, int] = {}
    texts: list[bytes] = []
    for entry in entries:
        if not entry.producer or entry.seq < 1 or entry.seq > 2**63 - 1:
            raise InvalidEntry(f"{_where(entry)}: needs a producer and a seq from 1 to 2**63 - 1")
        if entry.seq <= latest.get(entry.producer, 0):
            raise InvalidEntry(f"{_where(entry)}: seq goes back within one batch; it must rise")
        latest[entry.producer] = entry.seq
        texts.append(_checked(entry))
    return texts


def _checked(entry: NewEntry) -> bytes:
    shape = _PAYLOADS.get(entry.kind)
    if shape is None:
        kinds = list(_PAYLOADS)
        raise InvalidEntry(f"{_where(entry)}: unknown kind {entry.kind!r}, not of {kinds}")
    try:
        # The compiled encoder is four times faster, but spells NaN; these shapes refuse it.
        fast = issubclass(shape, Frozen)
        text = payload_json(entry.payload) if fast else to_json(entry.payload)
        shape.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(step) for step in problem["loc"])
        text = f"{_where(entry)} ({entry.kind}): {field}: {problem['msg']}"
        raise InvalidEntry(text) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidEntry(f"{_where(entry)} ({entry.kind}) is not plain JSON: {error}") from None
    return text


def _where(entry: NewEntry) -> str:
    return f"entry {entry.seq} of producer {entry.producer!r}"


def payload_json(payload: dict[str, Any]) -> bytes:
    """Return a checked payload as JSON, by the compiled encoder."""
    return _COMPILED.dump_json(payload)


def to_json(value: Any) -> bytes:
    """Return compact JSON in UTF-8; ValueError for NaN, infinities and lone surrogates."""
    return _ENCODER.encode(value).encode("utf-8")


def level_of(entry: NewEntry) -> FeedbackLevel:
    """Return the level that the entry itself asks for; operations are recorded in full."""
    if entry.kind != "suggestion" and entry.kind not in FEEDBACK_KINDS:
        return FeedbackLevel.FULL
    return FeedbackLevel(entry.payload.get("level", FeedbackLevel.FULL))


def at_level(entry: NewEntry, level: FeedbackLevel) -> NewEntry | None:
    """Return the entry with no more in it than `level` allows; None if that is nothing."""
    if level is FeedbackLevel.OFF:
        return None
    if level is FeedbackLevel.FULL:
        return entry
    if entry.kind == "suggestion":
        row = SuggestionRow.model_validate(entry.payload).without_content()
        return replace(entry, payload=row.model_dump(mode="json"))
    if entry.kind == "settled":
        silent = {"settled_text": None, "accepted_text": None, "level": level.value}
        return replace(entry, payload=entry.payload | silent)
    return replace(entry, payload=entry.payload | {"level": level.value})


def lower(one: FeedbackLevel, other: FeedbackLevel) -> FeedbackLevel:
    """Return the level that records less."""
    order = (FeedbackLevel.OFF, FeedbackLevel.FACTS, FeedbackLevel.FULL)
    return min(one, other, key=order.index)

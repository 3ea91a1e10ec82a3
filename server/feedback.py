"""Feedback: from a client's batch to the store's promise.

Knows levels and who may speak for which producer. Does not know HTTP or how the store keeps it.
"""

import asyncio

from feedback_store.entries import NewEntry, at_level, entries_of, level_of, lower
from feedback_store.events import WIRE_VERSIONS, FeedbackAck, FeedbackBatch, FeedbackLevel
from feedback_store.store import Store
from server.auth import Caller
from server.errors import UnknownWire
from server.exclusions import Exclusions, is_marked

TEXTS = ("settled_text", "accepted_text")
"""Of all that feedback says, only these are code."""


async def take(
    store: Store,
    caller: Caller,
    batch: FeedbackBatch,
    limit: FeedbackLevel,
    exclusions: Exclusions,
) -> FeedbackAck:
    """Store a batch and return once it is on disk, in the log and in the database.

    Of texts with keys in them, and of those about excluded files, only the facts are stored.

    Raises:
        UnknownWire: an event of a version that this release does not know.
        InvalidEntry: the numbers of the batch do not rise.
        StoreUnavailable: nothing was promised; the client sends it again.
    """
    for event in batch.events:
        if event.schema_version not in WIRE_VERSIONS:
            raise UnknownWire(event.schema_version)
    producer = producer_name(caller, batch.producer)
    kept: list[NewEntry] = []
    for entry in entries_of(batch, caller.user, caller.team):
        most = FeedbackLevel.FACTS if await _excluded(entry, exclusions) else FeedbackLevel.FULL
        narrowed = _narrowed(entry, producer, lower(limit, most))
        if narrowed is not None:
            kept.append(narrowed)
    last = batch.events[-1].seq if batch.events else 0
    if not kept:
        return FeedbackAck(high_water=last, stored=0, duplicates=0, quarantined=0)
    ack = await asyncio.wrap_future(store.submit(kept))
    return FeedbackAck(
        high_water=max(ack.high_water, last),
        stored=ack.stored,
        duplicates=ack.duplicates,
        quarantined=ack.quarantined,
    )


def producer_name(caller: Caller, claimed: str) -> str:
    """Return a producer's name in the store: one user cannot advance another's numbers."""
    return f"{caller.user}/{claimed}"


def _narrowed(entry: NewEntry, producer: str, limit: FeedbackLevel) -> NewEntry | None:
    mine = NewEntry(producer, entry.seq, entry.kind, entry.user, entry.team, entry.payload)
    return at_level(mine, lower(level_of(entry), limit))


async def _excluded(entry: NewEntry, exclusions: Exclusions) -> bool:
    if is_marked(entry.payload["suggestion_id"]):
        return True
    texts = (entry.payload.get(name) for name in TEXTS)
    return await exclusions.holds(*filter(None, texts))

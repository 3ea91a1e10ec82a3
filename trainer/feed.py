"""Which feedback a cycle learns from: batches at hand, a fresh export, replay of older ones.

Knows batch states and how a batch is capped and parted. Does not know training. A batch is spent
only by a policy that passed the gate; a refused one's is offered again, up to a bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.prompts.profile import ModelProfile
from trainer import noise
from trainer.batches import Row, Split, read_batch, split
from trainer.config import TrainerSettings
from trainer.gateway import Gateway
from trainer.label_noise import LabelNoise, measure
from trainer.records import interrupted, refusals

BATCHES = "batches"


@dataclass(frozen=True)
class Feed:
    """What one cycle learns from and is judged by."""

    batches: tuple[int, ...]
    parts: Split
    replay: list[Row]
    counts: dict[str, int]
    """How many rows came, and why others were left out."""
    label_noise: LabelNoise
    """Of all that came, before anything was chosen."""

    @property
    def train(self) -> list[Row]:
        """New feedback and replay of old."""
        return [*self.parts.train, *self.replay]


@dataclass(frozen=True)
class Waiting:
    """There is not enough feedback for a cycle."""

    ready: int
    needed: int


def collect(gateway: Gateway, settings: TrainerSettings, profile: ModelProfile) -> "Feed | Waiting":
    """Return the feedback for the next cycle, exporting what is ready.

    After a run that did not end, that is the same feedback again: it goes on with it.

    Raises:
        BadBatch: a batch cannot be read.
        GatewayError: the gateway is away or refuses.
    """
    data, asked = settings.data.folder, settings.batch
    numbers, items, ready = _pending(gateway, data, asked.max_offers)
    begun = interrupted(data).get("batches", [])
    if begun and set(begun) <= set(numbers):
        numbers = list(begun)
    elif items < asked.max_items:
        found = gateway.export_batch(max(1, asked.min_items - items), asked.max_items - items)
        ready = items + int(found.get("ready", 0))
        if "number" in found:
            numbers.append(int(found["number"]))
            items += int(found["items"])
    if not numbers or items < asked.min_items:
        return Waiting(max(ready, items), asked.min_items)
    rows = [row for number in numbers for row in rows_of(data, number, profile)]
    return feed(tuple(numbers), rows, settings, _spent_rows(gateway, settings, profile))


def feed(
    numbers: tuple[int, ...], rows: list[Row], settings: TrainerSettings, spent: list[Row]
) -> Feed:
    """Part and cap `rows`; add replay from `spent`."""
    asked = settings.batch
    parts = split(rows, asked.held_share, settings.gate.min_items)
    users = noise.cap_users(
        parts.train, lambda row: row.user, lambda row: row.suggestion_id, asked.user_share
    )
    kept, idle_dropped = users.items, 0
    if settings.experiment.reward == "product":
        idle = noise.cap_nothing_wanted(
            users.items, _wants_nothing, lambda row: row.suggestion_id, asked.nothing_wanted_share
        )
        kept, idle_dropped = idle.items, idle.dropped
    amount = round(len(kept) * asked.replay_share / (1 - asked.replay_share))
    older = sorted(spent, key=lambda row: noise.stable_hash(row.suggestion_id))[:amount]
    counts = {
        "rows": len(rows),
        "unreliable": sum(row.weight == 0 for row in rows),
        "train": len(kept),
        "held": len(parts.held),
        "holdout": len(parts.holdout),
        "over_user_share": users.dropped,
        "over_nothing_wanted_share": idle_dropped,
        "replay": len(older),
    }
    noisy = measure([row for row in rows if not row.holdout])
    return Feed(numbers, Split(kept, parts.held, parts.holdout), older, counts, noisy)


def rows_of(data: Path, number: int, profile: ModelProfile) -> list[Row]:
    """Return a batch's rows that are about this base model and prompt format."""
    return about(read_batch(data / BATCHES / f"{number:06d}")[0], profile)


def about(rows: Sequence[Row], profile: ModelProfile) -> list[Row]:
    """Return the rows that are about this base model and prompt format."""
    return [
        row
        for row in rows
        if row.base_model == profile.name and row.prompt_format == profile.format.name
    ]


def _pending(gateway: Gateway, data: Path, max_offers: int) -> tuple[list[int], int, int]:
    refused = refusals(data)
    found = [
        batch
        for batch in gateway.batches()
        if batch["state"] != "spent" and refused[int(batch["number"])] < max_offers
    ]
    items = sum(int(batch["items"]) for batch in found)
    return [int(batch["number"]) for batch in found], items, items


def _spent_rows(gateway: Gateway, settings: TrainerSettings, profile: ModelProfile) -> list[Row]:
    """Return what earlier cycles trained on; what they were judged by stays out."""
    if settings.batch.replay_share == 0:
        return []
    found: list[Row] = []
    for batch in gateway.batches():
        folder = settings.data.folder / BATCHES / f"{int(batch['number']):06d}"
        if batch["state"] != "spent" or not folder.is_dir():
            continue
        rows = rows_of(settings.data.folder, int(batch["number"]), profile)
        found += split(rows, settings.batch.held_share, settings.gate.min_items).train
    return found


def _wants_nothing(row: Row) -> bool:
    return row.task(silence=0.2).wants_nothing

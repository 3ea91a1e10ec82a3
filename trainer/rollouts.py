"""One rollout batch: snapshot, sample, record, score, compare; and refill where little is left.

Knows the order and what is recorded. Does not know who samples or what an update does.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from trainer import rollout_log
from trainer.adapters import Origin
from trainer.batches import Row
from trainer.config import Method
from trainer.groups import Compared, Scored, compare, demonstrations
from trainer.rollout_log import Sampled
from trainer.run_state import Place
from trainer.sampler import Sampling
from trainer.workbench import Bench

TOO_MANY_DROPPED = 0.5


@dataclass(frozen=True)
class RolloutBatch:
    """What was made of some rows of the plan, and where the plan stands then."""

    place: Place
    compared: Compared
    seconds: float
    """Of sampling."""


def rollout_batch(bench: Bench, queue: Sequence[Row], place: Place, origin: Origin) -> RolloutBatch:
    """Use the next rows of the plan, and more of them where most groups carry no signal."""
    train = bench.settings.train
    if not train.method.compares:
        rows, place = _next(bench, queue, place)
        return RolloutBatch(place, demonstrations(rows, bench.reader), 0.0)
    began = time.monotonic()
    scored, place = _drawn(bench, queue, place, origin)
    for _ in range(train.refills):
        if place.rows >= len(queue) or not _too_few(_compared(bench, scored, place.draws)):
            break
        more, place = _drawn(bench, queue, place, origin)
        scored += more
    return RolloutBatch(place, _compared(bench, scored, place.draws), time.monotonic() - began)


def _next(bench: Bench, queue: Sequence[Row], place: Place) -> tuple[Sequence[Row], Place]:
    train = bench.settings.train
    rows = queue[place.rows : place.rows + train.groups * train.updates]
    return rows, replace(place, rows=place.rows + len(rows))


def _too_few(compared: Compared) -> bool:
    return compared.metrics["dropped_groups"] > TOO_MANY_DROPPED * compared.metrics["groups"]


def _drawn(
    bench: Bench, queue: Sequence[Row], place: Place, origin: Origin
) -> tuple[list[Scored], Place]:
    """Sample the next rows, unless that is recorded, and score the answers."""
    rows, place = _next(bench, queue, place)
    place = replace(place, draws=place.draws + 1)
    sampled = None
    if bench.peers.leads:
        sampled = rollout_log.read(bench.run.folder, place.draws, rows)
        if sampled is None:
            sampled = sample(bench, rows, place.draws, replace(origin, step=place.draws))
            rollout_log.write(bench.run.folder, sampled)
    groups = bench.peers.told(sampled and sampled.groups)
    scored = [bench.reader.score(row, group) for row, group in zip(rows, groups, strict=True)]
    return _noisy(bench, scored, place.draws), place


def _noisy(bench: Bench, scored: list[Scored], draw: int) -> list[Scored]:
    """Put an experiment's noise on: the same for all methods, and when a run is resumed."""
    experiment, seed = bench.settings.experiment, bench.settings.train.seed
    if experiment.noise == "none":
        return scored
    return [
        bench.reader.noisy(one, experiment.noise, experiment.noise_share, [seed, draw, number])
        for number, one in enumerate(scored)
    ]


def _compared(bench: Bench, scored: Sequence[Scored], draw: int) -> Compared:
    settings = bench.settings
    seed = settings.train.seed * 1_000_003 + draw
    budget = bench.reader.max_tokens([one.row for one in scored])
    compared = compare(scored, settings.train, settings.experiment, seed, budget)
    if settings.train.method is not Method.GAPO_SFT:
        return compared
    shown = demonstrations([one.row for one in scored if one.hopeless], bench.reader)
    return replace(compared, demonstrations=shown.demonstrations)


def sample(bench: Bench, rows: Sequence[Row], draw: int, origin: Origin) -> Sampled:
    """Publish the policy as it is now, and sample every row's group from it."""
    train = bench.settings.train
    seed = (train.seed * 10_007 + draw) * 100_003 % 2**31
    sampling = Sampling(
        samples=train.samples,
        max_tokens=bench.reader.max_tokens(rows),
        seed=seed,
        stop_token_ids=bench.policy.stop_ids,
    )
    folder = bench.shelf.publish_snapshot(bench.policy.state(), origin)
    name = bench.sampler.offer(folder)
    try:
        groups = bench.sampler.sample(name, [row.prompt_token_ids for row in rows], sampling)
    finally:
        bench.sampler.withdraw(name)
        bench.shelf.remove_snapshot(name)
    return Sampled(draw, name, bench.sampler.engine, seed, rows, groups)

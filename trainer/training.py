"""The training loop: rollouts, then updates on them; again and again.

Knows the order of things and what is recorded when. Does not know where rows come from, who
samples, or what happens to the adapter afterwards. A run that was killed goes on from its last
state and its recorded rollouts, and on a CPU ends with the same bits.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from trainer import run_report, run_state
from trainer.adapters import Origin
from trainer.batches import Row
from trainer.config import TrainerSettings
from trainer.examples import Examples
from trainer.groups import Compared
from trainer.loss import LossSettings
from trainer.model import AdapterState
from trainer.rollouts import TOO_MANY_DROPPED, rollout_batch
from trainer.update import Learner, UpdateSettings
from trainer.workbench import Bench

Metrics = dict[str, float]


def learner(bench: Bench, parent: AdapterState) -> Learner:
    """Return a learner that starts from `parent`, which is also its anchor."""
    train = bench.settings.train
    bench.policy.load_state(parent)
    settings = UpdateSettings(
        learning_rate=train.learning_rate or bench.profile.lora.learning_rate,
        warmup_steps=train.warmup_steps,
        max_grad_norm=train.max_grad_norm,
        micro_batch_tokens=train.micro_batch_tokens,
        imitation=train.imitation if train.method.compares else 1.0,
        by_answer=train.mean == "answer",
        loss=LossSettings(
            clip_low=train.clip_low, clip_high=train.clip_high, kl_weight=train.kl_weight
        ),
    )
    return Learner(bench.policy, parent, settings, bench.peers)


def plan(rows: Sequence[Row], settings: TrainerSettings) -> list[Row]:
    """Return the rows in the order in which they are used: every pass in one of its own."""
    generator = random.Random(settings.train.seed)
    amount = max(1, round(settings.train.passes * len(rows)))
    ordered: list[Row] = []
    while rows and len(ordered) < amount:
        ordered += generator.sample(list(rows), len(rows))
    return ordered[:amount]


def train(bench: Bench, start: Learner, rows: Sequence[Row], origin: Origin) -> list[Metrics]:
    """Take all updates on `rows`; the learner's policy holds the result. Return their metrics."""
    queue = [] if bench.settings.experiment.zero_steps else plan(rows, bench.settings)
    last = bench.settings.train.max_steps or len(queue)
    place = run_state.restore(bench.run, start)
    history = _taken_before(bench, place.updates)
    name = f"train ({bench.settings.train.method.value})"
    with bench.display.phase(name, len(queue), before=place.rows) as advance:
        while place.rows < len(queue) and place.updates < last:
            used = place.rows
            batch = rollout_batch(bench, queue, place, origin)
            place = batch.place
            for metrics in _updates(bench, start, batch.compared, last - place.updates):
                place = replace(place, updates=place.updates + 1)
                sampled = {"rollout_s": batch.seconds, "draws": float(place.draws)}
                history.append({"step": float(place.updates), **metrics, **sampled})
                if bench.peers.leads:
                    bench.run.measure(**history[-1])
            if bench.peers.leads:
                run_state.save(bench.run, start, place)
            advance(place.rows - used, _note(history[-1]))
    _conclude(bench, start, history)
    return history


def _updates(bench: Bench, start: Learner, compared: Compared, most: int) -> Iterator[Metrics]:
    """Take a rollout batch's updates, each on its share of the groups."""
    amount = bench.settings.train.updates
    groups = start.remember(compared.groups) if amount > 1 else compared.groups
    for turn in range(min(amount, most)):
        examples = Examples(groups[turn::amount], compared.demonstrations[turn::amount])
        began = time.monotonic()
        taken = start.step(examples)
        yield {**compared.metrics, **taken, "total_s": time.monotonic() - began}


def _taken_before(bench: Bench, updates: int) -> list[Metrics]:
    """Return what an interrupted run measured of the updates that need not be taken again."""
    if bench.peers.leads:
        bench.run.forget_after(updates)
    return bench.peers.told(bench.run.measured())


def _conclude(bench: Bench, start: Learner, history: Sequence[Metrics]) -> None:
    if not bench.peers.leads:
        return
    run_report.write(bench.run.folder, history)
    bench.run.describe(shares_prefix=start.shares_prefix, skipped_steps=start.skipped)
    if not start.shares_prefix:
        bench.display.say("prompts were computed once per answer: sharing them failed its check")
    dropped = sum(one.get("dropped_groups", 0.0) for one in history)
    seen = sum(one.get("groups", 0.0) for one in history)
    if dropped > TOO_MANY_DROPPED * seen:
        bench.display.say(
            f"{dropped / seen:.0%} of the groups told nothing, their answers being worth the same; "
            "more answers per prompt ([train] samples) or refills ([train] refills) may help"
        )


def _note(metrics: Metrics) -> str:
    if "reward" not in metrics:
        return f"likelihood {-metrics.get('nll', 0.0):.3f}"
    return (
        f"reward {metrics['reward']:.3f}  exact {metrics['exact']:.2f}  "
        f"silence {metrics['silence']:.2f}  KL {metrics.get('kl', 0.0):.3f}"
    )

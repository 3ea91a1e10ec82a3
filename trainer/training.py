"""The training loop: snapshot, rollouts, rewards, update; again and again.

Knows the order of things and what is recorded when. Does not know where rows come from, who
samples, or what happens to the adapter afterwards. Rollouts are on disk before they are used, and
a step whose rollouts are recorded is not sampled again.
"""

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from server.prompts.profiles import ModelProfile
from trainer import rollout_log
from trainer.adapters import Origin, Shelf
from trainer.batches import Row
from trainer.config import TrainerSettings
from trainer.groups import Compared, Reader, compare, demonstrations, is_group_relative
from trainer.loss import LossSettings
from trainer.model import AdapterState, Policy
from trainer.progress import Display
from trainer.records import RunFolder
from trainer.rollout_log import Sampled
from trainer.sampler import Sampler, Sampling
from trainer.update import Learner, UpdateSettings

Metrics = dict[str, float]


@dataclass(frozen=True)
class Bench:
    """Everything that stands on the workbench during one run."""

    settings: TrainerSettings
    policy: Policy
    reader: Reader
    sampler: Sampler
    shelf: Shelf
    run: RunFolder
    display: Display

    @property
    def profile(self) -> ModelProfile:
        """The base model's profile."""
        return self.policy.profile


def learner(bench: Bench, parent: AdapterState) -> Learner:
    """Return a learner that starts from `parent`, which is also its anchor."""
    train = bench.settings.train
    bench.policy.load_state(parent)
    return Learner(
        bench.policy,
        parent,
        UpdateSettings(
            learning_rate=train.learning_rate or bench.profile.lora.learning_rate,
            warmup_steps=train.warmup_steps,
            max_grad_norm=train.max_grad_norm,
            micro_batch_tokens=train.micro_batch_tokens,
            imitate=not is_group_relative(train.method),
            loss=LossSettings(kl_weight=train.kl_weight),
        ),
    )


def plan(rows: Sequence[Row], settings: TrainerSettings) -> list[list[Row]]:
    """Return which rows each update takes: every pass in an order of its own."""
    train, ordered = settings.train, []
    generator = random.Random(train.seed)
    amount = math.ceil(train.passes * len(rows))
    while len(ordered) < amount:
        ordered += generator.sample(list(rows), len(rows))
    ordered = ordered[:amount]
    steps = [ordered[i : i + train.groups] for i in range(0, amount, train.groups)]
    return steps[: train.max_steps] if train.max_steps else steps


def train(bench: Bench, start: Learner, rows: Sequence[Row], origin: Origin) -> list[Metrics]:
    """Take all updates on `rows`; the learner's policy holds the result. Return their metrics."""
    steps = [] if bench.settings.experiment.zero_steps else plan(rows, bench.settings)
    history: list[Metrics] = []
    with bench.display.phase(f"train ({bench.settings.train.method.value})", len(steps)) as advance:
        for number, chosen in enumerate(steps, start=1):
            began = time.monotonic()
            compared, sampled_s = _groups(bench, chosen, number, replace(origin, step=number))
            metrics = {
                "step": float(number), **compared.metrics, "rollout_s": sampled_s,
                **start.step(compared.groups), "total_s": time.monotonic() - began,
            }  # fmt: skip
            bench.run.measure(**metrics)
            history.append(metrics)
            advance(1, _note(metrics))
    bench.run.describe(shares_prefix=start.shares_prefix, skipped_steps=start.skipped)
    if not start.shares_prefix:
        bench.display.say("prompts were computed once per answer: sharing them failed its check")
    return history


def _groups(bench: Bench, rows: Sequence[Row], step: int, origin: Origin) -> tuple[Compared, float]:
    if not is_group_relative(bench.settings.train.method):
        return demonstrations(rows, bench.reader), 0.0
    began = time.monotonic()
    sampled = rollout_log.read(bench.run.folder, step, rows)
    if sampled is None:
        sampled = sample(bench, rows, step, origin)
        rollout_log.write(bench.run.folder, sampled)
    seconds = time.monotonic() - began
    scored = [
        bench.reader.score(row, group)
        for row, group in zip(sampled.rows, sampled.groups, strict=True)
    ]
    settings = bench.settings
    seed = settings.train.seed * 1_000_003 + step
    return compare(scored, settings.train, settings.experiment, seed), seconds


def sample(bench: Bench, rows: Sequence[Row], step: int, origin: Origin) -> Sampled:
    """Publish the policy as it is now, and sample every row's group from it."""
    train = bench.settings.train
    seed = (train.seed * 10_007 + step) * 100_003 % 2**31
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
    return Sampled(step, name, bench.sampler.engine, seed, rows, groups)


def _note(metrics: Metrics) -> str:
    if "reward" not in metrics:
        return f"likelihood {-metrics.get('nll', 0.0):.3f}"
    return (
        f"reward {metrics['reward']:.3f}  exact {metrics['exact']:.2f}  "
        f"silence {metrics['silence']:.2f}  KL {metrics.get('kl', 0.0):.3f}"
    )

"""`make bench-gapo`, part 1: whose advantages point where the clean gradient points?

See `results/gapo-plan.md`. Since a sample's gradient depends on its answer alone, and an update is
a weighted sum of gradients, cosines need no more than the inner products of the distinct answers'
gradients: one matrix, computed once.

    python -m tests.bench.gapo_alignment [--prompts N] [--redraws N]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from deploy.demo.report import versions
from tests.bench.gapo_tasks import rows_of
from tests.e2e.feedback import small_sets
from trainer.advantage import estimate
from trainer.batches import Row
from trainer.config import TrainerSettings
from trainer.corruption import NOISES, Floats, Rewards
from trainer.estimators import ESTIMATORS
from trainer.groups import Reader
from trainer.logprobs import Group, answer_logprobs
from trainer.model import Policy, load_policy
from trainer.progress import Display
from trainer.sampler import Sampling
from trainer.torch_sampler import TorchSampler

SAMPLES, GROUP, PROFILE = 64, 8, "hone-tiny"
SHARE = 0.2
"""Of what a noise corrupts."""
BOOTSTRAPS = 200
TINY = 1e-30


@dataclass(frozen=True)
class Prompts:
    """All that redraws need."""

    rewards: Sequence[Rewards]
    first: Sequence[int]
    """Where each prompt's distinct answers begin among all."""
    products: Floats
    """(answers, answers) inner products of the distinct answers' gradients."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and write `gapo-alignment.json`."""
    given = _parser().parse_args(arguments)
    display = Display()
    settings = TrainerSettings()
    from server.prompts.profiles import profile_for

    policy = load_policy(settings.model_folder(), profile_for(PROFILE), "cpu")
    prompts = measured(policy, given.prompts, display)
    methods = sorted(ESTIMATORS)
    found = {}
    with display.phase("redraws", len(NOISES) * given.redraws) as advance:
        for noise in NOISES:
            found[noise] = aligned(prompts, noise, methods, given.redraws, advance)
    report = {noise: summary(cosines, methods) for noise, cosines in found.items()}
    record = {
        "alignment": report, "prompts": given.prompts, "samples": SAMPLES, "group": GROUP,
        "share": SHARE, "redraws": given.redraws, "versions": versions(),
        "mean_reward": float(np.mean([one.clean.mean() for one in prompts.rewards])),
    }  # fmt: skip
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "gapo-alignment.json").write_text(json.dumps(record, indent=2) + "\n")
    _show(report, methods)
    return 0


def measured(policy: Policy, wanted: int, display: Display) -> Prompts:
    """Sample, score and differentiate until `wanted` prompts have answers of different worth."""
    reader, sampler = Reader(policy.profile, policy.tokenizer), TorchSampler(policy)
    rewards: list[Rewards] = []
    gradients: list[torch.Tensor] = []
    first: list[int] = []
    with display.phase("prompts", wanted) as advance:
        for row in rows_of(small_sets(4 * wanted, 8).learning, policy):
            rollouts = sampler.sample(None, [row.prompt_token_ids], _sampling(policy, reader, row))
            scored = reader.score(row, rollouts[0])
            if max(scored.rewards) - min(scored.rewards) < 0.02:
                continue
            ids = [rollout.token_ids for rollout in scored.rollouts]
            distinct = list(dict.fromkeys(ids))
            first.append(len(gradients))
            gradients += [_gradient(policy, row, answer) for answer in distinct]
            rewards.append(_rewards(reader, row, scored.answers, ids, distinct, scored.rewards))
            advance(1, f"{len(gradients)} gradients")
            if len(rewards) == wanted:
                break
    stacked = torch.stack(gradients)
    return Prompts(rewards, first, (stacked @ stacked.T).double().numpy())


def _sampling(policy: Policy, reader: Reader, row: Row) -> Sampling:
    most = reader.max_tokens([row])
    return Sampling(SAMPLES, most, seed=1, stop_token_ids=policy.stop_ids)


def _gradient(policy: Policy, row: Row, answer: Sequence[int]) -> torch.Tensor:
    total = answer_logprobs(policy, [Group(row.prompt_token_ids, [answer])]).sum()
    found = torch.autograd.grad(total, [parameter for _, parameter in policy.trainable()])
    return torch.cat([part.flatten() for part in found])


def _rewards(
    reader: Reader,
    row: Row,
    answers: Sequence[str | None],
    ids: Sequence[tuple[int, ...]],
    distinct: Sequence[tuple[int, ...]],
    clean: Sequence[float],
) -> Rewards:
    text = dict(zip(ids, answers, strict=True))
    if_right = np.array([reader.worth([text[a] for a in distinct], row, text[r]) for r in distinct])
    place = {answer: number for number, answer in enumerate(distinct)}
    of_sample = np.array([place[answer] for answer in ids])
    return Rewards(np.array(clean), of_sample, if_right.__getitem__)


def aligned(
    prompts: Prompts, noise: str, methods: Sequence[str], redraws: int, advance: Any
) -> Floats:
    """Return cosines: (redraws, methods, prompt draws, 2), to the clean gradient and to its own.

    The first prompt draw is all prompts once; the others are bootstraps.
    """
    rng = np.random.default_rng(7)
    amount = len(prompts.rewards)
    draws: Floats = np.vstack(
        [np.ones(amount), rng.multinomial(amount, np.full(amount, 1 / amount), BOOTSTRAPS)]
    ).astype(np.float64)
    targets = [Target(prompts, method, draws) for method in ("dr_grpo", *methods)]
    found = np.empty((redraws, len(methods), len(draws), 2))
    for redraw in range(redraws):
        seed = np.random.default_rng([11, redraw])
        chosen = [seed.choice(SAMPLES, GROUP, replace=False) for _ in prompts.rewards]
        seen = [
            NOISES[noise](of, pick, SHARE, seed)
            for of, pick in zip(prompts.rewards, chosen, strict=True)
        ]
        for number, method in enumerate(methods):
            weights = _weights(prompts, chosen, seen, method)
            moved = weights @ prompts.products
            own = _summed(moved @ weights.T, draws)
            for side, target in enumerate((targets[0], targets[1 + number])):
                dots = _summed(moved @ target.weights.T, draws)
                found[redraw, number, :, side] = dots / np.sqrt(
                    np.maximum(own * target.norms, TINY)
                )
        advance(1, noise)
    return found


def _clean(prompts: Prompts, method: str) -> Floats:
    everything = [np.arange(SAMPLES)] * len(prompts.rewards)
    return _weights(prompts, everything, [of.clean for of in prompts.rewards], method)


def _weights(
    prompts: Prompts, chosen: Sequence[Any], seen: Sequence[Floats], method: str
) -> Floats:
    """Return (prompts, answers): what each prompt's samples add to each answer's weight."""
    sizes = [len(pick) for pick in chosen]
    number = np.repeat(np.arange(len(seen)), sizes)
    advantages, keep = estimate(np.concatenate(seen), number, method, return_keep=True)
    answers = np.concatenate(
        [
            start + of.answer[pick]
            for start, of, pick in zip(prompts.first, prompts.rewards, chosen, strict=True)
        ]
    )
    weights = np.zeros((len(seen), len(prompts.products)))
    np.add.at(weights, (number, answers), advantages * keep)
    return weights


class Target:
    """The clean gradient of all samples, as an estimator makes it."""

    def __init__(self, prompts: Prompts, method: str, draws: Floats) -> None:
        self.weights = _clean(prompts, method)
        self.norms = _summed(self.weights @ prompts.products @ self.weights.T, draws)


def _summed(products: Floats, draws: Floats) -> Floats:
    """Return one inner product per draw of prompts: (prompts, prompts) and (draws, prompts)."""
    return ((draws @ products) * draws).sum(1)


def summary(cosines: Floats, methods: Sequence[str]) -> dict[str, Any]:
    """Return per method its mean cosines, and the difference to GRPO with its interval."""
    by_draw = cosines.mean(0)  # (methods, draws, 2)
    grpo = by_draw[list(methods).index("grpo")]
    told = {}
    for number, method in enumerate(methods):
        apart = by_draw[number] - grpo
        low, high = np.quantile(apart[1:, 0], [0.025, 0.975])
        told[method] = {
            "cosine": float(by_draw[number, 0, 0]), "own": float(by_draw[number, 0, 1]),
            "minus_grpo": float(apart[0, 0]), "low": float(low), "high": float(high),
        }  # fmt: skip
    return told


def _show(report: dict[str, Any], methods: Sequence[str]) -> None:
    table = Table(title="cosine to the clean gradient (difference to GRPO, points, 95 %)")
    for column in ("estimator", *report):
        table.add_column(column)
    for method in methods:
        cells = []
        for noise in report:
            one = report[noise][method]
            low, high = 100 * one["low"], 100 * one["high"]
            cells.append(
                f"{one['cosine']:.3f} ({100 * one['minus_grpo']:+.1f}, {low:+.1f} to {high:+.1f})"
            )
        table.add_row(method, *cells)
    Console(width=200).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gapo_alignment")
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--redraws", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())

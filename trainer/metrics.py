"""What suggestions were worth, with intervals: the definitions that demo and evaluation share.

    exact_match  of all tasks with a wanted edit, the share whose suggestion equals it
                 (silence is a miss; line ends and trailing blanks do not count)
    kept_rate    of the lexical tokens that suggestions insert or delete, the share that the true
                 edit inserts or deletes too, pooled over all suggestions
    accept_rate  accepted / shown
    quiet_rate   of the tasks in which nothing was wanted, the share of silence
    coverage     of the other tasks, the share with a suggestion
    pass_at_k    of the tasks with a wanted edit, the chance that one of k samples equals it

Every metric is a sum over tasks divided by another, so differences are bootstrapped the same way:
whole clusters (files) are drawn with replacement, both sides from the same draw.

Knows texts and numbers. Does not know how a suggestion was made.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.reward import normalise

Floats = NDArray[np.float64]
DRAWS = 10_000
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Answer:
    """One task and what was suggested for it."""

    task: str
    cluster: str
    """The file: tasks of one file are not independent."""
    region: str
    wanted: str
    """The region after the true edit; equal to `region` where nothing was wanted."""
    suggestion: str | None
    """The region as suggested; None is silence."""
    accepted: bool = False

    @property
    def wants_edit(self) -> bool:
        return normalise(self.wanted) != normalise(self.region)

    @property
    def shown(self) -> bool:
        return self.suggestion is not None

    @property
    def exact(self) -> bool:
        """Whether the suggestion is the wanted edit."""
        return self.suggestion is not None and normalise(self.suggestion) == normalise(self.wanted)


@dataclass(frozen=True)
class Ratio:
    """A metric as it adds up: per task, a part of the numerator and one of the denominator."""

    numerator: Floats
    denominator: Floats

    @property
    def value(self) -> float | None:
        """The metric, or None where there is nothing to divide by."""
        total = float(self.denominator.sum())
        return float(self.numerator.sum()) / total if total else None


@dataclass(frozen=True)
class Interval:
    """A difference and the ends of its interval; all None where a side has no denominator."""

    value: float | None
    low: float | None
    high: float | None


def ratios(answers: Sequence[Answer]) -> dict[str, Ratio]:
    """Return every metric of `answers`, task by task in their order."""
    wants = _floats(answer.wants_edit for answer in answers)
    shown = _floats(answer.shown for answer in answers)
    exact = _floats(answer.exact for answer in answers)
    accepted = _floats(answer.accepted for answer in answers)
    kept = np.array([kept_tokens(answer) for answer in answers], dtype=float).reshape(-1, 2)
    return {
        "exact_match": Ratio(exact * wants, wants),
        "kept_rate": Ratio(kept[:, 0], kept[:, 1]),
        "accept_rate": Ratio(accepted * shown, shown),
        "quiet_rate": Ratio((1 - shown) * (1 - wants), 1 - wants),
        "coverage": Ratio(shown * wants, wants),
    }


def summary(answers: Sequence[Answer]) -> dict[str, float | int | None]:
    """Return the number of tasks and every metric's value."""
    return {"tasks": len(answers), **{name: r.value for name, r in ratios(answers).items()}}


def differences(
    before: Sequence[Answer], after: Sequence[Answer], *, seed: int = 0, draws: int = DRAWS
) -> dict[str, Interval]:
    """Return after - before per metric, with paired 95 % intervals by cluster.

    Raises:
        ValueError: the two sides are not the same tasks in the same order.
    """
    if [answer.task for answer in before] != [answer.task for answer in after]:
        raise ValueError("before and after must hold the same tasks in the same order")
    clusters = [answer.cluster for answer in before]
    left, right = ratios(before), ratios(after)
    return {
        name: paired_difference(left[name], right[name], clusters, seed=seed, draws=draws)
        for name in left
    }


def paired_difference(
    before: Ratio,
    after: Ratio,
    clusters: Sequence[str],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    draws: int = DRAWS,
) -> Interval:
    """Return after - before and its two-sided percentile interval.

    For a one-sided bound at 90 %, ask for `confidence=0.8` and take its `low`.
    """
    if before.value is None or after.value is None:
        return Interval(None, None, None)
    weights = _cluster_draws(clusters, seed, draws)
    difference = _drawn(after, clusters, weights) - _drawn(before, clusters, weights)
    difference = difference[np.isfinite(difference)]
    value = after.value - before.value
    if not len(difference):
        return Interval(value, None, None)
    tail = (1 - confidence) / 2
    low, high = np.quantile(difference, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def pass_at_k(correct: Sequence[int], samples: int, k: int) -> Ratio:
    """Return the chance that one of `k` samples is right, per task.

    `correct` counts the right ones among `samples` per task; unbiased (arXiv 2107.03374).
    """
    if not 0 < k <= samples:
        raise ValueError(f"pass@{k} needs at least {k} samples, not {samples}")
    missed = [math.comb(samples - right, k) / math.comb(samples, k) for right in correct]
    return Ratio(1 - _floats(missed), np.ones(len(missed)))


def kept_tokens(answer: Answer) -> tuple[int, int]:
    """Return how many of the tokens that a suggestion changes the true edit changes too, of all."""
    if answer.suggestion is None:
        return 0, 0
    inserted, deleted = changed_tokens(answer.region, answer.suggestion)
    truly_inserted, truly_deleted = changed_tokens(answer.region, answer.wanted)
    kept = (inserted & truly_inserted).total() + (deleted & truly_deleted).total()
    return kept, inserted.total() + deleted.total()


def changed_tokens(old: str, new: str) -> tuple[Counter[str], Counter[str]]:
    """Return the lexical tokens that going from `old` to `new` inserts and deletes."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    inserted: Counter[str] = Counter()
    deleted: Counter[str] = Counter()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            deleted.update(before[i1:i2])
            inserted.update(after[j1:j2])
    return inserted, deleted


def as_dict(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Return intervals as reports hold them."""
    return {
        name: {"value": interval.value, "low": interval.low, "high": interval.high}
        for name, interval in intervals.items()
    }


def _floats(values: Iterable[float]) -> Floats:
    return np.array([float(value) for value in values], dtype=np.float64)


def _cluster_draws(clusters: Sequence[str], seed: int, draws: int) -> Floats:
    """Return how often each cluster occurs in each draw: (draws, clusters)."""
    amount = len(set(clusters))
    generator = np.random.default_rng(seed)
    return generator.multinomial(amount, np.full(amount, 1 / amount), size=draws).astype(float)


def _drawn(ratio: Ratio, clusters: Sequence[str], weights: Floats) -> Floats:
    _, index = np.unique(np.array(clusters), return_inverse=True)
    numerator = np.bincount(index, ratio.numerator, minlength=weights.shape[1])
    denominator = np.bincount(index, ratio.denominator, minlength=weights.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights @ numerator) / (weights @ denominator)

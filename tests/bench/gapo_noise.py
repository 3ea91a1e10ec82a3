"""The noises of `bench-gapo`: rewards of some samples, corrupted as feedback is.

Knows rewards. Does not know who samples or learns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHARE = 0.2
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rewards:
    """The rewards of one prompt's samples, each sample being one of the distinct answers."""

    clean: Floats
    """(samples,)"""
    answer: NDArray[np.int64]
    """(samples,) which of the distinct answers it is."""
    if_right: Floats
    """(answers, answers) what an answer (column) is worth if another (row) is the reference."""
    commonest: int
    """The answer that was sampled most often."""


Noise = Callable[[Rewards, NDArray[np.int64], np.random.Generator], Floats]
"""The rewards of the samples with these numbers."""


def _uniform(of: Rewards, chosen: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    return _single(of, chosen, rng, rng.random(len(chosen)))


def _raised(of: Rewards, chosen: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    return _single(of, chosen, rng, np.ones(len(chosen)))


def _lowered(of: Rewards, chosen: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    return _single(of, chosen, rng, np.zeros(len(chosen)))


def _single(
    of: Rewards, chosen: NDArray[np.int64], rng: np.random.Generator, instead: Floats
) -> Floats:
    return np.where(rng.random(len(chosen)) < SHARE, instead, of.clean[chosen])


def _reference(of: Rewards, chosen: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    wrong = np.unique(of.answer[of.clean < 1])
    if rng.random() >= SHARE or not len(wrong):
        return of.clean[chosen]
    return of.if_right[rng.choice(wrong)][of.answer[chosen]]


def _refused(of: Rewards, chosen: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    rewards = of.clean[chosen].copy()
    if rng.random() < SHARE:
        said = of.answer[chosen] == of.commonest
        rewards[said] = np.where(rewards[said] == 1, 0.0, 1.0)
    return rewards


def _none(of: Rewards, chosen: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    return of.clean[chosen]


NOISES: Mapping[str, Noise] = {
    "none": _none,
    "uniform": _uniform,
    "raised": _raised,
    "lowered": _lowered,
    "reference": _reference,
    "refused": _refused,
}

"""Noise of known kind and rate, put on rewards for experiments.

    uniform    a single reward becomes uniform in [0, 1]
    raised     a single reward becomes 1: a wrong answer that somebody took
    lowered    a single reward becomes 0: a right answer that somebody undid
    reference  a group is scored against one of its own wrong answers, silence among them (and what
               is no edit, which counts as silence): a wrong settled text
    refused    a group's commonest answer: 0 where it was right, 1 where it was wrong

Knows rewards and which samples are the same answer. Does not know who samples or learns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Rewards:
    """The rewards of one prompt's samples, each sample being one of the distinct answers."""

    clean: Floats
    """(samples,)"""
    answer: Numbers
    """(samples,) which of the distinct answers it is, numbered as they first occur."""
    if_right: Callable[[int], Floats]
    """(answers,): what the distinct answers are worth if the one with this number is right."""

    @property
    def commonest(self) -> int:
        """The answer that was sampled most often."""
        return int(np.bincount(self.answer).argmax())


Noise = Callable[[Rewards, Numbers, float, np.random.Generator], Floats]
"""The rewards of the chosen samples, of which this share is corrupted."""


def corrupted(kind: str, of: Rewards, share: float, rng: np.random.Generator) -> Floats:
    """Return all samples' rewards, (samples,), under one noise of `NOISES`."""
    return NOISES[kind](of, np.arange(len(of.clean)), share, rng)


def _none(of: Rewards, chosen: Numbers, share: float, rng: np.random.Generator) -> Floats:
    return of.clean[chosen]


def _uniform(of: Rewards, chosen: Numbers, share: float, rng: np.random.Generator) -> Floats:
    return _single(of, chosen, share, rng, rng.random(len(chosen)))


def _raised(of: Rewards, chosen: Numbers, share: float, rng: np.random.Generator) -> Floats:
    return _single(of, chosen, share, rng, np.ones(len(chosen)))


def _lowered(of: Rewards, chosen: Numbers, share: float, rng: np.random.Generator) -> Floats:
    return _single(of, chosen, share, rng, np.zeros(len(chosen)))


def _single(
    of: Rewards, chosen: Numbers, share: float, rng: np.random.Generator, instead: Floats
) -> Floats:
    return np.where(rng.random(len(chosen)) < share, instead, of.clean[chosen])


def _reference(of: Rewards, chosen: Numbers, share: float, rng: np.random.Generator) -> Floats:
    wrong = np.unique(of.answer[of.clean < 1])
    if rng.random() >= share or not len(wrong):
        return of.clean[chosen]
    return of.if_right(int(rng.choice(wrong)))[of.answer[chosen]]


def _refused(of: Rewards, chosen: Numbers, share: float, rng: np.random.Generator) -> Floats:
    rewards = of.clean[chosen].copy()
    if rng.random() < share:
        said = of.answer[chosen] == of.commonest
        rewards[said] = np.where(rewards[said] == 1, 0.0, 1.0)
    return rewards


NOISES: Mapping[str, Noise] = {
    "none": _none,
    "uniform": _uniform,
    "raised": _raised,
    "lowered": _lowered,
    "reference": _reference,
    "refused": _refused,
}

"""What an update learns from: groups of answers with advantages, and references to imitate.

Knows the fields. Does not know how they were made (`groups`) or what is made of them (`update`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class TrainGroup:
    """One prompt's answers with what speaks for each. All lists are alike long."""

    prompt: Sequence[int]
    answers: Sequence[Sequence[int]]
    engine_logprobs: Sequence[Sequence[float]]
    """Under the engine that sampled, per token."""
    advantages: Sequence[float]
    weight: float
    """Reliability of the reference, in [0, 1]."""
    old: Tensor | None = None
    """(tokens,), answer by answer: the trainer's own log-probs at rollout time. None where the
    policy that sampled is the one that is updated, which has them anyway."""
    reference: Tensor | None = None
    """(tokens,): log-probs under the frozen parent; None where they are still to be computed."""

    @property
    def tokens(self) -> int:
        """Of all answers together."""
        return sum(len(answer) for answer in self.answers)


@dataclass(frozen=True)
class Demonstration:
    """A reference as an answer, to be made likely."""

    prompt: Sequence[int]
    answer: Sequence[int]
    weight: float
    """Reliability of the reference, in [0, 1]."""


@dataclass(frozen=True)
class Examples:
    """All that one update learns from."""

    groups: Sequence[TrainGroup] = ()
    demonstrations: Sequence[Demonstration] = ()

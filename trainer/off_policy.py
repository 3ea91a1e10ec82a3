"""What a new policy would have earned where the live one answered: off-policy estimates, pure.

A logged answer counts by how much likelier the new policy is to give it than the live one was:
self-normalised importance weights, clipped, whose effective number of answers says how far the
estimate may be trusted. Knows log-probabilities and rewards. Does not know models or logs, nor
which answers were drawn (trainer.logged): of a greedy one there is no propensity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.metrics import Interval, Ratio, paired_difference

LARGEST_WEIGHT = 20.0
"""More of one answer would make the estimate that answer's; less of it biases towards the live."""
TRUSTED_SHARE = 0.3
"""Of the answers: with a smaller effective number the estimate is reported and decides nothing."""


@dataclass(frozen=True)
class Logged:
    """Answers that the live policy drew; all sequences alike long."""

    new: Sequence[float] = ()
    live: Sequence[float] = ()
    """Log-probability of the whole answer under either policy, at the temperature of its draw."""
    reward: Sequence[float] = ()
    reliability: Sequence[float] = ()
    session: Sequence[str] = ()


@dataclass(frozen=True)
class Estimate:
    """What the new policy would have earned, and what the live one did."""

    items: int
    effective: float
    """(sum w)² / sum w², of the importance weights w."""
    new: float | None
    live: float | None
    difference: Interval

    @property
    def decides(self) -> bool:
        """Whether the answers are enough like the new policy's to say anything of it."""
        return self.effective > TRUSTED_SHARE * self.items

    def fallen(self, margin: float) -> bool:
        """Whether the reward surely fell, and by more than a margin, as far as this decides."""
        value, high = self.difference.value, self.difference.high
        return self.decides and value is not None and value < -margin and (high or 0.0) < 0


def estimate(logged: Logged, confidence: float, seed: int = 0) -> Estimate:
    """Return the estimate; `confidence` is of a one-sided bound of the difference."""
    items = len(logged.reward)
    if not items:
        return Estimate(0, 0.0, None, None, Interval(None, None, None))
    weight = weights(logged.new, logged.live)
    trust = np.asarray(logged.reliability, dtype=float)
    reward = np.asarray(logged.reward, dtype=float)
    live = Ratio(reward * trust, trust)
    new = Ratio(reward * trust * weight, trust * weight)
    return Estimate(
        items=items,
        effective=effective(weight),
        new=new.value,
        live=live.value,
        difference=paired_difference(
            live, new, logged.session, confidence=2 * confidence - 1, seed=seed
        ),
    )


def weights(new: Sequence[float], live: Sequence[float]) -> np.ndarray:
    """Return the clipped importance weights."""
    # Clipped before the exponential, which would overflow.
    gap = np.asarray(new, dtype=float) - np.asarray(live, dtype=float)
    return np.exp(np.minimum(gap, np.log(LARGEST_WEIGHT)))


def effective(weight: np.ndarray) -> float:
    """Return the effective number of answers: all of them where all weigh the same."""
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square else 0.0

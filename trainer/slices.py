"""Whether a new adapter fails one language or one team, however good it is on the whole.

A slice is far below its own if its mean reward fell by more than a margin, and surely fell at all.
Slices of few items say nothing. Knows rewards by slice. Does not know the gate's other reasons.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trainer.metrics import Ratio, paired_difference

CONFIDENCE = 0.9
"""Of the one-sided bound below which a slice surely fell."""


@dataclass(frozen=True)
class Slice:
    """One language's or team's part of the held-back items."""

    kind: str
    name: str
    items: int
    difference: float
    """Weighted mean reward of the new policy, less that of the live one."""
    high: float | None
    """The upper one-sided bound; None where it cannot be told."""

    def far_below(self, margin: float) -> bool:
        """Whether this slice alone is a reason not to serve."""
        return self.high is not None and self.high < 0 and self.difference < -margin


@dataclass(frozen=True)
class Rewards:
    """Held-back items; all sequences alike long."""

    new: Sequence[float]
    live: Sequence[float]
    weight: Sequence[float]
    session: Sequence[str]
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By kind of slice (language, team), which slice each item is of."""


def slices(rewards: Rewards, least: int, seed: int) -> Iterator[Slice]:
    """Yield the slices of at least `least` items that count."""
    weight = np.asarray(rewards.weight, dtype=float)
    for kind, labels in rewards.labels.items():
        for name in sorted(set(labels)):
            at = np.flatnonzero((np.asarray(labels) == name) & (weight > 0))
            if len(at) < least:
                continue
            live, new = (
                Ratio(np.asarray(side)[at] * weight[at], weight[at])
                for side in (rewards.live, rewards.new)
            )
            sessions = [rewards.session[int(i)] for i in at]
            found = paired_difference(live, new, sessions, confidence=2 * CONFIDENCE - 1, seed=seed)
            if found.value is not None:
                yield Slice(kind, name, len(at), found.value, found.high)


def fallen(found: Sequence[Slice], margin: float) -> str | None:
    """Return why one slice forbids serving, or None; the worst one speaks."""
    bad = sorted((one for one in found if one.far_below(margin)), key=lambda one: one.difference)
    if not bad:
        return None
    worst = bad[0]
    return (
        f"the reward of the {worst.kind} {worst.name!r} fell by {-worst.difference:.4f} on "
        f"{worst.items} items, allowed is {margin:g}"
    )

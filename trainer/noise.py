"""How far a reference may be trusted, and what a batch may hold.

Knows the facts of a suggestion's life and DESIGN section 2's list. Does not know rewards or
tokens. GAPO cannot repair a wrong reference, which misleads a whole group alike; these weights
and caps stand against that.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from feedback_store.events import Outcome

RETAINED_WELL = 0.95
NOTHING_WANTED_SHARE = 0.2
USER_SHARE = 0.5


class Facts(Protocol):
    """What reliability is made of; a batch's row has them all."""

    @property
    def outcome(self) -> str | None: ...
    @property
    def region_changed(self) -> bool: ...
    @property
    def undone(self) -> bool: ...
    @property
    def branch_switch(self) -> bool: ...
    @property
    def bulk_change(self) -> bool: ...
    @property
    def retained_third(self) -> float | None: ...


def reliability(facts: Facts) -> float:
    """Return the weight of the settled text as a reference, in [0, 1].

    0 where something else than the user's will made the text, 0.25 where the region stayed as it
    was (perhaps nobody looked), 1 where the user wrote the text without taking the suggestion.
    An accept is worth less than that: it anchors, and half of the wrong ones stay in the text.
    Then what lasts well is worth *less* than what was changed again, since an edit of an
    accepted text shows that somebody read it.
    """
    spoilt = (Outcome.SUPERSEDED, Outcome.STALE)
    if facts.branch_switch or facts.bulk_change or facts.outcome in spoilt:
        return 0.0
    if not facts.region_changed:
        return 0.25
    if facts.outcome == Outcome.ACCEPTED:
        if facts.undone:
            return 0.0
        retained = facts.retained_third
        return 0.5 if retained is None or retained >= RETAINED_WELL else 0.7
    if facts.outcome == Outcome.PARTIALLY_ACCEPTED:
        return 0.7
    return 1.0


T = TypeVar("T")


@dataclass(frozen=True)
class Kept(Generic[T]):
    """What a cap leaves, in the order given, and how much it dropped."""

    items: list[T]
    dropped: int


def cap_users(
    items: Sequence[T],
    user: Callable[[T], str],
    name: Callable[[T], str],
    share: float = USER_SHARE,
) -> Kept[T]:
    """Let nobody fill more than `share` of `items`, or an equal share where users are too few.

    `name` identifies an item; which of a user's items stay is decided by its hash.
    """
    count = Counter(user(item) for item in items)
    if not count:
        return Kept([], 0)
    limit = math.ceil(max(share, 1 / len(count)) * len(items))
    chosen: set[str] = set()
    for who, amount in count.items():
        own = sorted((name(item) for item in items if user(item) == who), key=stable_hash)
        chosen.update(own[: min(limit, amount)])
    kept = [item for item in items if name(item) in chosen]
    return Kept(kept, len(items) - len(kept))


def cap_nothing_wanted(
    items: Sequence[T],
    wants_nothing: Callable[[T], bool],
    name: Callable[[T], str],
    share: float = NOTHING_WANTED_SHARE,
) -> Kept[T]:
    """Keep so many items in which nothing was wanted that they are at most `share` of the rest.

    A model that is mostly shown unchanged regions learns to be silent.
    """
    idle = sorted((name(item) for item in items if wants_nothing(item)), key=stable_hash)
    limit = math.floor((len(items) - len(idle)) * share / (1 - share) + 1e-9)
    dropped = set(idle[limit:])
    return Kept([item for item in items if name(item) not in dropped], len(dropped))


def unreachable(hopeless: Sequence[bool], distances: Sequence[int], share: float) -> list[bool]:
    """Return which groups to leave out: no answer helped, and the reference is among the farthest.

    Such references are mostly something else than the next edit (Zed's training keeps a middle
    band of distances in the same spirit).

    Args:
        hopeless: per group, whether no answer was better than doing nothing.
        distances: per group, characters between the untouched region and the reference.
        share: of the batch that counts as farthest; 0 leaves nothing out.
    """
    amount = math.floor(len(distances) * share + 1e-9)
    if not amount:
        return [False] * len(distances)
    border = sorted(distances, reverse=True)[amount - 1]
    return [bad and far >= border for bad, far in zip(hopeless, distances, strict=True)]


def stable_hash(text: str) -> str:
    """Return a hash that is the same in every process, to order by without preference."""
    return hashlib.sha256(text.encode()).hexdigest()

"""The suggestions that a user leafs through at one place: which comes next, which are known.

All of them stay undecided until the user takes one or moves on; only one is on offer, the others
are set aside. Knows watches. Does not know how another alternative is come by.
"""

from collections.abc import Callable, Sequence

from feedback_store.events import MAX_AVOIDED
from lsp.matching import progress
from lsp.watch import Watch


def _never(watch: Watch) -> bool:
    return False


def ring(
    watches: Sequence[Watch], current: Watch, rebased: Callable[[Watch], bool] = _never
) -> list[Watch]:
    """Return what was offered for the current one's lines and still fits them, oldest first;
    `rebased` says whether an offer for another version does."""
    return [
        watch
        for watch in watches
        if watch.undecided
        and watch.uri == current.uri
        and watch.region == current.region
        and (_fits(watch, current.version) or rebased(watch))
    ]


def neighbour(members: Sequence[Watch], current: Watch, step: int) -> Watch | None:
    """Return the alternative a step further, round and round; None if a new one should be asked
    for: at the end, as long as the ring may grow."""
    at = members.index(current) + step
    if at == len(members) < MAX_AVOIDED:
        return None
    return members[at % len(members)]


def _fits(watch: Watch, version: int) -> bool:
    typed = progress(watch.base, watch.proposed or "", watch.text)
    return typed is not None and (typed > 0 or watch.version == version)


def turn(current: Watch, other: Watch, now: float) -> None:
    """Put another alternative on offer in the current one's place; both are being looked at."""
    current.aside, other.aside = True, False
    current.gone_at, other.gone_at = now, None
    current.changed_at = other.changed_at = now

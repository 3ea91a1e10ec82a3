"""What is left of accepted edits as they age: by version, language and team, and over the days.

Of each suggestion and age what was told first counts, and never of what was held out: nobody saw
that. Never by person, and no day of a group of few people (`server.disclosure`). Knows questions
to the store and intervals. Does not know pages.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from feedback_store.store import Store
from server.disclosure import showable

Z = 1.96
"""Of the 95 % intervals."""
FOLLOWED_FROM_S = 30.0
"""Over the days one age is followed: below this, nearly everything is still there."""

_DAILY = (
    "WITH mine AS (SELECT {column} AS name, date_trunc('day', suggested_at) AS day, horizon_s, "
    "user_id, count(retained) AS shown, sum(retained) AS kept, sum(retained ** 2) AS squares, "
    "count(*) FILTER (reverted) AS reverted, count(*) FILTER (NOT observed) AS unobserved "
    "FROM survivals WHERE suggested_at >= ? AND is_first AND NOT holdout GROUP BY ALL) "
    "SELECT name, strftime(day, '%Y-%m-%d') AS day, horizon_s, list(user_id) AS people, "
    "sum(shown)::BIGINT AS shown, coalesce(sum(kept), 0) AS kept, "
    "coalesce(sum(squares), 0) AS squares, sum(reverted)::BIGINT AS reverted, "
    "sum(unobserved)::BIGINT AS unobserved FROM mine GROUP BY ALL ORDER BY day, name, horizon_s"
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """What was seen in one day of one group's edits at one age."""

    name: str
    day: str
    horizon_s: float
    people: frozenset[str]
    shown: int
    """How many were looked at."""
    kept: float
    """The sum of what was left of each."""
    squares: float
    reverted: int
    unobserved: int


def read(store: Store, columns: Mapping[str, str], since: datetime, fewest: int) -> Row:
    """Return the figures by each of `columns`; blocks for as long as the store takes.

    Args:
        columns: the names of the groupings, and the columns behind them.
        fewest: people that a day of a group must have.
    """
    return {name: _by(store, column, since, fewest) for name, column in columns.items()}


def _by(store: Store, column: str, since: datetime, fewest: int) -> Row:
    rows = store.query(_DAILY.format(column=column), [since])
    looks = [Look(**{**row, "people": frozenset(row["people"])}) for row in rows]
    kept = told(looks, fewest)
    age = followed(kept)
    return {
        "totals": _totals(kept),
        "left_out": len({look.name for look in looks} - {look.name for look in kept}),
        "followed_s": age,
        "series": [
            {"day": look.day} | _figures([look])
            for look in kept
            if look.horizon_s == age and look.shown
        ],
    }


def told(looks: Iterable[Look], fewest: int) -> list[Look]:
    """Return what may be shown, at each age for itself. Pure."""
    ages: defaultdict[float, list[Look]] = defaultdict(list)
    for look in looks:
        ages[look.horizon_s].append(look)
    return [look for age in sorted(ages) for look in showable(ages[age], fewest)]


def followed(looks: Iterable[Look]) -> float | None:
    """Return the age that is followed over the days: the one that most is known of. Pure."""
    known: defaultdict[float, int] = defaultdict(int)
    for look in looks:
        if look.horizon_s >= FOLLOWED_FROM_S:
            known[look.horizon_s] += look.shown
    return max(known, key=lambda age: (known[age], -age), default=None)


def _totals(looks: Iterable[Look]) -> list[Row]:
    groups: defaultdict[tuple[str, float], list[Look]] = defaultdict(list)
    for look in looks:
        groups[look.name, look.horizon_s].append(look)
    return [_figures(groups[key]) for key in sorted(groups)]


def _figures(looks: list[Look]) -> Row:
    """Return the mean and its interval; without observations there is nothing to say."""
    count, kept = sum(look.shown for look in looks), sum(look.kept for look in looks)
    mean = kept / count if count else None
    found = {
        "name": looks[0].name,
        "horizon_s": looks[0].horizon_s,
        "observed": count,
        "retained": mean,
        "reverted": sum(look.reverted for look in looks),
        "unobserved": sum(look.unobserved for look in looks),
    }
    if mean is None:
        return found | {"low": None, "high": None}
    spread = max(sum(look.squares for look in looks) - kept * mean, 0.0) / max(count - 1, 1)
    half = Z * math.sqrt(spread / count)
    return found | {"low": max(mean - half, 0.0), "high": min(mean + half, 1.0)}

"""What is left of accepted edits as they age: by version, language and team, and over the days.

Of each suggestion and age what was told first counts, and never of what was held out: nobody saw
that. Never by person, and no group of few people. Knows questions to the store and intervals. Does
not know pages.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from feedback_store.store import Store

Z = 1.96
"""Of the 95 % intervals."""
FOLLOWED_FROM_S = 30.0
"""Over the days one age is followed: below this, nearly everything is still there."""

_LOOKS = (
    "FROM survivals v JOIN suggestions s USING (suggestion_id) "
    "WHERE s.received_at >= ? AND NOT s.holdout AND v.ingest_seq IN (SELECT min(ingest_seq) "
    "FROM survivals WHERE received_at >= ? GROUP BY suggestion_id, horizon_s)"
)
_FIGURES = (
    "count(DISTINCT s.user_id) AS people, count(v.retained) AS observed, "
    "avg(v.retained) AS retained, coalesce(stddev_samp(v.retained), 0) AS spread, "
    "count(*) FILTER (v.reverted) AS reverted, count(*) FILTER (NOT v.observed) AS unobserved"
)
_BY_AGE = (
    f"SELECT s.{{column}} AS name, v.horizon_s, {_FIGURES} {_LOOKS} GROUP BY ALL "
    "ORDER BY name, horizon_s"
)
_BY_DAY = (
    "SELECT s.{column} AS name, strftime(date_trunc('day', s.received_at), '%Y-%m-%d') AS day, "
    f"{_FIGURES} {_LOOKS} AND v.horizon_s = ? GROUP BY ALL ORDER BY day, name"
)

Row = dict[str, Any]


def read(store: Store, columns: Mapping[str, str], since: datetime, fewest: int) -> Row:
    """Return the figures by each of `columns`; blocks for as long as the store takes.

    Args:
        columns: the names of the groupings, and the suggestions' columns behind them.
        fewest: people that a group must have.
    """
    return {name: _by(store, column, since, fewest) for name, column in columns.items()}


def _by(store: Store, column: str, since: datetime, fewest: int) -> Row:
    totals = store.query(_BY_AGE.format(column=column), [since, since])
    names = told([row for row in totals if row["people"]], fewest)
    age = followed(totals)
    daily: list[Row] = []
    if age is not None:
        daily = store.query(_BY_DAY.format(column=column), [since, since, age])
    return {
        "totals": _shown(totals, names, fewest),
        "left_out": len({row["name"] for row in totals} - names),
        "followed_s": age,
        "series": [row for row in _shown(daily, names, fewest) if row["observed"]],
    }


def told(rows: list[Row], fewest: int) -> frozenset[str]:
    """Return the groups that may be shown. Pure.

    One alone that is left out could be told from the others and the whole: then the smallest of
    the others is left out too.
    """
    people: dict[str, int] = {}
    for row in rows:
        people[row["name"]] = max(people.get(row["name"], 0), row["people"])
    known = {name for name, count in people.items() if count >= fewest}
    if len(people) - len(known) == 1 and len(known) > 1:
        known.remove(min(known, key=lambda name: (people[name], name)))
    return frozenset(known)


def followed(totals: list[Row]) -> float | None:
    """Return the age that is followed over the days: the one that most is known of. Pure."""
    known: dict[float, int] = {}
    for row in totals:
        if row["horizon_s"] >= FOLLOWED_FROM_S:
            known[row["horizon_s"]] = known.get(row["horizon_s"], 0) + row["observed"]
    return max(known, key=lambda age: (known[age], -age), default=None)


def _shown(rows: list[Row], names: frozenset[str], fewest: int) -> list[Row]:
    return [_bounded(row) for row in rows if row["name"] in names and row["people"] >= fewest]


def _bounded(row: Row) -> Row:
    """Add the interval of the mean; without observations there is nothing to say."""
    kept = {name: value for name, value in row.items() if name not in ("people", "spread")}
    if not row["observed"]:
        return kept | {"low": None, "high": None}
    half = Z * row["spread"] / math.sqrt(row["observed"])
    low, high = row["retained"] - half, row["retained"] + half
    return kept | {"low": max(low, 0.0), "high": min(high, 1.0)}

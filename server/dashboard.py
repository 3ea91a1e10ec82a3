"""What the page draws: how suggestions fare over time, by version, language and team.

Never by person, and no group of fewer than five people where there are people to protect
(server.disclosure). What was held out stands apart: nobody saw it. Knows questions to the store and
intervals. Does not know pages or policies' rules.
"""

import math
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from feedback_store.store import Store
from server import survival
from server.comparison import wilson
from server.disclosure import Cell, showable, totals

FEWEST_PEOPLE = 5
FRESH_S = 5.0
REST = 5
"""Figures, here and in the status, are kept for so many times as long as it took to read them:
asked each second over millions of events, they would take a processor from the writer."""
KEPT = 16
Z = 1.96
"""Of the 95 % intervals."""
GROUPS: Mapping[str, str] = {"version": "policy_version", "language": "language", "team": "team"}

SHOWN = (
    "shown <> 'no' AND outcome IN ('accepted', 'partially_accepted', 'typed_through', "
    "'rejected', 'diverged', 'superseded', 'expired')"
)
TAKEN = f"{SHOWN} AND outcome IN ('accepted', 'partially_accepted', 'typed_through')"
COUNTED = "is_first AND NOT holdout"
"""Of reports: what was told first counts, and whoever says it again changes nothing."""
# By person first: days and names are then put in words for thousands of rows, not for millions.
_DAILY = (
    "WITH mine AS (SELECT {column} AS name, date_trunc('day', suggested_at) AS day, user_id, "
    f"count(*) AS shown, count(*) FILTER ({TAKEN}) AS taken FROM outcomes "
    f"WHERE suggested_at >= ? AND {COUNTED} AND {SHOWN} GROUP BY ALL) "
    "SELECT name, strftime(day, '%Y-%m-%d') AS day, list(user_id) AS people, "
    "sum(shown)::BIGINT AS shown, sum(taken)::BIGINT AS taken FROM mine "
    "GROUP BY ALL ORDER BY day, name"
)


def _of_many(columns: str, source: str, rest: str) -> str:
    """Return a question by version, of days of at least so many people alone, as the totals are.

    Takes the source's parameters and that number.
    """
    return (
        f"WITH every AS (SELECT s.policy_version AS name, s.user_id, {columns} FROM {source}), "
        "fit AS (SELECT name, day FROM every GROUP BY ALL HAVING count(DISTINCT user_id) >= ?) "
        f"SELECT name, {rest} FROM every JOIN fit USING (name, day) GROUP BY name"
    )


_LATENCY = (
    _of_many(
        "date_trunc('day', s.received_at) AS day, s.engine_ms",
        "suggestions s WHERE s.received_at >= ?",
        "count(*) AS answers, round(quantile_cont(engine_ms, 0.5), 1) AS p50, "
        "round(quantile_cont(engine_ms, 0.9), 1) AS p90, "
        "round(quantile_cont(engine_ms, 0.99), 1) AS p99",
    )
    + " ORDER BY answers DESC"
)
_WAITED = _of_many(
    "date_trunc('day', s.suggested_at) AS day, s.waited_ms",
    "outcomes s WHERE s.suggested_at >= ? AND s.is_first",
    "round(median(waited_ms), 1) AS editor_p50",
)
_HOLDOUT = (
    _of_many(
        "date_trunc('day', s.received_at) AS day, s.reason, t.suggestion_id AS settlement, "
        "t.region_changed",
        "suggestions s LEFT JOIN settlements t USING (suggestion_id) "
        "WHERE s.received_at >= ? AND s.holdout",
        "count(*) AS held_out, count(*) FILTER (reason = 'holdout') AS with_edit, "
        "count(settlement) AS settled, count(*) FILTER (region_changed) AS changed",
    )
    + " ORDER BY held_out DESC"
)

Row = dict[str, Any]


class Boards:
    """The last figures of each question, asked anew after a while: they read large tables."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._known: dict[tuple[int, bool], tuple[float, Row]] = {}

    def read(self, days: int, protect: bool) -> Row:
        """Return the figures; see `read`. Any thread may ask."""
        with self._turn:
            until, found = self._known.get((days, protect), (-math.inf, {}))
            began = time.monotonic()
            if began > until:
                found = read(self._store, days, protect=protect)
                ended = time.monotonic()
                if len(self._known) >= KEPT:
                    self._known.clear()
                fresh_s = max(FRESH_S, REST * (ended - began))
                self._known[days, protect] = (ended + fresh_s, found)
            return found


def read(store: Store, days: int, *, protect: bool, now: datetime | None = None) -> Row:
    """Return everything of the last `days`; blocks for as long as the store takes.

    Args:
        protect: leave out groups of fewer than five people; a gateway without keys serves one.
    """
    # Whole days: two questions a minute apart must not tell what one person did in it.
    today = (now or datetime.now(UTC)).replace(
        tzinfo=None, hour=0, minute=0, second=0, microsecond=0
    )
    since = today - timedelta(days=days - 1)
    fewest = FEWEST_PEOPLE if protect else 1
    return {
        "days": days,
        "fewest_people": fewest,
        "taken": {name: _taken(store, column, since, fewest) for name, column in GROUPS.items()},
        "survival": survival.read(store, GROUPS, since, fewest),
        "latency": _latency(store, since, fewest),
        "holdout": store.query(_HOLDOUT, [since, fewest]),
    }


def _latency(store: Store, since: datetime, fewest: int) -> list[Row]:
    waited = {row["name"]: row for row in store.query(_WAITED, [since, fewest])}
    rows = store.query(_LATENCY, [since, fewest])
    return [row | waited.get(row["name"], {"editor_p50": None}) for row in rows]


def _taken(store: Store, column: str, since: datetime, fewest: int) -> Row:
    rows = store.query(_DAILY.format(column=column), [since])
    cells = [
        Cell(row["name"], row["day"], frozenset(row["people"]), row["shown"], row["taken"])
        for row in rows
    ]
    kept = showable(cells, fewest)
    return {
        "totals": [_with_bounds(row) for row in totals(kept)],
        "left_out": len({cell.name for cell in cells} - {cell.name for cell in kept}),
        "series": [
            _with_bounds({"name": c.name, "day": c.day, "shown": c.shown, "taken": c.taken})
            for c in kept
        ],
    }


def _with_bounds(row: Row) -> Row:
    """Add the share taken and its interval (Wilson)."""
    low, high = wilson(row["taken"], row["shown"], Z)
    return row | {"share": row["taken"] / row["shown"], "low": max(low, 0.0), "high": high}

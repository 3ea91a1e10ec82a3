"""The suggestions that feedback may come on: the latest in memory, older ones looked up.

Knows the questions that fill the memory. Does not know transactions, nor what feedback becomes.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from feedback_store.projection import Issued, said

_ROWS = """
WITH s AS (SELECT suggestion_id, ingest_seq, user_id, level, policy_version, language, holdout,
  received_at FROM suggestions WHERE {which}),
o AS (SELECT DISTINCT suggestion_id, true AS told FROM outcomes
  WHERE ingest_seq > (SELECT min(ingest_seq) FROM s)
  AND suggestion_id IN (SELECT suggestion_id FROM s)),
v AS (SELECT suggestion_id, list(DISTINCT horizon_s ORDER BY horizon_s) AS ages FROM survivals
  WHERE ingest_seq > (SELECT min(ingest_seq) FROM s)
  AND suggestion_id IN (SELECT suggestion_id FROM s) GROUP BY suggestion_id)
SELECT s.suggestion_id, s.user_id, s.level, json_object('policy_version', s.policy_version,
  'holdout', s.holdout, 'language', s.language, 'suggested_at', s.received_at)::VARCHAR,
  o.told, v.ages
FROM s LEFT JOIN o USING (suggestion_id) LEFT JOIN v USING (suggestion_id)
ORDER BY s.ingest_seq
"""
"""Reports come after their suggestion, so only what lies above it is looked at."""
_LATEST = _ROWS.format(
    which="ingest_seq >= coalesce((SELECT min(ingest_seq) FROM (SELECT ingest_seq FROM suggestions "
    "ORDER BY ingest_seq DESC LIMIT ?)), 0)"
)
_SOME = _ROWS.format(which="suggestion_id IN (SELECT unnest(?::VARCHAR[]))")


class IssuedSuggestions:
    """What the writer asks at each commit. One thread at a time."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, remembered: int) -> None:
        """Read the latest `remembered` ones."""
        self._connection = connection
        self._remembered = remembered
        self._latest: OrderedDict[str, Issued] = OrderedDict()
        rows = connection.execute(_LATEST, [remembered]).fetchall()
        self._remembers_all = len(rows) < remembered
        # Oldest first, as they are forgotten; of two with one id the older one counts.
        self._latest.update(_first_of_each(rows))

    def find(self, suggestion_ids: Iterable[str]) -> dict[str, Issued]:
        """Return what is known of the suggestions; unknown ones are absent."""
        wanted = set(suggestion_ids)
        found = {i: self._latest[i] for i in wanted if i in self._latest}
        missing = sorted(wanted - set(found))
        if missing and not self._remembers_all:
            found |= _first_of_each(self._connection.execute(_SOME, [missing]).fetchall())
        return found

    def remember(self, fresh: dict[str, Issued]) -> None:
        """Take in what a commit made known."""
        self._latest.update(fresh)
        while len(self._latest) > self._remembered:
            self._remembers_all = False
            self._latest.popitem(last=False)

    def forget(self, users: set[str]) -> None:
        """Let nothing of erased users count any more."""
        for suggestion_id in [i for i, one in self._latest.items() if one.user in users]:
            del self._latest[suggestion_id]


def _first_of_each(rows: Sequence[tuple[Any, ...]]) -> dict[str, Issued]:
    found: dict[str, Issued] = {}
    for suggestion_id, user, level, facts, told, ages in rows:
        words = "outcome" if told else ""
        if ages:
            words = " ".join([*words.split(), *map(said, ages)])
        found.setdefault(suggestion_id, Issued(user, level, facts.encode(), words))
    return found

"""The suggestions that feedback may come on: the latest in memory, older ones looked up.

Knows the questions that fill the memory. Does not know transactions, nor what feedback becomes.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import duckdb

from feedback_store.projection import Issued, said

Row = tuple[Any, ...]

_BEGIN = "SELECT ingest_seq FROM suggestions ORDER BY ingest_seq DESC LIMIT 1 OFFSET ?"
_ISSUED = """
SELECT suggestion_id, ingest_seq, user_id, level, json_object('policy_version', policy_version,
  'holdout', holdout, 'language', language, 'suggested_at', received_at)::VARCHAR
FROM suggestions WHERE {which} ORDER BY ingest_seq"""
_ANSWERED = "SELECT suggestion_id FROM outcomes WHERE {about}"
_AGED = "SELECT suggestion_id, list(horizon_s) FROM survivals WHERE {about} GROUP BY ALL"
_ABOUT = "is_first AND ingest_seq > $1 AND suggestion_id IN "
_LATEST = f"{_ABOUT} (SELECT suggestion_id FROM suggestions WHERE ingest_seq > $1)"
_SOME = f"{_ABOUT} (SELECT unnest($2::VARCHAR[]))"


class IssuedSuggestions:
    """What the writer asks at each commit. One thread at a time."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, remembered: int) -> None:
        """Read the latest `remembered` ones."""
        self._connection = connection
        self._limit = remembered
        begin = connection.execute(_BEGIN, [remembered]).fetchone()
        self._remembers_all = begin is None
        since = 0 if begin is None else begin[0]
        rows = connection.execute(_ISSUED.format(which="ingest_seq > ?"), [since]).fetchall()
        # Oldest first, as they are forgotten.
        self._latest: OrderedDict[str, Issued] = OrderedDict(self._known(rows, _LATEST, [since]))

    def remembered(self, suggestion_ids: Iterable[str]) -> dict[str, Issued]:
        """Return those of the suggestions that are in memory."""
        return {i: self._latest[i] for i in suggestion_ids if i in self._latest}

    def find(self, suggestion_ids: Collection[str]) -> dict[str, Issued]:
        """Return what is known of the suggestions; unknown ones are absent."""
        found = self.remembered(suggestion_ids)
        missing = [i for i in suggestion_ids if i not in found]
        if missing and not self._remembers_all:
            found |= self._looked_up(missing)
        return found

    def _looked_up(self, missing: list[str]) -> dict[str, Issued]:
        which = "suggestion_id IN (SELECT unnest(?::VARCHAR[]))"
        rows = self._connection.execute(_ISSUED.format(which=which), [missing]).fetchall()
        if not rows:
            return {}
        # Reports lie above their suggestion; as a number it spares what lies below being read.
        return self._known(rows, _SOME, [rows[0][1], [row[0] for row in rows]])

    def remember(self, fresh: dict[str, Issued]) -> None:
        """Take in what a commit made known."""
        self._latest.update(fresh)
        while len(self._latest) > self._limit:
            self._remembers_all = False
            self._latest.popitem(last=False)

    def forget(self, users: set[str]) -> None:
        """Let nothing of erased users count any more."""
        for suggestion_id in [i for i, one in self._latest.items() if one.user in users]:
            del self._latest[suggestion_id]

    def _known(self, rows: Sequence[Row], about: str, given: list[Any]) -> dict[str, Issued]:
        """Return the suggestions in the order of `rows`; of two with one id the first counts."""
        ask = self._connection.execute
        answered = {one for (one,) in ask(_ANSWERED.format(about=about), given).fetchall()}
        aged = dict(ask(_AGED.format(about=about), given).fetchall())
        found: dict[str, Issued] = {}
        for suggestion_id, _, user, level, facts in rows:
            words = ["outcome"] if suggestion_id in answered else []
            words += map(said, aged.get(suggestion_id, ()))
            # One word alone is shared: so are most, and there are many.
            told = words[0] if len(words) == 1 else " ".join(words)
            found.setdefault(suggestion_id, Issued(user, level, facts.encode(), told))
        return found

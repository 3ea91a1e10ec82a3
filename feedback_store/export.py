"""Training batches: which suggestions are ready, and their rows as Parquet.

Knows readiness and the batch's columns. Does not know who reads a batch. A batch is decided by
one entry in the log; its folder is written from that decision, and again if a crash came between,
always with the same rows, since it shows what was known at the decision and nothing later.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from feedback_store.connecting import literal
from feedback_store.database import Database
from feedback_store.publish import next_number, publish

PARQUET = "batch.parquet"
KEPT = """SELECT number FROM batches
WHERE number NOT IN (SELECT number FROM batch_states WHERE state = 'expired') ORDER BY 1"""
"""The batches whose folders should be there."""
_FIRST = "QUALIFY row_number() OVER (PARTITION BY suggestion_id ORDER BY ingest_seq) = 1"
_ABOUT = "ingest_seq <= $as_of AND suggestion_id IN (SELECT suggestion_id FROM s)"


def _known(which: str) -> str:
    """Return the tables of everything known at one ingest_seq about some suggestions.

    Of a repeated report the first counts. Only what is about those suggestions is looked at, and
    text is found by its entry's number, which is in order on disk: a batch takes as long as the
    batch is large, not as the store is.
    """
    return f"""
WITH s AS (SELECT * FROM suggestions WHERE ingest_seq <= $as_of AND {which} {_FIRST}),
c AS (SELECT * FROM suggestion_content WHERE ingest_seq IN (SELECT ingest_seq FROM s)),
o AS (SELECT * FROM outcomes WHERE {_ABOUT} {_FIRST}),
t AS (SELECT * FROM settlements WHERE {_ABOUT} {_FIRST}),
x AS (SELECT * FROM settlement_content WHERE ingest_seq IN (SELECT ingest_seq FROM t)),
v AS (SELECT * FROM survivals WHERE {_ABOUT})
"""


_OPEN = """level = 'full' AND suggestion_id NOT IN (SELECT suggestion_id FROM batch_items)
AND user_id NOT IN (SELECT user_id FROM erasures)"""
_READY = f"""{_known(_OPEN)}
SELECT s.suggestion_id
FROM s JOIN c USING (suggestion_id) JOIN t USING (suggestion_id) JOIN x USING (suggestion_id)
LEFT JOIN o USING (suggestion_id)
WHERE x.settled_text IS NOT NULL AND c.context IS NOT NULL AND c.prompt_token_ids IS NOT NULL
  AND coalesce(o.outcome, s.outcome) IS NOT NULL
  AND (coalesce(o.outcome, s.outcome) NOT IN ('accepted', 'partially_accepted')
       OR s.received_at <= $old
       OR s.suggestion_id IN (SELECT suggestion_id FROM v WHERE is_last))
  AND ($with_holdout OR NOT s.holdout)
ORDER BY s.ingest_seq
"""

_COLUMNS = f"""{
    _known(
        "suggestion_id IN (SELECT suggestion_id FROM batch_items WHERE number = $number) "
        "AND user_id NOT IN (SELECT user_id FROM erasures)"
    )
}
SELECT s.suggestion_id, s.ingest_seq, s.received_at, s.user_id AS "user", s.team, s.session,
  s.workspace, s.language, c.path, s.policy_version, s.base_model, s.prompt_format, s.profile,
  s.temperature, c.prompt_token_ids,
  coalesce(c.output_token_ids, []::INTEGER[]) AS output_token_ids,
  coalesce(c.output_logprobs, []::FLOAT[]) AS output_logprobs,
  c.new_region, c.context, coalesce(o.outcome, s.outcome) AS outcome,
  coalesce(o.shown, 'no') AS shown, coalesce(o.reason, s.reason) AS reason,
  t.settled_by, t.region_changed, x.settled_text, x.accepted_text, t.undone, t.branch_switch,
  t.bulk_change,
  (SELECT min(v.retained) FROM v WHERE v.suggestion_id = s.suggestion_id AND v.observed
     AND v.horizon_s = o.horizons_s[3]) AS retained_third,
  s.holdout
FROM s JOIN c USING (suggestion_id) JOIN t USING (suggestion_id) JOIN x USING (suggestion_id)
LEFT JOIN o USING (suggestion_id)
ORDER BY s.ingest_seq
"""


@dataclass(frozen=True)
class Export:
    """A published batch."""

    number: int
    folder: Path
    manifest: dict[str, Any]


@dataclass(frozen=True)
class TooLittle:
    """There are not enough ready suggestions for a batch; none was made."""

    ready: int
    min_items: int


@dataclass(frozen=True)
class Choice:
    """What the next batch would hold."""

    number: int
    as_of: int
    suggestion_ids: tuple[str, ...]


def choose(
    database: Database, batches: Path, *, ready_after_h: float, include_holdout: bool, now: datetime
) -> Choice:
    """Return every suggestion that is ready at `now` (UTC, naive) and in no batch yet.

    Ready: recorded at level `full`, with an outcome and a settled text, and, if it was accepted,
    its last horizon observed or out of reach, or `ready_after_h` hours old. A suggestion without
    prompt tokens (no engine answered) can start no group and is never ready.
    """
    cursor = database.cursor()
    try:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        as_of = _one(cursor.execute("SELECT ingest_seq FROM meta").fetchone())
        latest = _one(cursor.execute("SELECT coalesce(max(number), 0) FROM batches").fetchone())
        old = now - timedelta(hours=ready_after_h)
        params = {"as_of": as_of, "old": old, "with_holdout": include_holdout}
        ids = tuple(row[0] for row in cursor.execute(_READY, params).fetchall())
    finally:
        cursor.close()
    return Choice(max(latest + 1, next_number(batches, r"(\d{6})")), as_of, ids)


def unpublished(database: Database, batches: Path) -> list[int]:
    """Return the numbers of batches that are decided but whose folder is missing.

    One that was kept long enough is not missed.
    """
    numbers = [row["number"] for row in database.query(KEPT)]
    return [number for number in numbers if not _folder(batches, number).exists()]


def publish_batch(database: Database, batches: Path, number: int) -> Export:
    """Write and publish the folder of a decided batch."""
    head = database.query("SELECT * FROM batches WHERE number = ?", [number])[0]
    manifest = _manifest(database, head)

    def write(folder: Path) -> None:
        target = literal(str((folder / PARQUET).absolute()))
        sql = _COLUMNS.replace("$number", str(int(number))).replace("$as_of", str(head["as_of"]))
        cursor = database.cursor()
        try:
            cursor.execute(f"COPY ({sql}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
        finally:
            cursor.close()

    folder = publish(batches, f"{number:06d}", write, manifest)
    return Export(number, folder, manifest)


def _manifest(database: Database, head: dict[str, Any]) -> dict[str, Any]:
    totals = database.query(
        "SELECT count(*) AS items, count(*) FILTER (WHERE s.holdout) AS holdout, "
        "min(s.ingest_seq) AS first_ingest_seq, max(s.ingest_seq) AS last_ingest_seq, "
        "list(DISTINCT s.policy_version ORDER BY s.policy_version) AS policies, "
        "list(DISTINCT s.base_model ORDER BY s.base_model) AS base_models "
        "FROM batch_items i JOIN suggestions s USING (suggestion_id) WHERE i.number = ?",
        [head["number"]],
    )[0]
    return {
        "kind": "batch",
        "schema": 1,
        "number": head["number"],
        "as_of": head["as_of"],
        "created_at": head["received_at"].isoformat() + "Z",
        **totals,
    }


def _folder(batches: Path, number: int) -> Path:
    return batches / f"{number:06d}"


def _one(row: tuple[Any, ...] | None) -> int:
    return int(row[0]) if row else 0

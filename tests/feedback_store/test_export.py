"""A suggestion enters exactly one batch, when nothing more will be learned about it."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from feedback_store.errors import StoreUnavailable
from feedback_store.events import FeedbackLevel, Outcome, Reason
from feedback_store.export import Export, TooLittle
from feedback_store.publish import BadManifest, read_manifest
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import WAIT_S, ids_of, put, rows_of

COLUMNS = {
    "suggestion_id": "VARCHAR",
    "ingest_seq": "BIGINT",
    "received_at": "TIMESTAMP",
    "user": "VARCHAR",
    "team": "VARCHAR",
    "session": "VARCHAR",
    "workspace": "VARCHAR",
    "language": "VARCHAR",
    "path": "VARCHAR",
    "policy_version": "VARCHAR",
    "base_model": "VARCHAR",
    "prompt_format": "VARCHAR",
    "profile": "VARCHAR",
    "temperature": "DOUBLE",
    "prompt_token_ids": "INTEGER[]",
    "output_token_ids": "INTEGER[]",
    "output_logprobs": "FLOAT[]",
    "new_region": "VARCHAR",
    "context": "VARCHAR",
    "outcome": "VARCHAR",
    "shown": "VARCHAR",
    "reason": "VARCHAR",
    "settled_by": "VARCHAR",
    "region_changed": "BOOLEAN",
    "settled_text": "VARCHAR",
    "accepted_text": "VARCHAR",
    "undone": "BOOLEAN",
    "branch_switch": "BOOLEAN",
    "bulk_change": "BOOLEAN",
    "retained_third": "DOUBLE",
    "holdout": "BOOLEAN",
}


def test_the_columns_are_what_trainers_read(store: Store) -> None:
    put(store, *made.refused(1))
    result = store.export(1, 10)
    assert isinstance(result, Export)
    connection = duckdb.connect()
    described = connection.execute(
        "DESCRIBE SELECT * FROM read_parquet(?)", [str(result.folder / "batch.parquet")]
    ).fetchall()
    connection.close()
    assert {row[0]: row[1] for row in described} == COLUMNS


def test_a_row_holds_the_facts(store: Store) -> None:
    put(
        store,
        made.suggestion(1, "a"),
        made.outcome(1, "a", Outcome.ACCEPTED, shown="yes"),
        made.settled(2, "a", accepted_text="kept\n", undone=True),
        made.survival(3, "a", horizon_s=5.0, retained=1.0),
        made.survival(4, "a", horizon_s=30.0, retained=0.625),
        made.survival(5, "a", horizon_s=900.0, last=True, observed=False, retained=None),
    )
    (row,) = rows_of(store.export(1, 10))
    assert (row["user"], row["team"], row["language"]) == ("ann", "core", "python")
    assert row["prompt_token_ids"] == [5, 6, 7]
    assert row["output_logprobs"] == [-0.25, -1.5]
    assert json.loads(row["context"]) == made.context().model_dump(mode="json")
    assert (row["outcome"], row["shown"], row["undone"]) == ("accepted", "yes", True)
    assert row["retained_third"] == 0.625
    assert row["accepted_text"] == "kept\n"


def test_the_third_horizon_is_the_one_stamped_on_the_outcome(store: Store) -> None:
    settling = {"quiet_s": 0.1, "longest_wait_s": 1.0, "horizons_s": (0.0, 0.25, 0.5)}
    put(
        store,
        made.suggestion(1, "a"),
        made.outcome(1, "a", Outcome.ACCEPTED, settling=settling),
        made.settled(2, "a"),
        made.survival(3, "a", horizon_s=30.0, retained=0.1),
        made.survival(4, "a", horizon_s=0.5, retained=0.9, last=True),
    )
    assert rows_of(store.export(1, 10))[0]["retained_third"] == 0.9


def test_nobody_saw_the_third_horizon(store: Store) -> None:
    put(
        store,
        made.suggestion(1, "a"),
        made.outcome(1, "a", Outcome.ACCEPTED),
        made.settled(2, "a"),
        made.survival(3, "a", horizon_s=30.0, observed=False, retained=None, last=True),
    )
    assert rows_of(store.export(1, 10))[0]["retained_third"] is None


def test_readiness(store: Store) -> None:
    accepted = Outcome.ACCEPTED
    put(
        store,
        *made.refused(1),
        *(made.suggestion(seq, f"s{seq}") for seq in range(2, 6)),
        made.suggestion(6, "facts", level=FeedbackLevel.FACTS),
        made.suggestion(7, "no-prompt", prompt_token_ids=None),
        made.suggestion(8, "invalid", outcome=Outcome.INVALID, reason=Reason.UNPARSABLE),
        # s2: no settled text; s3: accepted, more to come; s4: accepted, last seen; s5: no outcome
        made.outcome(10, "s2"),
        made.outcome(11, "s3", accepted),
        made.settled(12, "s3"),
        made.survival(13, "s3", last=False),
        made.outcome(14, "s4", accepted),
        made.settled(15, "s4"),
        made.survival(16, "s4", last=True),
        made.settled(17, "s5"),
        made.outcome(18, "facts"),
        made.settled(19, "facts"),
        made.outcome(20, "no-prompt", Outcome.FAILED),
        made.settled(21, "no-prompt"),
        made.settled(22, "invalid"),
        made.outcome(23, "foreign", user="bob"),
    )
    assert ids_of(store.export(1, 100)) == ["ref-1", "s4", "invalid"]
    assert store.export(1, 100) == TooLittle(ready=0, min_items=1)
    later = datetime.now(UTC) + timedelta(hours=25)
    assert ids_of(store.export(1, 100, now=later)) == ["s3"]


def test_too_little_makes_no_batch(store: Store, folder: Path) -> None:
    put(store, *made.refused(1), *made.refused(2))
    assert store.export(3, 10) == TooLittle(ready=2, min_items=3)
    assert list((folder / "batches").iterdir()) == []
    assert store.query("SELECT * FROM batches") == []


def test_each_enters_one_batch_oldest_first(store: Store) -> None:
    for number in range(1, 8):
        put(store, *made.refused(number))
    results = [store.export(1, 3) for _ in range(3)]
    assert [ids_of(result) for result in results] == [
        ["ref-1", "ref-2", "ref-3"],
        ["ref-4", "ref-5", "ref-6"],
        ["ref-7"],
    ]
    assert [result.number for result in results if isinstance(result, Export)] == [1, 2, 3]
    assert store.export(1, 3) == TooLittle(ready=0, min_items=1)


def test_holdout_is_marked_or_left_for_later(store: Store) -> None:
    put(
        store,
        *made.refused(1),
        made.suggestion(2, "held", holdout=True, outcome=Outcome.WITHHELD, reason=Reason.HOLDOUT),
        made.settled(9, "held"),
    )
    assert ids_of(store.export(1, 10, include_holdout=False)) == ["ref-1"]
    (row,) = rows_of(store.export(1, 10))
    assert (row["suggestion_id"], row["holdout"], row["shown"]) == ("held", True, "no")


def test_a_repeated_report_counts_once(store: Store) -> None:
    put(store, *made.refused(1))
    put(store, made.outcome(1, "ref-1", Outcome.EXPIRED, producer="spool-2"))
    put(store, made.settled(2, "ref-1", settled_text="other\n", producer="spool-2"))
    (row,) = rows_of(store.export(1, 10))
    assert row["outcome"] == "rejected"
    assert made.SECRET in row["settled_text"]


def test_the_manifest_verifies_and_a_truncated_batch_is_refused(store: Store) -> None:
    put(store, *made.refused(1))
    result = store.export(1, 10)
    assert isinstance(result, Export)
    manifest = read_manifest(result.folder)
    assert (manifest["kind"], manifest["number"], manifest["items"]) == ("batch", 1, 1)
    assert manifest["policies"] == ["hone-000001"]
    parquet = result.folder / "batch.parquet"
    parquet.write_bytes(parquet.read_bytes()[:-100])
    with pytest.raises(BadManifest, match="truncated"):
        read_manifest(result.folder)


def test_a_batch_cannot_be_decided_on_an_old_view(store: Store) -> None:
    """Two deciders that saw the same ready suggestions must not both get them."""
    put(store, *made.refused(1))
    as_of = store.ingest_seq
    payload = {"number": 1, "as_of": as_of, "suggestion_ids": ["ref-1"]}
    store.record("batch", payload).result(WAIT_S)
    with pytest.raises(StoreUnavailable, match="another batch"):
        store.record("batch", payload | {"number": 2}).result(WAIT_S)


def test_exports_at_once_do_not_share(store: Store) -> None:
    for number in range(1, 9):
        put(store, *made.refused(number))
    results: list[Export | TooLittle] = []
    threads = [
        threading.Thread(target=lambda: results.append(store.export(1, 2))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [one for result in results for one in ids_of(result)]
    assert sorted(found) == [f"ref-{number}" for number in range(1, 9)]

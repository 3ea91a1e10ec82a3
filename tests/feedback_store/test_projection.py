"""An entry becomes the same rows whenever it is projected."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import duckdb
import pytest

from feedback_store.entries import NewEntry, to_json
from feedback_store.events import FeedbackLevel
from feedback_store.migrations import migrate, shipped
from feedback_store.projection import Issued, Known, facts, logged, quarantine_reason
from feedback_store.tables import statements
from tests.feedback_store import made

ANN = Issued("ann", "full")
Rows = dict[str, list[dict[str, Any]]]
Project = Callable[..., Rows]


@pytest.fixture
def project() -> Iterator[Project]:
    """Return the rows that one entry becomes, by table, with what is known of its suggestion."""
    with duckdb.connect() as connection:
        migrate(connection, shipped())

        def project_it(entry: NewEntry, issued: Issued | None = None, **more: Any) -> Rows:
            text = {"ingest_seq": 7, "received_at": "2026-11-22T10:00:00", **more}
            text |= {name: getattr(entry, name) for name in NewEntry.__slots__}
            known = Known({} if issued is None else {entry.payload["suggestion_id"]: issued})
            body = to_json(text)
            connection.execute("BEGIN TRANSACTION")
            found = logged(text, body, known)
            for statement in statements(found.group):
                connection.execute(statement, [f"[{found.row.decode()}]"])
            rows = all_rows(connection)
            connection.execute("ROLLBACK")
            return rows

        yield project_it


def all_rows(connection: duckdb.DuckDBPyConnection) -> Rows:
    names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    found: Rows = {}
    for name in sorted({name for (name,) in names} - {"meta", "schema_migrations"}):
        cursor = connection.execute(f"SELECT * FROM {name}")
        columns = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        found |= {name: rows} if rows else {}
    return found


@pytest.mark.parametrize(
    ("issued", "reason"),
    [(ANN, None), (None, "orphaned"), (Issued("bob", "full"), "foreign_user")],
)
@pytest.mark.parametrize("make", [made.outcome, made.settled, made.survival])
def test_quarantine_is_decided_by_whom_it_was_issued_to(project, make, issued, reason) -> None:
    entry = make(1, "a")
    assert quarantine_reason(entry.kind, entry.user, issued) == reason
    rows = project(entry, issued)
    assert (list(rows) == ["quarantine"]) == (reason is not None)
    if reason is not None:
        assert rows["quarantine"][0]["reason"] == reason
        assert rows["quarantine"][0]["kind"] == entry.kind
        assert made.SECRET not in str(rows)


def test_suggestions_and_operations_are_never_quarantined(project) -> None:
    policy = NewEntry("p", 1, "policy", "", "", {"name": "n", "status": "live"})
    assert list(project(policy)) == ["policies"]
    assert quarantine_reason("suggestion", "ann", None) is None


def test_content_and_facts_are_different_rows(project) -> None:
    rows = project(made.suggestion(1, "a"))
    assert made.SECRET not in str(rows["suggestions"])
    assert made.SECRET in str(rows["suggestion_content"])
    rows = project(made.settled(1, "a"), ANN)
    assert made.SECRET not in str(rows["settlements"])
    assert made.SECRET in str(rows["settlement_content"])


def test_level_facts_makes_no_content_row(project) -> None:
    entry = made.suggestion(1, "a", level=FeedbackLevel.FACTS)
    assert list(project(entry)) == ["suggestions"]
    entry = made.settled(1, "a", level=FeedbackLevel.FACTS)
    assert list(project(entry, ANN)) == ["settlements"]


def test_content_that_has_run_out_leaves_the_facts(project) -> None:
    entry = made.suggestion(1, "a", prompt_token_ids=None, context=None, language="python")
    rows = project(entry, removed="content", tokens=[3, 2])
    assert list(rows) == ["suggestions"]
    assert (rows["suggestions"][0]["prompt_tokens"], rows["suggestions"][0]["language"]) == (
        3,
        "python",
    )


def test_a_field_that_an_older_release_did_not_write_is_null(project) -> None:
    entry = made.suggestion(1, "a")
    del entry.payload["finish_reason"]
    assert project(entry)["suggestions"][0]["finish_reason"] is None


def test_a_report_says_what_it_is_counted_under(project) -> None:
    payload = made.suggestion(1, "a", holdout=True).payload
    known = Issued("ann", "full", facts(payload, "2026-11-22T09:00:00"), "30.0")
    for row, first in [
        (project(made.outcome(1, "a"), known)["outcomes"][0], True),
        (project(made.survival(1, "a", horizon_s=30.0), known)["survivals"][0], False),
        (project(made.survival(1, "a", horizon_s=300.0), known)["survivals"][0], True),
    ]:
        assert (row["policy_version"], row["language"]) == ("hone-000001", "python")
        assert (row["holdout"], row["is_first"]) == (True, first)
        assert row["suggested_at"] == datetime(2026, 11, 22, 9)


def test_a_batch_has_a_head_and_its_items(project) -> None:
    payload = {"number": 3, "as_of": 6, "suggestion_ids": ["a", "b"]}
    rows = project(NewEntry("p", 1, "batch", "", "", payload))
    assert rows["batches"][0]["items"] == 2
    assert [row["suggestion_id"] for row in rows["batch_items"]] == ["a", "b"]


def test_what_was_removed_from_the_log_becomes_nothing(project) -> None:
    assert project(NewEntry("p", 1, "removed", "", "", {})) == {}

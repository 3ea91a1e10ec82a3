"""An entry becomes the same rows whenever it is projected."""

from typing import Any

import pytest

from feedback_store.entries import NewEntry
from feedback_store.events import FeedbackLevel
from feedback_store.projection import Issued, project, quarantine_reason
from tests.feedback_store import made

ANN = Issued("ann", "full")


def logged(entry: NewEntry) -> dict[str, Any]:
    return {
        "ingest_seq": 7,
        "received_at": "2026-11-22T10:00:00.000000",
        "producer": entry.producer,
        "seq": entry.seq,
        "kind": entry.kind,
        "user": entry.user,
        "team": entry.team,
        "payload": entry.payload,
    }


@pytest.mark.parametrize(
    ("issued", "reason"),
    [(ANN, None), (None, "orphaned"), (Issued("bob", "full"), "foreign_user")],
)
def test_quarantine_is_decided_by_whom_it_was_issued_to(issued, reason) -> None:
    for entry in (made.outcome(1, "a"), made.settled(1, "a"), made.survival(1, "a")):
        assert quarantine_reason(logged(entry), issued) == reason
        tables = [table for table, _ in project(logged(entry), issued)]
        assert (tables == ["quarantine"]) == (reason is not None)


def test_suggestions_and_operations_are_never_quarantined() -> None:
    assert quarantine_reason(logged(made.suggestion(1)), None) is None
    policy = NewEntry("p", 1, "policy", "", "", {"name": "n", "status": "live"})
    assert quarantine_reason(logged(policy), None) is None


def test_content_and_facts_are_different_rows() -> None:
    rows = dict(project(logged(made.suggestion(1, "a")), None))
    assert made.SECRET not in str(rows["suggestions"])
    assert made.SECRET in str(rows["suggestion_content"])
    rows = dict(project(logged(made.settled(1, "a")), ANN))
    assert made.SECRET not in str(rows["settlements"])
    assert made.SECRET in str(rows["settlement_content"])


def test_quarantined_rows_hold_no_text() -> None:
    assert made.SECRET not in str(project(logged(made.settled(1, "a")), None))


def test_level_facts_makes_no_content_row() -> None:
    entry = made.suggestion(1, "a", level=FeedbackLevel.FACTS)
    assert [table for table, _ in project(logged(entry), None)] == ["suggestions"]
    entry = made.settled(1, "a", level=FeedbackLevel.FACTS)
    assert [table for table, _ in project(logged(entry), ANN)] == ["settlements"]


def test_a_field_that_an_older_release_did_not_write_is_null() -> None:
    entry = logged(made.suggestion(1, "a"))
    del entry["payload"]["finish_reason"]
    assert dict(project(entry, None))["suggestions"]["finish_reason"] is None


def test_a_batch_has_a_head_and_its_items() -> None:
    payload = {"number": 3, "as_of": 6, "suggestion_ids": ["a", "b"]}
    rows = project(logged(NewEntry("p", 1, "batch", "", "", payload)), None)
    assert [table for table, _ in rows] == ["batches", "batch_items", "batch_items"]
    assert rows[0][1]["items"] == 2

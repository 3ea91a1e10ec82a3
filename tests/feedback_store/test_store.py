"""What the gateway relies on: acks mean stored, repeats do no harm, strangers are kept apart."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from feedback_store.config import StoreSettings
from feedback_store.database import Database
from feedback_store.entries import Ack, NewEntry, entries_of
from feedback_store.errors import (
    InvalidEntry,
)
from feedback_store.events import Decision, FeedbackBatch, FeedbackLevel, Outcome
from feedback_store.projection import MOST_TOLD
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import WAIT_S, count, put

SAMPLES = Path(__file__).parent / "samples"


def test_a_suggestion_and_its_feedback_are_stored(store: Store) -> None:
    ack = put(store, made.suggestion(1, "a"))
    assert ack == Ack(stored=1, duplicates=0, quarantined=0, high_water=1)
    ack = put(
        store,
        made.outcome(1, "a", Outcome.ACCEPTED),
        made.settled(2, "a", accepted_text="kept\n"),
        made.survival(3, "a", last=True),
    )
    assert ack == Ack(stored=3, duplicates=0, quarantined=0, high_water=3)
    row = store.query(
        "SELECT * FROM suggestions JOIN suggestion_content USING (suggestion_id, ingest_seq)"
    )[0]
    assert row["prompt_token_ids"] == [5, 6, 7]
    assert row["output_logprobs"] == [-0.25, -1.5]
    assert (row["language"], row["path"], row["prompt_tokens"]) == ("python", "pkg/mod.py", 3)
    assert json.loads(row["context"]) == made.context().model_dump(mode="json")
    assert row["created_at"] == datetime.fromtimestamp(made.NOON, UTC).replace(tzinfo=None)
    outcome = store.query("SELECT * FROM outcomes")[0]
    assert (outcome["outcome"], outcome["horizons_s"][:3]) == ("accepted", [0.0, 5.0, 30.0])
    assert store.query("SELECT * FROM settlement_content")[0]["accepted_text"] == "kept\n"
    survival = store.query("SELECT * FROM survivals")[0]
    assert (survival["retained"], survival["is_last"]) == (0.75, True)


def test_operations_are_stored(store: Store) -> None:
    decision = Decision(policy="hone-000002", passed=True, why="better", inputs={"low": 0.1})
    store.record("policy", {"name": "hone-000002", "status": "live", "root": "x"}).result(WAIT_S)
    store.record("decision", decision.model_dump(mode="json")).result(WAIT_S)
    state = {"number": 1, "state": "spent", "policy": "hone-000002"}
    store.record("batch_state", state).result(WAIT_S)
    policy = store.query("SELECT * FROM policies")[0]
    assert (policy["name"], policy["status"]) == ("hone-000002", "live")
    assert json.loads(policy["payload"])["root"] == "x"
    assert json.loads(store.query("SELECT * FROM decisions")[0]["inputs"]) == {"low": 0.1}
    assert store.query("SELECT state FROM batch_states") == [{"state": "spent"}]


def test_the_receive_time_is_the_stores_own(open_store) -> None:
    moment = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
    store = open_store(clock=lambda: moment)
    put(store, made.suggestion(1))
    received = store.query("SELECT received_at FROM suggestions")[0]["received_at"]
    assert received == moment.replace(tzinfo=None)


def test_a_batch_sent_twice_is_stored_once(store: Store) -> None:
    put(store, made.suggestion(1, "a"))
    batch = [made.outcome(1, "a"), made.settled(2, "a")]
    assert put(store, *batch).stored == 2
    assert put(store, *batch) == Ack(stored=0, duplicates=2, quarantined=0, high_water=2)
    assert put(store, *batch, made.survival(3, "a")).stored == 1
    assert (count(store, "outcomes"), count(store, "survivals")) == (1, 1)


def test_gaps_are_allowed_and_going_back_is_not(store: Store) -> None:
    put(store, *(made.suggestion(seq) for seq in (1, 5, 90)))
    assert put(store, made.suggestion(7, "late")).duplicates == 1
    with pytest.raises(InvalidEntry, match="goes back"):
        store.submit([made.suggestion(92), made.suggestion(91)])
    with pytest.raises(InvalidEntry, match="goes back"):
        store.submit([made.suggestion(93), made.suggestion(93, "twice")])
    assert count(store, "suggestions") == 3


def test_producers_do_not_share_their_numbers(store: Store) -> None:
    put(store, made.suggestion(5, "a"))
    ack = put(store, made.suggestion(2, "b", producer="gateway-2"))
    assert (ack.stored, ack.high_water) == (1, 2)


@pytest.mark.parametrize("producer", ["it's", "nul\0", "') --", "ann/é"])
def test_a_producer_may_have_any_name(open_store, producer: str) -> None:
    store = open_store()
    for seq in (1, 2):
        assert put(store, made.suggestion(seq, producer=producer)).stored == 1
    store.close()
    ack = put(open_store(), made.suggestion(2, producer=producer))
    assert (ack.duplicates, ack.high_water) == (1, 2)


def test_feedback_on_an_unknown_suggestion_is_orphaned(store: Store) -> None:
    assert put(store, made.outcome(1, "lost"), made.settled(2, "lost")).quarantined == 2
    reasons = store.query("SELECT kind, reason, suggestion_id FROM quarantine ORDER BY seq")
    assert [row["reason"] for row in reasons] == ["orphaned", "orphaned"]
    assert count(store, "outcomes") == count(store, "settlement_content") == 0


def test_feedback_of_another_user_is_kept_apart(store: Store) -> None:
    put(store, made.suggestion(1, "a", user="ann"))
    ack = put(store, made.settled(1, "a", user="bob", producer="spool-bob"))
    assert (ack.stored, ack.quarantined) == (1, 1)
    row = store.query("SELECT reason, user_id FROM quarantine")[0]
    assert row == {"reason": "foreign_user", "user_id": "bob"}
    assert put(store, made.settled(1, "a", user="ann")).quarantined == 0


def test_quarantine_is_found_beyond_what_is_remembered(open_store) -> None:
    store = open_store(StoreSettings(remembered_suggestions=2, threads=1))
    put(store, *(made.suggestion(seq, f"s{seq}") for seq in range(1, 8)))
    assert put(store, made.outcome(1, "s1"), made.outcome(2, "s7")).quarantined == 0
    assert put(store, made.outcome(3, "s1", user="bob")).quarantined == 1


FIRSTS = (
    "SELECT 'outcome' AS what, is_first, suggested_at IS NULL AS lost FROM outcomes UNION ALL "
    "SELECT horizon_s::VARCHAR, is_first, suggested_at IS NULL FROM survivals"
)


def firsts(store: Store) -> list[tuple[str, bool]]:
    rows = store.query(FIRSTS)
    assert not any(row["lost"] for row in rows)
    return sorted((row["what"], row["is_first"]) for row in rows)


@pytest.mark.parametrize("remembered", [1, 1000])
def test_what_was_told_before_is_known_however_long_ago(open_store, remembered: int) -> None:
    settings = StoreSettings(remembered_suggestions=remembered, threads=1)
    store = open_store(settings)
    put(store, *(made.suggestion(seq, f"s{seq}") for seq in range(1, 4)))
    put(store, made.outcome(1, "s1"), made.survival(2, "s1", horizon_s=5), made.outcome(3, "s1"))
    assert firsts(store) == [("5.0", True), ("outcome", False), ("outcome", True)]
    store.close()
    store = open_store(settings)
    put(store, made.suggestion(4, "s4"))
    again = [made.survival(4, "s1", horizon_s=5), made.outcome(5, "s1"), made.outcome(6, "s2")]
    put(store, *again, made.survival(7, "s1", horizon_s=30), made.survival(8, "s1", horizon_s=30))
    told = [("30.0", False), ("30.0", True), ("5.0", False), ("5.0", True)]
    assert firsts(store) == told + [("outcome", False)] * 2 + [("outcome", True)] * 2


def test_who_invents_ages_gains_nothing(store: Store) -> None:
    put(store, made.suggestion(1, "s1"))
    put(store, *(made.survival(seq, "s1", horizon_s=seq) for seq in range(1, 3 * MOST_TOLD)))
    put(store, made.outcome(1000, "s1"))
    told = store.query("SELECT count(*) AS n FROM survivals WHERE is_first")
    assert told == [{"n": MOST_TOLD}]
    assert store.query("SELECT is_first FROM outcomes") == [{"is_first": False}]


class Counted:
    """A connection that counts what it is asked."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.asked = 0
        self._connection = connection

    def execute(self, *given: Any) -> duckdb.DuckDBPyConnection:
        self.asked += 1
        return self._connection.execute(*given)


def test_new_suggestions_are_not_searched_for_among_old_ones(tmp_path: Path) -> None:
    settings = StoreSettings(remembered_suggestions=2, threads=1)
    with closing(Store.open(tmp_path, settings)) as store:
        put(store, *(made.suggestion(seq, f"s{seq}") for seq in range(1, 8)))
    with closing(Database(tmp_path / "store.duckdb", tmp_path, remembered=2)) as database:
        counted = Counted(database.cursor())
        database._issued._connection = cast(duckdb.DuckDBPyConnection, counted)
        assert list(database.issued([("suggestion", "s8"), ("outcome", "s7")])) == ["s7"]
        assert counted.asked == 0
        assert list(database.issued([("outcome", "s1"), ("policy", None)])) == ["s1"]
        assert counted.asked > 0


def everything_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_level_facts_stores_no_text(open_store, folder: Path) -> None:
    store = open_store()
    put(store, made.suggestion(1, "a", level=FeedbackLevel.FACTS))
    # The event claims `full`; the suggestion's own level decides.
    put(store, made.outcome(1, "a"), made.settled(2, "a", accepted_text=made.SECRET))
    row = store.query("SELECT * FROM suggestions")[0]
    assert (row["level"], row["language"], row["prompt_tokens"]) == ("facts", "python", None)
    assert count(store, "suggestion_content") == count(store, "settlement_content") == 0
    assert (count(store, "outcomes"), count(store, "settlements")) == (1, 1)
    store.close()
    assert made.SECRET.encode() not in everything_under(folder)


def test_quarantined_text_is_not_kept(open_store, folder: Path) -> None:
    store = open_store()
    put(store, made.settled(1, "lost"))
    store.close()
    assert made.SECRET.encode() not in everything_under(folder)


def test_the_secret_is_found_where_it_may_be(open_store, folder: Path) -> None:
    """The two tests above could otherwise pass by looking in the wrong place."""
    store = open_store()
    put(store, made.suggestion(1, "a"))
    store.close()
    assert made.SECRET.encode() in everything_under(folder)


def test_level_off_stores_nothing_and_lets_the_spool_go_on(store: Store) -> None:
    ack = put(store, made.suggestion(1, "a", level=FeedbackLevel.OFF))
    assert ack == Ack(stored=0, duplicates=0, quarantined=0, high_water=1)
    ack = put(store, made.outcome(1, "a", level=FeedbackLevel.OFF))
    assert (ack.stored, ack.high_water) == (0, 1)
    assert store.ingest_seq == 0


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (NewEntry("p", 1, "nonsense", "u", "t", {}), "unknown kind"),
        (NewEntry("p", 0, "policy", "u", "t", {"name": "n", "status": "live"}), "seq from 1"),
        (NewEntry("", 1, "policy", "u", "t", {"name": "n", "status": "live"}), "producer"),
        (NewEntry("p", 1, "policy", "u", "t", {"status": "live"}), "name"),
        (NewEntry("p", 1, "outcome", "u", "t", {"outcome": "perhaps"}), "outcome"),
        (NewEntry("p", 1, "policy", "u", "t", {"name": "n", "status": float("nan")}), "JSON"),
        (NewEntry("p", 1, "policy", "u", "t", {"name": "\ud800", "status": "x"}), "JSON"),
        (NewEntry("p", 1, "policy", "u", "t", {"name": "n", "status": object()}), "JSON"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_once(store: Store, entry: NewEntry, says: str) -> None:
    with pytest.raises(InvalidEntry, match=says):
        store.submit([entry])
    assert store.ingest_seq == 0


def test_what_the_tables_refuse_never_reaches_the_log(open_store) -> None:
    """Otherwise every later start would replay it and fail."""
    store = open_store()
    huge = made.suggestion(1, "huge", document_version=2**70)
    futures = [store.submit([huge]), store.submit([made.suggestion(2, "fine")])]
    with pytest.raises(InvalidEntry, match="does not fit"):
        futures[0].result(WAIT_S)
    assert futures[1].result(WAIT_S).stored == 1
    assert store.trouble is None
    store.close()
    assert open_store().query("SELECT suggestion_id FROM suggestions") == [
        {"suggestion_id": "fine"}
    ]


def test_text_survives_as_it_is(store: Store) -> None:
    text = 'tab\t nul\x00 crlf\r\n astral 😀 sep\u2028 quote" back\\ é e\u0301 $1 {}\n'
    put(store, made.suggestion(1, "a"), made.settled(1, "a", settled_text=text))
    assert store.query("SELECT settled_text AS t FROM settlement_content")[0]["t"] == text


def test_queries_cannot_write_or_leave_the_folder(store: Store, tmp_path: Path) -> None:
    for sql in (
        "DELETE FROM suggestions",
        "CREATE TABLE t (a INTEGER)",
        f"COPY (SELECT 1) TO '{tmp_path / 'leak.csv'}'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            store.query(sql)
    assert store.query("SELECT ? + 1 AS n", [1]) == [{"n": 2}]


def test_events_of_wire_version_1_are_accepted_forever(store: Store) -> None:
    text = (SAMPLES / "wire_v1.json").read_text(encoding="utf-8")
    batch = FeedbackBatch.model_validate_json(text)
    ids = sorted({event.suggestion_id for event in batch.events} - {""})
    put(store, *(made.suggestion(seq, one) for seq, one in enumerate(ids, start=1)))
    ack = put(store, *entries_of(batch, "ann", "core"))
    assert (ack.stored, ack.quarantined) == (len(batch.events), 0)
    assert ack.high_water == batch.events[-1].seq
    tables = ("outcomes", "settlements", "survivals", "losses")
    assert sum(count(store, table) for table in tables) == len(batch.events)
    assert {row["outcome"] for row in store.query("SELECT outcome FROM outcomes")} == set(Outcome)
    assert store.query("SELECT max(age_s) AS age FROM survivals") == [{"age": 52000.5}]
    [lost] = store.query("SELECT texts, events, producer FROM losses")
    assert lost == {"texts": 3, "events": 1, "producer": batch.producer}

"""A question reads tables, and nothing else: one SELECT, within time and rows."""

from pathlib import Path

import pytest

from feedback_store.asking import BadQuestion, QuestionTooLong, ask
from feedback_store.config import QuerySettings
from feedback_store.operations import Operations
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import put

LONG = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"


@pytest.fixture
def operations(store: Store) -> Operations:
    put(store, *made.refused(1), *made.refused(2)[:1])
    return Operations(store, query=QuerySettings(max_rows=3, timeout_s=0.2))


def test_facts_are_answered(operations: Operations) -> None:
    sql = "WITH mine AS (SELECT outcome FROM outcomes) SELECT outcome, count(*) AS n FROM mine "
    sql += "GROUP BY outcome; -- and no more"
    answer = operations.query("root", sql, with_content=False)
    assert (answer.columns, answer.rows, answer.truncated) == (
        ("outcome", "n"),
        (("rejected", 1),),
        False,
    )


def test_rows_are_cut_off_and_the_answer_says_so(operations: Operations) -> None:
    answer = operations.query("root", "SELECT * FROM range(9) ORDER BY 1", with_content=False)
    assert (answer.rows, answer.truncated) == (((0,), (1,), (2,)), True)
    one = operations.query("root", "SELECT * FROM range(9)", with_content=False, max_rows=1)
    assert len(one.rows) == 1


def test_a_long_question_is_interrupted_and_the_store_goes_on(
    store: Store, operations: Operations
) -> None:
    with pytest.raises(QuestionTooLong, match=r"0\.2 s"):
        operations.query("root", LONG, with_content=False)
    assert put(store, made.suggestion(9)).stored == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM suggestion_content",
        "SELECT (SELECT min(settled_text) FROM settlement_content)",
        "SELECT 1 FROM suggestions LIMIT (SELECT length(path) FROM SUGGESTION_CONTENT)",
        "WITH suggestion_content AS (SELECT 1) SELECT * FROM main.suggestion_content",
        "SELECT * FROM (WITH settlement_content AS (SELECT 1) SELECT 1), settlement_content",
        "FROM query('SELECT * FROM suggestion' || '_content')",
        "FROM query_table('suggestion_content')",
        "SUMMARIZE suggestion_content",
        "FROM (DESCRIBE suggestion_content)",
        "SELECT json_serialize_plan('SELECT path FROM suggestion_content', optimize := true)",
        "SELECT json_execute_serialized_sql(json_serialize_sql('FROM suggestion_content'))",
        "SELECT * FROM (WITH duckdb_tables AS (SELECT 1) SELECT 1), duckdb_tables",
        "SELECT " + "+".join(["1"] * 900),
    ],
)
def test_code_needs_leave(operations: Operations, sql: str) -> None:
    with pytest.raises(BadQuestion):
        operations.query("root", sql, with_content=False)


def test_with_leave_code_is_shown(operations: Operations) -> None:
    sql = "SELECT settled_text FROM settlement_content"
    assert made.SECRET in str(operations.query("root", sql, with_content=True).rows)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("DELETE FROM suggestions", "one SELECT"),
        ("SELECT 1; DROP TABLE meta", "one SELECT"),
        ("COPY suggestions TO 'x.csv'", "one SELECT"),
        ("PRAGMA version", "function pragma_version"),
        ("SET threads = 9", "one SELECT"),
        ("ATTACH 'x.duckdb'", "one SELECT"),
        ("EXPLAIN ANALYZE SELECT 1", "one SELECT"),
        ("SELECT 1) UNION (SELECT 2", "no SQL"),
        ("", "one SELECT"),
        ("SELECT * FROM read_text('/etc/hostname')", "function read_text"),
        ("SELECT * FROM duckdb_settings()", "function duckdb_settings"),
        ("SELECT * FROM 'batches/000001/batch.parquet'", "no table"),
        (
            "SELECT * FROM (WITH \"b/x.parquet\" AS (SELECT 1) SELECT 1), 'b/x.parquet'",
            "no table",
        ),
        ("SELECT * FROM information_schema.tables", "no table"),
        ("SELECT * FROM other.main.suggestions", "no table"),
        ("SELECT nothing FROM suggestions", "nothing"),
    ],
)
def test_what_is_no_question_is_refused(operations: Operations, sql: str, says: str) -> None:
    with pytest.raises(BadQuestion, match=says):
        operations.query("root", sql, with_content=True)


def test_bytes_are_shown_as_digits(operations: Operations) -> None:
    found = operations.query("root", "SELECT '\\xff'::BLOB AS b", with_content=False)
    assert found.rows == (("ff",),)


def test_a_parquet_in_the_export_folder_is_out_of_reach(store: Store, folder: Path) -> None:
    put(store, *made.refused(1))
    store.export(1, 10)
    path = (folder / "batches" / "000001" / "batch.parquet").absolute()
    assert store.query(f"SELECT count(*) AS n FROM '{path}'") == [{"n": 1}]
    with pytest.raises(BadQuestion):
        ask(store.cursor(), f"FROM '{path}'", max_rows=9, timeout_s=9, with_content=False)


def test_every_question_is_audited(store: Store, operations: Operations) -> None:
    operations.query("ann", "SELECT 1", with_content=False)
    with pytest.raises(BadQuestion):
        operations.query("bob", "DROP TABLE meta", with_content=False)
    rows = store.query("SELECT user_id, action, detail->>'$.sql' AS sql FROM audit ORDER BY 1")
    assert [(row["user_id"], row["sql"]) for row in rows] == [
        ("ann", "SELECT 1"),
        ("bob", "DROP TABLE meta"),
    ]

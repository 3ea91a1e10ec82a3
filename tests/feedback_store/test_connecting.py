"""The database is opened with its guards on, and no SQL takes them off."""

from pathlib import Path

import duckdb
import pytest

from feedback_store.asking import QuestionTooLong, ask
from feedback_store.connecting import connect, literal
from feedback_store.errors import CorruptDatabase


@pytest.fixture
def connection(tmp_path: Path):
    (tmp_path / "batches").mkdir()
    with connect(tmp_path / "x.duckdb", tmp_path / "batches", 1, 64) as connection:
        yield connection


def test_the_limits_are_those_of_the_settings(connection, tmp_path: Path) -> None:
    names = ("threads", "memory_limit", "allowed_directories", "enable_external_access")
    names += ("lock_configuration", "autoinstall_known_extensions", "autoload_known_extensions")
    row = connection.execute(
        "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)
    ).fetchone()
    found = dict(zip(names, row, strict=True))
    # Where DuckDB puts what does not fit into memory is its own, too.
    spill = f"{tmp_path / 'x.duckdb.tmp'}/"
    assert set(found.pop("allowed_directories")) == {spill, f"{tmp_path / 'batches'}/"}
    assert found == {
        "threads": 1,
        "memory_limit": "64.0 MiB",
        "enable_external_access": False,
        "lock_configuration": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{outside}')",
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM '{outside}'",
        "SELECT * FROM glob('{folder}/*')",
        "COPY (SELECT 1) TO '{folder}/leak.csv'",
        "COPY (SELECT 1) TO '{folder}/batches/../leak.csv'",
        "ATTACH '{folder}/other.duckdb'",
        "EXPORT DATABASE '{folder}/export'",
        "INSTALL httpfs",
        "SELECT * FROM read_text('http://127.0.0.1:9/x')",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '9GB'",
        "SET threads = 9",
        "RESET lock_configuration",
    ],
)
def test_no_sql_reaches_another_file_or_changes_a_limit(
    connection, tmp_path: Path, sql: str
) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("a\n1\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(duckdb.Error):
        connection.execute(sql.format(outside=outside, folder=tmp_path)).fetchall()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_export_folder_is_within_reach(connection, tmp_path: Path) -> None:
    connection.execute(f"COPY (SELECT 1 AS a) TO '{tmp_path}/batches/x.parquet'")
    assert connection.execute(f"FROM '{tmp_path}/batches/x.parquet'").fetchall() == [(1,)]


def test_a_question_gets_no_more_memory_than_there_is_for_it(connection) -> None:
    sql = "SELECT len(list(range)) FROM range(100000000)"
    with pytest.raises(QuestionTooLong, match="memory"):
        ask(connection.cursor(), sql, max_rows=1, timeout_s=60, with_content=False)
    assert connection.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize("text", ["", "plain", "it's", "nul\0s\0", "'||'", "\\'", "é 😀\n"])
def test_text_written_into_sql_is_that_text(connection, text: str) -> None:
    assert connection.execute(f"SELECT {literal(text)}").fetchone() == (text,)


def test_what_is_no_database_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_bytes(b"nothing" * 999)
    with pytest.raises(CorruptDatabase, match="hone-store rebuild"):
        connect(tmp_path / "x.duckdb", tmp_path, 1, 64)

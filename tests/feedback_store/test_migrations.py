"""Schema changes are applied once, in order, whole or not at all."""

import itertools
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from feedback_store.config import StoreSettings
from feedback_store.database import Database
from feedback_store.errors import ChangedMigration, NewerSchema
from feedback_store.events import Outcome
from feedback_store.migrations import Migration, migrate, shipped
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import WAIT_S

REPORTS = ("outcomes", "survivals")
COUNTED_UNDER = ("policy_version", "language", "holdout", "suggested_at", "is_first")

FIRST = Migration(1, "first", "CREATE TABLE a (x BIGINT); INSERT INTO a VALUES (1);")
SECOND = Migration(2, "second", "ALTER TABLE a ADD COLUMN y VARCHAR;")


def tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    rows = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    return {row[0] for row in rows}


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        yield connection


def test_only_what_is_missing_is_applied(connection) -> None:
    assert migrate(connection, [FIRST]) == [FIRST]
    assert migrate(connection, [FIRST, SECOND]) == [SECOND]
    assert migrate(connection, [FIRST, SECOND]) == []
    assert connection.execute("SELECT x, y FROM a").fetchall() == [(1, None)]
    recorded = connection.execute("SELECT version, name, sha256 FROM schema_migrations").fetchall()
    assert recorded == [(1, "first", FIRST.sha256), (2, "second", SECOND.sha256)]


def test_a_failing_migration_leaves_no_half(connection) -> None:
    migrate(connection, [FIRST])
    bad = Migration(2, "bad", "CREATE TABLE b (x BIGINT); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(duckdb.CatalogException):
        migrate(connection, [FIRST, bad])
    assert tables(connection) == {"a", "schema_migrations"}
    assert migrate(connection, [FIRST, SECOND]) == [SECOND]


def test_a_newer_schema_is_refused(connection) -> None:
    migrate(connection, [FIRST, SECOND])
    with pytest.raises(NewerSchema, match=r"schema 2.*up to 1.*update Hone"):
        migrate(connection, [FIRST])


def test_a_changed_migration_is_refused(connection) -> None:
    migrate(connection, [FIRST])
    with pytest.raises(ChangedMigration, match="migration 1"):
        migrate(connection, [Migration(1, "first", FIRST.sql + " -- changed")])


def test_opening_a_newer_database_says_so(tmp_path: Path) -> None:
    newer = Migration(99, "future", "CREATE TABLE future (x BIGINT);")
    path = tmp_path / "store.duckdb"
    Database(path, tmp_path, threads=1, migrations=[*shipped(), newer]).close()
    with pytest.raises(NewerSchema, match="schema 99"):
        Database(path, tmp_path, threads=1)


def test_what_was_stored_before_is_counted_as_if_it_came_now(tmp_path: Path) -> None:
    """Reports that an older release stored say the same of their suggestions as new ones."""
    entries = [made.suggestion(1, "a"), made.suggestion(2, "b", holdout=True, language="go")]
    entries += [made.suggestion(3, "a", policy_version="hone-000009")]
    entries += [made.outcome(1, "a"), made.outcome(2, "a", Outcome.DIVERGED), made.outcome(3, "b")]
    entries += [made.survival(4, "a"), made.survival(5, "a"), made.survival(6, "a", horizon_s=5)]
    settings = StoreSettings(threads=1)
    with closing(Store.open(tmp_path / "data", settings)) as store:
        for day, entry in enumerate(entries):  # the clock goes back: what came first counts
            store.submit([entry], at=datetime(2026, 11, 20 - day, tzinfo=UTC)).result(WAIT_S)
        expected = {table: store.query(f"SELECT * FROM {table}") for table in REPORTS}
    with duckdb.connect(str(tmp_path / "data" / "store.duckdb")) as connection:
        for table, column in itertools.product(REPORTS, COUNTED_UNDER):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("DELETE FROM schema_migrations WHERE version = 4")
    with closing(Store.open(tmp_path / "data", settings)) as store:
        assert {table: store.query(f"SELECT * FROM {table}") for table in REPORTS} == expected
    assert [path.name for path in (tmp_path / "data/backups").iterdir()] == [
        "before-schema-4.duckdb"
    ]


def test_the_shipped_migrations_make_the_tables(connection) -> None:
    migrations = shipped()
    assert [migration.version for migration in migrations] == [*range(1, len(migrations) + 1)]
    migrate(connection, migrations)
    assert tables(connection) == {
        "audit",
        "batch_items",
        "batch_states",
        "batches",
        "decisions",
        "erasures",
        "losses",
        "meta",
        "outcomes",
        "policies",
        "producers",
        "quarantine",
        "schema_migrations",
        "settlement_content",
        "settlements",
        "suggestion_content",
        "suggestions",
        "survivals",
    }
    assert connection.execute("SELECT * FROM duckdb_indexes()").fetchall() == []

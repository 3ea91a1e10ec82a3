"""The DuckDB file: opened with its guards on, written in whole transactions, read by cursors.

Knows DuckDB. Does not know the log, threads or what entries mean (feedback_store.projection).
"""

import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from feedback_store.errors import CorruptDatabase, InvalidEntry
from feedback_store.migrations import Migration, migrate, shipped
from feedback_store.projection import Issued, Row, Rows, project

LEDGER = ("meta", "producers", "schema_migrations")
"""Tables that are updated in place; all others are append-only."""
_UNFIT = (
    duckdb.DataError,
    duckdb.IntegrityError,
    duckdb.InvalidInputException,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)
"""Errors that are the entry's fault, not the disk's."""
_REPLAY_ENTRIES = 5000


@dataclass(frozen=True)
class _Staged:
    """What becomes true with the commit."""

    ingest_seq: int
    high_water: dict[str, int]
    fresh: dict[str, Issued]
    last_batch_seq: int


class Database:
    """One open database file. One thread may write; any thread may `query`."""

    def __init__(
        self,
        path: Path,
        exports: Path,
        *,
        threads: int = 2,
        memory_limit_mib: int = 1024,
        remembered: int = 200_000,
        migrations: list[Migration] | None = None,
    ) -> None:
        """Open or create the file and migrate it. `exports` is the only folder SQL may write to.

        Raises CorruptDatabase, NewerSchema or ChangedMigration.
        """
        self._path = path
        self._root = _connect(path, exports, threads, memory_limit_mib)
        self._lock = threading.Lock()
        self._issued: OrderedDict[str, Issued] = OrderedDict()
        self._remembered = remembered
        self._staged: _Staged | None = None
        try:
            self._writer = self._root.cursor()
            migrate(self._writer, shipped() if migrations is None else migrations)
            self._inserts = _insert_statements(self._writer)
            self.ingest_seq: int = self._scalar("SELECT ingest_seq FROM meta")
            rows = self._writer.execute("SELECT producer, high_water FROM producers").fetchall()
            self.high_water: dict[str, int] = dict(rows)
            self.last_batch_seq: int = self._scalar(
                "SELECT coalesce(max(ingest_seq), 0) FROM batches"
            )
        except duckdb.Error as error:
            self._root.close()
            raise CorruptDatabase(_damaged(path, error)) from error
        except BaseException:
            self._root.close()
            raise

    def issued(self, suggestion_ids: Iterable[str]) -> dict[str, Issued]:
        """Return whom the suggestions were issued to; unknown ones are absent. Writer only."""
        wanted = set(suggestion_ids)
        found = {i: self._issued[i] for i in wanted if i in self._issued}
        missing = sorted(wanted - set(found))
        if missing:
            rows = self._writer.execute(
                "SELECT suggestion_id, user_id, level FROM suggestions "
                "WHERE suggestion_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY ingest_seq DESC",
                [missing],
            ).fetchall()
            # The first row with an id counts, so it is taken last.
            found.update((i, Issued(user, level)) for i, user, level in rows)
        return found

    def stage(self, entries: Sequence[Row]) -> None:
        """Write entries, in order of ingest_seq, into a transaction that `commit` ends.

        Raises InvalidEntry if one of them does not fit the tables; then, and on any other
        exception, nothing was changed.
        """
        last = entries[-1]["ingest_seq"]
        marks: dict[str, int] = {}
        for entry in entries:
            marks[entry["producer"]] = max(entry["seq"], marks.get(entry["producer"], 0))
        self._writer.execute("BEGIN TRANSACTION")
        try:
            rows, fresh = self._project(entries)
            self._insert(rows)
            self._raise_marks(marks, last)
        except _UNFIT as error:
            self.rollback()
            raise InvalidEntry(f"the entry does not fit the tables: {error}") from error
        except BaseException:
            self.rollback()
            raise
        batches = (row["ingest_seq"] for table, row in rows if table == "batches")
        self._staged = _Staged(last, marks, fresh, max(batches, default=self.last_batch_seq))

    def commit(self) -> None:
        """Make what was staged durable. On an exception the database must be opened anew."""
        staged, self._staged = self._staged, None
        if staged is None:
            return
        self._writer.execute("COMMIT")
        self.ingest_seq = staged.ingest_seq
        self.high_water.update(staged.high_water)
        self.last_batch_seq = staged.last_batch_seq
        self._remember(staged.fresh)

    def rollback(self) -> None:
        """Forget what was staged."""
        self._staged = None
        # The failed statement may have ended the transaction, or the database be gone.
        with contextlib.suppress(duckdb.Error):
            self._writer.execute("ROLLBACK")

    def replay(self, entries: Iterable[Row]) -> int:
        """Apply what lies above this database's ingest_seq; return how many entries that was."""
        count = 0
        for group in _groups(entries, _REPLAY_ENTRIES):
            self.stage(group)
            self.commit()
            count += len(group)
        return count

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run one SELECT on a cursor of its own, read-only; any thread."""
        cursor = self.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            cursor.execute(sql, list(params))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a new cursor, to be closed by the caller."""
        with self._lock:
            return self._root.cursor()

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file."""
        self._writer.execute("CHECKPOINT")

    def close(self) -> None:
        """Close the file; what is committed stays, what is not is gone."""
        with self._lock:
            self._writer.close()
            self._root.close()

    def _project(self, entries: Sequence[Row]) -> tuple[Rows, dict[str, Issued]]:
        """Return all rows, and the suggestions among the entries."""
        ids = {entry["payload"].get("suggestion_id") for entry in entries}
        fresh = {e["payload"]["suggestion_id"] for e in entries if e["kind"] == "suggestion"}
        known = self.issued(ids - fresh - {None})
        new: dict[str, Issued] = {}
        rows: Rows = []
        for entry in entries:
            suggestion_id = entry["payload"].get("suggestion_id", "")
            if entry["kind"] == "suggestion" and suggestion_id not in known:
                issued = Issued(entry["user"], entry["payload"]["level"])
                known[suggestion_id] = new[suggestion_id] = issued
            rows += project(entry, known.get(suggestion_id))
        return rows, new

    def _insert(self, rows: Rows) -> None:
        tables: dict[str, list[Row]] = {}
        for table, row in rows:
            tables.setdefault(table, []).append(row)
        for table, batch in tables.items():
            self._writer.execute(self._inserts[table], [json.dumps(batch, ensure_ascii=False)])

    def _raise_marks(self, high_water: dict[str, int], ingest_seq: int) -> None:
        for producer, mark in high_water.items():
            statement = (
                "UPDATE producers SET high_water = $mark WHERE producer = $producer"
                if producer in self.high_water
                else "INSERT INTO producers (producer, high_water) VALUES ($producer, $mark)"
            )
            self._writer.execute(statement, {"producer": producer, "mark": mark})
        self._writer.execute("UPDATE meta SET ingest_seq = ?", [ingest_seq])

    def _remember(self, fresh: dict[str, Issued]) -> None:
        self._issued.update(fresh)
        while len(self._issued) > self._remembered:
            self._issued.popitem(last=False)

    def _scalar(self, sql: str) -> Any:
        row = self._writer.execute(sql).fetchone()
        return row[0] if row else None


def _connect(
    path: Path, exports: Path, threads: int, memory_limit_mib: int
) -> duckdb.DuckDBPyConnection:
    """Open the file so that no SQL reaches the internet or a file outside `exports`."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": threads,
        "memory_limit": f"{memory_limit_mib}MiB",
    }
    try:
        connection = duckdb.connect(str(path), config=config)
    except duckdb.Error as error:
        raise CorruptDatabase(_damaged(path, error)) from error
    allowed = str(exports.absolute()).replace("'", "''")
    connection.execute(f"SET allowed_directories = ['{allowed}/']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _insert_statements(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return one bulk insert per table: all rows as one JSON parameter.

    DuckDB 1.5 has no appender for Python, and this is sixty times faster than executemany.
    """
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'main' ORDER BY table_name, ordinal_position"
    ).fetchall():
        columns.setdefault(table, {})[column] = kind
    return {
        table: f"INSERT INTO {table} BY NAME SELECT unnest("
        f"from_json_strict(?, '{json.dumps([kinds])}'), max_depth := 2)"
        for table, kinds in columns.items()
    }


def _groups(entries: Iterable[Row], size: int) -> Iterator[list[Row]]:
    group: list[Row] = []
    for entry in entries:
        group.append(entry)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _damaged(path: Path, error: duckdb.Error) -> str:
    return (
        f"cannot open {path}: {error}. The log holds everything: `hone-store rebuild` makes the "
        "database anew."
    )

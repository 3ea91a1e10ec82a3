"""The DuckDB file: opened with its guards on, written in whole transactions, read by cursors.

Knows DuckDB. Does not know the log, threads or what entries mean (feedback_store.projection).
"""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from feedback_store.connecting import connect, damaged, literal
from feedback_store.errors import CorruptDatabase, InvalidEntry
from feedback_store.folding import Folding, wal_bytes
from feedback_store.issued import IssuedSuggestions
from feedback_store.migrations import Migration, migrate, shipped
from feedback_store.projection import (
    FORGET,
    Issued,
    Known,
    Logged,
    logged,
    own_producer,
)
from feedback_store.tables import Row, statements

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
_FEW_CHARACTERS = 100_000
_FOLD_AT = 64 << 20
"""Bytes of the write-ahead log at which a replay, beside which nothing is committed, folds it."""


@dataclass(frozen=True)
class _Staged:
    """What becomes true with the commit."""

    ingest_seq: int
    high_water: dict[str, int]
    fresh: dict[str, Issued]
    erased: set[str]
    last_batch_seq: int


class Database:
    """One open database file. One thread may write; any thread may `query`."""

    def __init__(
        self,
        path: Path,
        exports: Path,
        *,
        threads: int = 2,
        memory_limit_mib: int = 768,
        remembered: int = 200_000,
        migrations: list[Migration] | None = None,
        before_migration: Callable[[int], None] = lambda version: None,
    ) -> None:
        """Open or create the file and migrate it. `exports` is the only folder SQL may write to.

        `before_migration` is called, with the schema's version, when the file is whole and about
        to be changed. Raises CorruptDatabase, NewerSchema or ChangedMigration.
        """
        self._path = path
        self._root = connect(path, exports, threads, memory_limit_mib)
        self._lock = threading.Lock()
        self._remembered = remembered
        self._staged: _Staged | None = None
        self._folding: Folding | None = None
        self._prepared: set[str] = set()
        try:
            self._writer = self._root.cursor()
            wanted = shipped() if migrations is None else migrations
            migrate(self._writer, wanted, self._checkpointed(before_migration))
            self._load()
        except duckdb.Error as error:
            self._root.close()
            raise CorruptDatabase(damaged(path, error)) from error
        except BaseException:
            self._root.close()
            raise

    def issued(self, about: Iterable[tuple[str, str | None]]) -> dict[str, Issued]:
        """Return what is known of the suggestions that entries are about; unknown ones are absent.

        `about` are the entries' kinds and suggestions. The id of one that is being issued is
        random: if it is not remembered it is new, and not searched for among millions. Writer only.
        """
        named = [(kind, name) for kind, name in about if name]
        fresh = {name for kind, name in named if kind == "suggestion"}
        found = self._issued.remembered(fresh)
        return found | self._issued.find({name for _, name in named} - fresh)

    def stage(self, entries: Sequence[Logged], fresh: dict[str, Issued]) -> None:
        """Write entries, in order of ingest_seq, into a transaction that `commit` ends.

        `fresh` is what became known of suggestions with them. Raises InvalidEntry if
        an entry does not fit the tables; then, and on any other exception, nothing was changed.
        """
        marks: dict[str, int] = {}
        for entry in entries:
            marks[entry.producer] = max(entry.seq, marks.get(entry.producer, 0))
        marks.pop("", None)
        erased = {entry.about for entry in entries if entry.group == "erasure"}
        self._writer.execute("BEGIN TRANSACTION")
        try:
            self._insert(entries)
            self._raise_marks(marks, entries[-1].ingest_seq)
            for user, sql in itertools.product(sorted(erased), FORGET):
                self._writer.execute(sql, {"user": user})
        except _UNFIT as error:
            self.rollback()
            raise InvalidEntry(f"the entry does not fit the tables: {error}") from error
        except BaseException:
            self.rollback()
            raise
        batches = (entry.ingest_seq for entry in entries if entry.group == "batch")
        last_batch = max(batches, default=self.last_batch_seq)
        self._staged = _Staged(entries[-1].ingest_seq, marks, fresh, erased, last_batch)

    def commit(self) -> None:
        """Make what was staged durable. On an exception the database must be opened anew."""
        staged, self._staged = self._staged, None
        if staged is None:
            return
        self._writer.execute("COMMIT")
        self.ingest_seq = staged.ingest_seq
        self.high_water.update(staged.high_water)
        self.last_batch_seq = staged.last_batch_seq
        self._issued.remember(staged.fresh)
        if staged.erased:
            self._forget(staged.erased)

    def rollback(self) -> None:
        """Forget what was staged."""
        self._staged = None
        # The failed statement may have ended the transaction, or the database be gone.
        with contextlib.suppress(duckdb.Error):
            self._writer.execute("ROLLBACK")

    def replay(self, entries: Iterable[tuple[Row, bytes]]) -> int:
        """Apply what lies above this database's ingest_seq; return how many entries that was."""
        count = 0
        for group in _groups(entries, _REPLAY_ENTRIES):
            about = [(entry["kind"], entry["payload"].get("suggestion_id")) for entry, _ in group]
            known = Known(self.issued(about))
            self.stage([logged(entry, body, known) for entry, body in group], known.new)
            self.commit()
            count += len(group)
            if wal_bytes(self._path) >= _FOLD_AT:
                self.checkpoint()
        return count

    def fold_beside(self, at_bytes: int) -> None:
        """From here on, fold the write-ahead log whenever it is so large, beside the commits."""
        self._folding = Folding(self._path, self._root, lambda: self.ingest_seq, at_bytes)

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

    def _checkpointed(self, work: Callable[[int], None]) -> Callable[[int], None]:
        def after_checkpoint(version: int) -> None:
            self.checkpoint()
            work(version)

        return after_checkpoint

    def close(self) -> None:
        """Close the file; what is committed stays, what is not is gone."""
        if self._folding is not None:
            self._folding.close()
        with self._lock:
            self._writer.close()
            self._root.close()

    def _insert(self, entries: Sequence[Logged]) -> None:
        groups: dict[str, list[bytes]] = {}
        for entry in entries:
            groups.setdefault(entry.group, []).append(entry.row)
        for group, bodies in groups.items():
            found = statements(group)
            text = b"[%s]" % b",".join(bodies) if found else b""
            for number, statement in enumerate(found):
                self._run(f"{group}_{number}", statement, text.decode())

    def _run(self, name: str, statement: str, text: str) -> None:
        """Run a statement over entries; one over few is prepared once.

        To plan it takes four times as long as to run it then. A prepared statement takes no
        parameter through Python, only a literal, which costs more where it is long.
        """
        if len(text) > _FEW_CHARACTERS:
            self._writer.execute(statement, [text])
            return
        if name not in self._prepared:
            self._writer.execute(f"PREPARE {name} AS {statement.replace('?', '?::VARCHAR', 1)}")
            self._prepared.add(name)
        self._writer.execute(f"EXECUTE {name}({literal(text)})")

    def _raise_marks(self, high_water: dict[str, int], ingest_seq: int) -> None:
        """Put the new marks in the old ones' place, without UPDATE: see feedback_store.folding."""
        names = {producer: literal(producer) for producer in high_water}
        if known := [names[producer] for producer in names if producer in self.high_water]:
            self._writer.execute(f"DELETE FROM producers WHERE producer IN ({', '.join(known)})")
        if rows := [f"({names[producer]}, {mark:d})" for producer, mark in high_water.items()]:
            self._writer.execute(f"INSERT INTO producers VALUES {', '.join(rows)}")
        self._writer.execute("DELETE FROM meta")
        self._writer.execute(f"INSERT INTO meta VALUES ({ingest_seq:d})")

    def _load(self) -> None:
        """Read into memory what every commit needs."""
        self.ingest_seq: int = self._scalar("SELECT ingest_seq FROM meta")
        rows = self._writer.execute("SELECT producer, high_water FROM producers").fetchall()
        self.high_water: dict[str, int] = dict(rows)
        self.last_batch_seq: int = self._scalar("SELECT coalesce(max(ingest_seq), 0) FROM batches")
        rows = self._writer.execute("SELECT DISTINCT user_id FROM erasures").fetchall()
        self.erased: set[str] = {user for (user,) in rows}
        self._issued = IssuedSuggestions(self._writer, self._remembered)

    def _forget(self, users: set[str]) -> None:
        """Let nothing of erased users count any more."""
        self.erased |= users
        self._issued.forget(users)
        for producer in list(self.high_water):
            if any(own_producer(user, producer) for user in users):
                del self.high_water[producer]

    def _scalar(self, sql: str) -> Any:
        row = self._writer.execute(sql).fetchone()
        return row[0] if row else None


def _groups(entries: Iterable[tuple[Row, bytes]], size: int) -> Iterator[list[tuple[Row, bytes]]]:
    group: list[tuple[Row, bytes]] = []
    for entry in entries:
        group.append(entry)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group

"""The store as the gateway sees it: open, submit, record, query, export, close.

Knows who owns the data folder and how its parts fit. Does not know HTTP, policies or training.
One process owns a data folder at a time; everybody else reads what it publishes.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb

from feedback_store import export
from feedback_store.config import StoreSettings
from feedback_store.entries import Ack, NewEntry, check
from feedback_store.errors import StoreUnavailable
from feedback_store.export import Export, TooLittle
from feedback_store.folder import BATCHES, FolderLock, build, recover, swap
from feedback_store.log import AppendFile, DiskFile
from feedback_store.maintenance import describe
from feedback_store.writer import Writer, utc_now

_LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


class Store:
    """An open data folder. Every method may be called by any thread."""

    def __init__(
        self,
        folder: Path,
        settings: StoreSettings,
        lock: FolderLock,
        writer: Writer,
        clock: Callable[[], datetime],
    ) -> None:
        """Use `Store.open`."""
        self.folder = folder
        self.settings = settings
        self._lock = lock
        self._writer = writer
        self.now = clock
        """The clock by which entries are received."""
        self._own = f"gateway-{uuid.uuid4()}"
        self._own_seq = 0
        self._own_lock = threading.Lock()
        self._export_lock = threading.Lock()

    @classmethod
    def open(
        cls,
        folder: Path,
        settings: StoreSettings | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        open_file: Callable[[Path], AppendFile] = DiskFile,
        passed: Callable[[str], None] = lambda point: None,
    ) -> Self:
        """Take the folder's lock, migrate, recover, and start the writer.

        Raises StoreLocked, CorruptLog, CorruptDatabase, NewerSchema, ChangedMigration or OSError.
        `open_file` and `passed` let tests watch the disk and stop at every point of a commit.
        """
        settings = settings or StoreSettings()
        lock = FolderLock(folder)
        try:
            writer = Writer(lambda: recover(folder, settings, open_file), settings, clock, passed)
        except BaseException:
            lock.release()
            raise
        store = cls(folder, settings, lock, writer, clock)
        writer.start()
        store._publish_missing()
        return store

    @property
    def trouble(self) -> str | None:
        """Why nothing is accepted now, such as a full disk; None while all is well."""
        return self._writer.trouble

    @property
    def waiting(self) -> int:
        """How many entries wait to be written."""
        return self._writer.waiting

    @property
    def token(self) -> str:
        """What LOCK says of this owner of this folder."""
        return self._lock.token

    @property
    def ingest_seq(self) -> int:
        """The number of the last entry that is committed."""
        return self._writer.database.ingest_seq

    def submit(self, entries: Sequence[NewEntry], at: datetime | None = None) -> "Future[Ack]":
        """Store entries. The future resolves once they are on disk, in log and database.

        Entries of one producer must be submitted in rising order of `seq`; lower ones count as
        duplicates. `at` is when they were received, if not now: imports keep their times. Raises
        InvalidEntry at once; the future may raise StoreUnavailable (nothing was promised: send
        the same entries, with the same `seq`, again later).
        """
        return self._writer.submit(entries, check(entries), at)

    def record(
        self, kind: str, payload: dict[str, Any], *, user: str = "", team: str = ""
    ) -> "Future[Ack]":
        """Store an entry of this process's own, numbered by the store (producer gateway-UUID)."""
        with self._own_lock:
            entry = NewEntry(self._own, self._own_seq + 1, kind, user, team, payload)
            future = self.submit([entry])
            self._own_seq += 1
            return future

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run one SELECT, read-only, on a cursor of its own; times are naive UTC.

        Raises duckdb.Error for bad SQL, StoreUnavailable while the database is away.
        """
        try:
            return self._writer.database.query(sql, params)
        except duckdb.ConnectionException as error:
            raise StoreUnavailable(f"the database is not open: {error}") from error

    def export(
        self,
        min_items: int,
        max_items: int,
        *,
        include_holdout: bool = True,
        now: datetime | None = None,
    ) -> Export | TooLittle:
        """Publish the next batch: the oldest ready suggestions, each in exactly one batch ever.

        A batch that was decided but, by a crash or a full disk, not published comes first. Blocks
        until done; call it from a thread that may wait. Raises StoreUnavailable or OSError.
        """
        with self._export_lock:
            database, batches = self._writer.database, self.folder / BATCHES
            for number in export.unpublished(database, batches):
                return export.publish_batch(database, batches, number)
            moment = (now or self.now()).astimezone(UTC).replace(tzinfo=None)
            choice = export.choose(
                database,
                batches,
                ready_after_h=self.settings.ready_after_h,
                include_holdout=include_holdout,
                now=moment,
            )
            if len(choice.suggestion_ids) < max(min_items, 1):
                return TooLittle(len(choice.suggestion_ids), min_items)
            payload = {
                "number": choice.number,
                "as_of": choice.as_of,
                "suggestion_ids": list(choice.suggestion_ids[:max_items]),
            }
            # No time limit: an entry given up on here would still be written.
            self.record("batch", payload).result()
            return export.publish_batch(self._writer.database, batches, choice.number)

    def describe(self) -> dict[str, Any]:
        """Return counts and sizes."""
        return describe(self.folder, self._writer.database)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own to the database, to be closed by the caller."""
        try:
            return self._writer.database.cursor()
        except duckdb.ConnectionException as error:
            raise StoreUnavailable(f"the database is not open: {error}") from error

    def seal(self) -> None:
        """Seal the log up to here, so that all of it lies in compressed segments."""
        self._writer.between(lambda log: log.seal(), closed=False).result()

    def closed(self, work: Callable[[], Result]) -> Result:
        """Run `work` while log and database are closed; what is submitted meanwhile waits."""
        with self._export_lock:
            return self._writer.between(lambda log: work(), closed=True).result()

    def renew(self) -> None:
        """Make the database anew from the log and put it in the old one's place.

        Most of it is done beside the store at work. Raises CorruptLog, StoreUnavailable or
        OSError; the old database then stays.
        """
        build(self.folder, self.settings)

        def finish() -> None:
            build(self.folder, self.settings, anew=False)
            swap(self.folder)

        self.closed(finish)

    def close(self) -> None:
        """Write what waits, close everything, and let the next owner in."""
        self._writer.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _publish_missing(self) -> None:
        """Publish what a crash left decided but unwritten; a full disk leaves it to `export`."""
        batches = self.folder / BATCHES
        try:
            for number in export.unpublished(self._writer.database, batches):
                export.publish_batch(self._writer.database, batches, number)
        except (OSError, duckdb.Error) as error:
            _LOG.warning("cannot publish a decided batch yet: %s", error)

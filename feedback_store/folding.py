"""Folding DuckDB's write-ahead log into its file, beside the commits that go on.

Knows when it is time, and what lets a checkpoint run beside commits. Does not know what is
committed (feedback_store.database). A checkpoint on its own holds commits up until it is done,
which takes a second once it merges the pieces that earlier ones have left. While somebody reads
what was there before the last commit it cannot merge, and DuckDB lets others insert and delete
meanwhile; only an UPDATE would wait. So a snapshot is held for as long as there is much to do, and
the pieces are merged when nothing is committed for a while.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

_LOG = logging.getLogger(__name__)
LOOK_S = 0.1
"""Between two looks at the size of the log."""
QUIET_S = 10.0
"""How long nothing has been committed when the pieces are merged: nobody waits for the store."""


class Folding:
    """A thread that folds the log of one open database until `close`."""

    def __init__(
        self,
        path: Path,
        root: duckdb.DuckDBPyConnection,
        ingest_seq: Callable[[], int],
        at_bytes: int,
        quiet_s: float = QUIET_S,
    ) -> None:
        """`ingest_seq` returns the number of the last entry that is committed."""
        self._path = path
        self._snapshot, self._cursor = root.cursor(), root.cursor()
        self._ingest_seq = ingest_seq
        self._at_bytes = at_bytes
        self._quiet_s = quiet_s
        self._pieces = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hone-fold", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End, once a checkpoint under way is done."""
        self._closing.set()
        self._thread.join()
        self._snapshot.close()
        self._cursor.close()

    def _run(self) -> None:
        seen, since = self._ingest_seq(), time.monotonic()
        while not self._closing.wait(LOOK_S):
            last = self._ingest_seq()
            if last != seen:
                seen, since = last, time.monotonic()
            try:
                if wal_bytes(self._path) >= self._at_bytes:
                    self.fold()
                elif self._pieces and time.monotonic() - since >= self._quiet_s:
                    self._merge()
            except duckdb.TransactionException:
                continue  # an UPDATE, such as an erasure's, is under way
            except duckdb.Error as error:
                # The next commit meets it too, and the writer recovers with another database.
                _LOG.warning("cannot fold the write-ahead log: %s", error)
                return

    def fold(self) -> bool:
        """Checkpoint beside the commits; without them, in full. Return whether it was beside."""
        beside = self._hold()
        if not beside:
            if not self._closing.is_set():
                self._merge()
            return False
        try:
            self._cursor.execute("CHECKPOINT")
            self._pieces += 1
        finally:
            self._snapshot.execute("ROLLBACK")
        return True

    def _hold(self) -> bool:
        """Hold a snapshot that is older than the last commit; False, none held, if none comes."""
        self._snapshot.execute("BEGIN TRANSACTION READ ONLY")
        try:
            row = self._snapshot.execute("SELECT ingest_seq FROM meta").fetchone()
        except duckdb.Error:
            self._snapshot.execute("ROLLBACK")
            raise
        until = time.monotonic() + self._quiet_s
        while row is not None and time.monotonic() < until and not self._closing.is_set():
            if self._ingest_seq() > row[0]:
                return True
            time.sleep(0.001)
        self._snapshot.execute("ROLLBACK")
        return False

    def _merge(self) -> None:
        """Checkpoint in full; whoever commits now waits."""
        self._cursor.execute("CHECKPOINT")
        self._pieces = 0


def wal_bytes(path: Path) -> int:
    """Return the size of the write-ahead log of the database file at `path`."""
    try:
        return path.with_name(f"{path.name}.wal").stat().st_size
    except FileNotFoundError:
        return 0

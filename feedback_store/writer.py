"""The single writer thread: takes everything that waits, and acknowledges it once it is safe.

Knows the order log, fsync, database, ack, and what to do when the disk refuses. Does not know
what entries mean, nor HTTP. Nothing is acknowledged before it is on disk in both places; whatever
fails is recovered from the log before anything else is accepted.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb

from feedback_store.config import StoreSettings
from feedback_store.database import Database
from feedback_store.entries import FEEDBACK_KINDS, Ack, NewEntry, at_level, level_of, lower
from feedback_store.errors import StoreError, StoreOverloaded, StoreUnavailable
from feedback_store.events import FeedbackLevel
from feedback_store.log import EventLog
from feedback_store.projection import Issued, Row, quarantine_reason

_LOG = logging.getLogger(__name__)

Reopen = Callable[[], tuple[EventLog, Database]]
"""Recover from the log: drop a torn end, open the database, replay what it lacks."""


@dataclass
class _Submission:
    entries: Sequence[NewEntry]
    received_at: str
    future: "Future[Ack]" = field(default_factory=lambda: Future[Ack]())


@dataclass
class _Group:
    """What one commit will hold, and what each submission of it will be told."""

    rows: list[Row] = field(default_factory=list)
    issued: dict[str, Issued] = field(default_factory=dict)
    high_water: dict[str, int] = field(default_factory=dict)
    acks: list[Ack] = field(default_factory=list)


def utc_now() -> datetime:
    """Return the wall clock."""
    return datetime.now(UTC)


class Writer:
    """Owns log and database between `start` and `close`. `submit` may be called by any thread."""

    def __init__(
        self,
        reopen: Reopen,
        settings: StoreSettings,
        clock: Callable[[], datetime] = utc_now,
        passed: Callable[[str], None] = lambda point: None,
    ) -> None:
        """`passed` is told each point of a commit (appended, synced, committed, acked)."""
        self._reopen = reopen
        self._settings = settings
        self._clock = clock
        self._passed = passed
        self._waiting: deque[_Submission] = deque()
        self._waiting_entries = 0
        self._wake = threading.Condition()
        self._closing = False
        self._trouble: str | None = None
        self.log, self.database = reopen()
        self._thread = threading.Thread(target=self._run, name="hone-store", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Why nothing is accepted now; None while all is well."""
        return self._trouble

    def submit(self, entries: Sequence[NewEntry]) -> "Future[Ack]":
        """Queue checked entries. The future fails with StoreUnavailable if nothing was promised."""
        received_at = self._clock().astimezone(UTC).replace(tzinfo=None)
        submission = _Submission(entries, received_at.isoformat(timespec="microseconds"))
        with self._wake:
            if self._closing or not self._thread.is_alive():
                submission.future.set_exception(StoreUnavailable("the store is closed"))
            elif self._trouble is not None:
                submission.future.set_exception(StoreUnavailable(self._trouble))
            elif self._waiting_entries + len(entries) > self._settings.waiting_entries:
                text = f"{self._waiting_entries} entries wait to be written; send it again later"
                submission.future.set_exception(StoreOverloaded(text))
            else:
                self._waiting.append(submission)
                self._waiting_entries += len(entries)
                self._wake.notify()
        return submission.future

    def close(self) -> None:
        """Write what waits, then close log and database."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()
        self._refuse_waiting("the store is closed")
        self.log.close()
        self.database.close()

    def _run(self) -> None:
        crowded = False
        while True:
            taken = self._take(crowded)
            if taken is None:
                return
            if self._trouble is not None:
                self._recover()
                continue
            try:
                acks = self._commit([submission for submission in taken])
            except Exception as error:
                self._fail(taken, error)
                continue
            for submission, ack in zip(taken, acks, strict=True):
                submission.future.set_result(ack)
            self._passed("acked")
            crowded = len(taken) > 1

    def _take(self, crowded: bool) -> list[_Submission] | None:
        """Wait for work and take it all, up to the group's size; None when closing and done.

        An idle store commits at once. A crowded one waits a moment, so that more share a commit.
        """
        with self._wake:
            while not self._waiting and not self._closing and self._trouble is None:
                self._wake.wait()
            if self._trouble is not None and not self._closing:
                self._wake.wait(self._settings.retry_s)
        if crowded and not self._closing:
            time.sleep(self._settings.group_wait_ms / 1000)
        taken: list[_Submission] = []
        size = 0
        with self._wake:
            if self._closing and (not self._waiting or self._trouble is not None):
                return None
            while self._waiting and (not taken or size < self._settings.group_entries):
                taken.append(self._waiting.popleft())
                size += len(taken[-1].entries)
            self._waiting_entries -= size
        return taken

    def _commit(self, taken: Sequence[_Submission]) -> list[Ack]:
        """Make a group safe: log, fsync, database, in this order."""
        group = self._prepare(taken)
        if group.rows:
            self.log.append(group.rows)
            self._passed("appended")
            self.log.sync()
            self._passed("synced")
            self.database.apply(group.rows)
            self._passed("committed")
        return group.acks

    def _prepare(self, taken: Sequence[_Submission]) -> _Group:
        """Drop duplicates, lower levels, number the rest. Pure but for look-ups."""
        ids = {e.payload.get("suggestion_id") for s in taken for e in s.entries}
        group = _Group(issued=self.database.issued(ids - {None}))
        for submission in taken:
            group.acks.append(self._prepare_one(submission, group))
        return group

    def _prepare_one(self, submission: _Submission, group: _Group) -> Ack:
        stored = duplicates = quarantined = high_water = 0
        for entry in submission.entries:
            mark = group.high_water.get(
                entry.producer, self.database.high_water.get(entry.producer, 0)
            )
            if entry.seq <= mark:
                duplicates += 1
                high_water = max(high_water, mark)
                continue
            high_water = group.high_water[entry.producer] = entry.seq
            row = self._row(entry, submission.received_at, group)
            if row is None:
                continue
            stored += 1
            issued = group.issued.get(entry.payload.get("suggestion_id", ""))
            quarantined += quarantine_reason(row, issued) is not None
            group.rows.append(row)
        return Ack(stored, duplicates, quarantined, high_water)

    def _row(self, entry: NewEntry, received_at: str, group: _Group) -> Row | None:
        """Return the log's entry; None if the user's level allows nothing at all."""
        suggestion_id = entry.payload.get("suggestion_id", "")
        level = level_of(entry)
        issued = group.issued.get(suggestion_id)
        if entry.kind in FEEDBACK_KINDS and issued is not None:
            level = lower(level, FeedbackLevel(issued.level))
        allowed = at_level(entry, level)
        if allowed is None:
            return None
        if entry.kind == "suggestion":
            group.issued.setdefault(suggestion_id, Issued(entry.user, level.value))
        payload: dict[str, Any] = allowed.payload
        return {
            "ingest_seq": self.database.ingest_seq + len(group.rows) + 1,
            "received_at": received_at,
            "producer": entry.producer,
            "seq": entry.seq,
            "kind": entry.kind,
            "user": entry.user,
            "team": entry.team,
            "payload": payload,
        }

    def _fail(self, taken: Sequence[_Submission], error: Exception) -> None:
        """Promise nothing, accept nothing, and recover when the disk allows it."""
        self._trouble = f"the store accepts nothing until it has recovered: {error}"
        _LOG.error("cannot store: %s", error)
        for submission in taken:
            submission.future.set_exception(StoreUnavailable(self._trouble))
        self._refuse_waiting(self._trouble)

    def _recover(self) -> None:
        """Bring the log back to what is certain and the database up to the log."""
        try:
            self.log.rewind()
            self.database.close()
            self.log, self.database = self._reopen()
        except (OSError, StoreError, duckdb.Error) as error:
            self._trouble = f"the store accepts nothing until it has recovered: {error}"
            _LOG.warning("cannot recover yet: %s", error)
        else:
            self._trouble = None
            _LOG.warning("the store has recovered and accepts entries again")

    def _refuse_waiting(self, why: str) -> None:
        with self._wake:
            refused, self._waiting_entries = list(self._waiting), 0
            self._waiting.clear()
        for submission in refused:
            submission.future.set_exception(StoreUnavailable(why))

"""The single writer thread: takes everything that waits, and acknowledges it once it is safe.

Knows the order log, fsync, database, ack, and what to do when the disk refuses. Does not know
what an entry becomes (feedback_store.intake), nor HTTP. Nothing is acknowledged before it is on
disk in both places; whatever fails is recovered from the log before anything else is accepted.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import duckdb

from feedback_store.config import StoreSettings
from feedback_store.database import Database
from feedback_store.entries import Ack, NewEntry
from feedback_store.errors import InvalidEntry, StoreError, StoreOverloaded, StoreUnavailable
from feedback_store.intake import Intake
from feedback_store.log import EventLog

_LOG = logging.getLogger(__name__)

Result = TypeVar("Result")

Reopen = Callable[[], tuple[EventLog, Database]]
"""Recover from the log: drop a torn end, open the database, replay what it lacks."""


def _future() -> "Future[Ack]":
    return Future()


@dataclass
class _Submission:
    entries: Sequence[NewEntry]
    texts: Sequence[bytes]
    received_at: str
    future: "Future[Ack]" = field(default_factory=_future)


@dataclass
class _Chore:
    work: Callable[[EventLog], Any]
    closed: bool
    future: "Future[Any]" = field(default_factory=Future)


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
        """`passed` is told each point of a commit: staged, appended, synced, committed, acked."""
        self._reopen = reopen
        self._settings = settings
        self._clock = clock
        self._passed = passed
        self._waiting: deque[_Submission] = deque()
        self._waiting_entries = 0
        self._chores: deque[_Chore] = deque()
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

    @property
    def waiting(self) -> int:
        """How many entries wait to be written."""
        return self._waiting_entries

    def submit(
        self, entries: Sequence[NewEntry], texts: Sequence[bytes], at: datetime | None = None
    ) -> "Future[Ack]":
        """Queue checked entries, whose payloads are `texts`; received now, or `at`.

        The future fails with StoreUnavailable if nothing was promised.
        """
        received_at = (at or self._clock()).astimezone(UTC).replace(tzinfo=None)
        submission = _Submission(entries, texts, received_at.isoformat(timespec="microseconds"))
        with self._wake:
            if self._closing or not self._thread.is_alive():
                submission.future.set_exception(StoreUnavailable("the store is closed"))
            elif self._trouble is not None:
                submission.future.set_exception(StoreUnavailable(self._trouble))
            elif self._waiting and self._over_limit(len(entries)):
                text = f"{self._waiting_entries} entries wait to be written; send it again later"
                submission.future.set_exception(StoreOverloaded(text))
            else:
                self._waiting.append(submission)
                self._waiting_entries += len(entries)
                self._wake.notify()
        return submission.future

    def between(self, work: Callable[[EventLog], Result], *, closed: bool) -> "Future[Result]":
        """Run `work` between two commits; what is submitted meanwhile waits.

        With `closed`, log and database are closed meanwhile and opened anew afterwards, as in a
        start: `work` may then replace their files. The future fails with what `work` raises, or
        with StoreUnavailable.
        """
        chore = _Chore(work, closed)
        with self._wake:
            if self._closing or not self._thread.is_alive():
                chore.future.set_exception(StoreUnavailable("the store is closed"))
            elif self._trouble is not None:
                chore.future.set_exception(StoreUnavailable(self._trouble))
            else:
                self._chores.append(chore)
                self._wake.notify()
        return chore.future

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

    def _over_limit(self, more: int) -> bool:
        return self._waiting_entries + more > self._settings.waiting_entries

    def _run(self) -> None:
        crowded = False
        while self._wait(crowded):
            if self._trouble is not None:
                self._recover()
                continue
            if self._chores:
                self._do(self._chores.popleft())
                continue
            taken = self._take()
            if taken:
                self._write(taken)
            crowded = len(taken) > 1

    def _wait(self, crowded: bool) -> bool:
        """Wait until there is work; False when there will be none any more.

        An idle store commits at once. A crowded one waits a moment, so that more share a commit.
        """
        with self._wake:
            while not (self._waiting or self._chores or self._closing or self._trouble):
                self._wake.wait()
            if self._trouble is not None and not self._closing:
                self._wake.wait(self._settings.retry_s)
            if self._closing:
                return bool(self._waiting) and self._trouble is None
        if crowded:
            time.sleep(self._settings.group_wait_ms / 1000)
        return True

    def _take(self) -> list[_Submission]:
        """Take everything that waits, up to the group's size."""
        taken: list[_Submission] = []
        size = 0
        with self._wake:
            while self._waiting and (not taken or size < self._settings.group_entries):
                taken.append(self._waiting.popleft())
                size += len(taken[-1].entries)
            self._waiting_entries -= size
        return taken

    def _write(self, taken: list[_Submission]) -> None:
        """Commit a group and tell each submission; a bad entry refuses its own one only."""
        try:
            answers = self._commit(taken)
        except InvalidEntry as error:
            if len(taken) == 1:
                taken[0].future.set_exception(error)
                return
            for submission in taken:
                if self._trouble is None:
                    self._write([submission])
                else:
                    submission.future.set_exception(StoreUnavailable(self._trouble))
        except Exception as error:
            self._fail(taken, error)
        else:
            for submission, answer in zip(taken, answers, strict=True):
                if isinstance(answer, Ack):
                    submission.future.set_result(answer)
                else:
                    submission.future.set_exception(answer)
            self._passed("acked")

    def _commit(self, taken: Sequence[_Submission]) -> list[Ack | StoreError]:
        """Make a group safe: log, fsync, database, in this order.

        The rows are staged first, in a transaction not yet committed: an entry that the tables
        would refuse must not get into the log, from which every later start would replay it.
        """
        intake = Intake(self.database, [submission.entries for submission in taken])
        answers = [intake.take(s.entries, s.texts, s.received_at) for s in taken]
        if intake.entries:
            self.database.stage(intake.entries, intake.known.new)
            self._passed("staged")
            self.log.append([entry.body for entry in intake.entries])
            self._passed("appended")
            self.log.sync()
            self._passed("synced")
            self.database.commit()
            self._passed("committed")
        return answers

    def _fail(self, taken: Sequence[_Submission], error: Exception) -> None:
        """Promise nothing, accept nothing, and recover when the disk allows it."""
        trouble = f"the store accepts nothing until it has recovered: {error}"
        _LOG.error("cannot store: %s", error)
        with self._wake:
            self._trouble = trouble
        for submission in taken:
            submission.future.set_exception(StoreUnavailable(trouble))
        self._refuse_waiting(trouble)

    def _do(self, chore: _Chore) -> None:
        """Run a chore and tell its outcome; what it left closed and cannot be opened is trouble."""
        if chore.closed:
            self.log.close()
            self.database.close()
        try:
            result, error = chore.work(self.log), None
        except Exception as raised:
            result, error = None, raised
        if chore.closed:
            try:
                self.log, self.database = self._reopen()
            except (OSError, StoreError, duckdb.Error) as trouble:
                error = error or trouble
                self._fail([], trouble)
        if error is None:
            chore.future.set_result(result)
        else:
            chore.future.set_exception(error)

    def _recover(self) -> None:
        """Bring the log back to what is certain and the database up to the log."""
        try:
            self.database.rollback()
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
            refused: list[_Submission | _Chore] = [*self._waiting, *self._chores]
            self._waiting_entries = 0
            self._waiting.clear()
            self._chores.clear()
        for one in refused:
            one.future.set_exception(StoreUnavailable(why))

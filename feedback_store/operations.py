"""What an administrator may have done to an open store; each is audited before it is done.

Knows the operations and what each answers. Does not know HTTP nor the command line: both call
these. One that changes files runs alone; questions and figures run beside it.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedback_store import backup, erasure, maintenance, retention
from feedback_store.asking import Answer, ask
from feedback_store.config import QuerySettings, RetentionSettings
from feedback_store.entries import Ack, NewEntry
from feedback_store.errors import InvalidEntry, StoreError
from feedback_store.export import Export
from feedback_store.folder import DATABASE, LOG
from feedback_store.people import stored_names
from feedback_store.store import Store

_LOG = logging.getLogger(__name__)
IMPORTED = ("suggestion", "outcome", "settled", "survival", "loss")
"""Kinds that an import takes; batches, versions and decisions belong to the store they were made
in."""

_IN_FLIGHT = 1000


class Busy(StoreError):
    """Another operation is under way; try again when it is done."""


class Operations:
    """Everything that `hone-store` can do, on behalf of `who`."""

    def __init__(
        self,
        store: Store,
        retention: RetentionSettings | None = None,
        query: QuerySettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._retention = retention or RetentionSettings()
        self._query = query or QuerySettings()
        self._now = now
        self._alone = threading.Lock()

    def resume(self) -> None:
        """Finish what a crash or a full disk has interrupted; what cannot be yet, is logged."""
        try:
            unfinished = erasure.pending(self._store)
            if unfinished:
                with self._exclusive():
                    erasure.finish(self._store, unfinished)
        except (OSError, StoreError) as error:
            _LOG.warning("cannot finish an erasure yet: %s", error)

    def stats(self, who: str) -> dict[str, Any]:
        """Return counts, sizes and what is unfinished."""
        self._audit(who, "stats")
        pending = erasure.pending(self._store)
        return self._store.describe() | {"erasures_pending": len(pending)}

    def query(
        self, who: str, sql: str, *, with_content: bool, max_rows: int | None = None
    ) -> Answer:
        """Answer one SELECT; with fewer rows if the caller asks for fewer.

        Raises BadQuestion or QuestionTooLong.
        """
        self._audit(who, "query", sql=sql, with_content=with_content)
        rows = min(max_rows or self._query.max_rows, self._query.max_rows)
        return ask(
            self._store.cursor(),
            sql,
            max_rows=rows,
            timeout_s=self._query.timeout_s,
            with_content=with_content,
        )

    def export(self, who: str, min_items: int, max_items: int) -> dict[str, Any]:
        """Publish the next training batch, or say how much is ready."""
        self._audit(who, "export", min_items=min_items, max_items=max_items)
        found = self._store.export(min_items, max_items, now=self._now())
        if isinstance(found, Export):
            return {"folder": str(found.folder), **found.manifest}
        return {"folder": None, "ready": found.ready}

    def take_in(self, who: str, entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Store entries of another store's log, in their order; what is known already is left out.

        They keep their producers and receive times. An erased user's are left out too, by the
        same rule as what a spool sends. InvalidEntry names the first that cannot be stored.
        """
        self._audit(who, "import")
        counts: Counter[str] = Counter(stored=0, duplicates=0, quarantined=0, skipped=0)
        waiting: deque[Future[Ack]] = deque()
        for entry in entries:
            if entry["kind"] not in IMPORTED or "removed" in entry:
                counts["skipped"] += 1
                continue
            waiting.append(self._store.submit([_new(entry)], at=_moment(entry["received_at"])))
            if len(waiting) > _IN_FLIGHT:
                counts.update(_counts(waiting.popleft().result()))
        for future in waiting:
            counts.update(_counts(future.result()))
        return dict(counts)

    def erase(self, who: str, user: str) -> dict[str, Any]:
        """Erase a user, given by name or pseudonym, from every file; return what was rewritten."""
        names = stored_names(self._store.folder, user)
        known = {name: self._rows_of(name) for name in names}
        # A name that nobody has used may yet become somebody else's.
        gone = [name for name in names if known[name]] or names[:1]
        self._audit(who, "erase", users=gone)
        with self._exclusive():
            for name in gone:
                erasure.entomb(self._store, name)
            done = erasure.finish(self._store, erasure.pending(self._store))
        return {"user": gone[0], "users": gone, "suggestions": sum(known.values()), **done}

    def _rows_of(self, user: str) -> int:
        sql = "SELECT count(*) AS rows FROM suggestions WHERE user_id = ?"
        return int(self._store.query(sql, [user])[0]["rows"])

    def retain(self, who: str) -> dict[str, Any]:
        """Remove what has been kept long enough."""
        self._audit(who, "retain", **self._retention.model_dump())
        with self._exclusive():
            return retention.retain(self._store, self._retention, self._now())

    def compact(self, who: str) -> dict[str, Any]:
        """Make the database file anew without the room that deleted rows have left."""
        self._audit(who, "compact")
        path = self._store.folder / DATABASE
        with self._exclusive():
            before = path.stat().st_size
            self._store.renew()
            return {"bytes_before": before, "bytes_after": path.stat().st_size}

    def rebuild(self, who: str, *, compare_first: bool) -> dict[str, Any]:
        """Make the database anew from the log; with `compare_first`, only if the rows are equal."""
        self._audit(who, "rebuild", compare_first=compare_first)
        store = self._store
        with self._exclusive():
            if not compare_first:
                store.renew()
                return {"differences": []}
            found = store.closed(
                lambda: maintenance.rebuild(store.folder, store.settings, compare_first=True)
            )
            return {"differences": [asdict(one) for one in found]}

    def backup(self, who: str, to: Path | None = None) -> dict[str, Any]:
        """Copy log, batches and keys; return where they lie."""
        with self._exclusive():
            path = backup.take(self._store, {"by": who}, to)
            # After it, since the entry says where it is: an erasure looks there.
            self._audit(who, "backup", backup=str(path))
        return {"folder": str(path)}

    def verify(self, who: str, *, deep: bool) -> dict[str, Any]:
        """Check log, database and batches; `deep`, row for row, while nothing is accepted."""
        self._audit(who, "verify", deep=deep)
        store = self._store
        with self._exclusive():
            report = store.closed(
                lambda: maintenance.check(store.folder, store.settings, deep=deep)
            )
        unfinished = erasure.pending(store)
        wrong = [*report.wrong, *(f"the erasure of {user} is not finished" for user in unfinished)]
        return {"looked_at": report.looked_at, "wrong": wrong}

    def _audit(self, who: str, action: str, **detail: Any) -> None:
        """Record who does what; an operation that cannot be recorded is not done."""
        self._store.record("audit", {"who": who, "action": action, "detail": detail}).result()

    def _exclusive(self) -> "_Alone":
        return _Alone(self._alone)


class _Alone:
    """Holds the lock for the length of a block, or raises Busy at once."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise Busy("another operation on the store is under way; try again when it is done")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def read_log(path: Path) -> Iterable[dict[str, Any]]:
    """Yield the entries of a log: a segment, a folder of segments, or a folder that has one."""
    return maintenance.entries_at(path / LOG if (path / LOG).is_dir() else path)


def _new(entry: dict[str, Any]) -> NewEntry:
    names = ("producer", "seq", "kind", "user", "team", "payload")
    return NewEntry(*(entry[name] for name in names))


def _counts(ack: Ack) -> dict[str, int]:
    return {
        "stored": ack.stored,
        "duplicates": ack.duplicates,
        "quarantined": ack.quarantined,
    }


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidEntry("received_at is no moment that the store can hold") from None

"""Each command of `hone-store`, done here if the data folder is free, else by the gateway.

Knows which operation a command is and what it is asked with. Does not know parsing
(feedback_store.cli) nor how an answer is shown (feedback_store.showing).
"""

import argparse
import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from feedback_store import maintenance
from feedback_store.config import StoreConfig
from feedback_store.errors import StoreLocked
from feedback_store.folder import FolderLock, owner_token
from feedback_store.operations import Operations, read_log
from feedback_store.remote import Remote
from feedback_store.store import Store

Answer = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """The data folder and how to reach it."""

    folder: Path
    config: StoreConfig

    def gateway(self) -> Remote:
        """Return the way to the gateway that owns the folder."""
        return Remote(self.config.gateway, owner_token(self.folder))

    @contextmanager
    def operations(self) -> Iterator[Operations | Remote]:
        """Yield the operations: the folder's own if it is free, else the gateway's."""
        try:
            store = Store.open(self.folder, self.config.store)
        except StoreLocked:
            yield self.gateway()
            return
        with store:
            operations = Operations(store, self.config.retention, self.config.query)
            operations.resume()
            yield operations


def stats(given: argparse.Namespace, place: Place) -> Answer:
    """Counts, sizes and high-water marks."""
    with place.operations() as asked:
        return asked.stats() if isinstance(asked, Remote) else asked.stats(_who())


def query(given: argparse.Namespace, place: Place) -> Answer:
    """One SELECT."""
    with place.operations() as asked:
        if isinstance(asked, Remote):
            return asked.do("query", sql=given.sql, content=given.content)
        return asdict(asked.query(_who(), given.sql, with_content=given.content))


def export(given: argparse.Namespace, place: Place) -> Answer:
    """The next training batch."""
    with place.operations() as asked:
        if isinstance(asked, Remote):
            return asked.do("export", min_items=given.min_items, max_items=given.max_items)
        return asked.export(_who(), given.min_items, given.max_items)


def take_in(given: argparse.Namespace, place: Place) -> Answer:
    """Entries of another store's log."""
    with place.operations() as asked:
        entries = read_log(given.path)
        return (
            asked.take_in(entries) if isinstance(asked, Remote) else asked.take_in(_who(), entries)
        )


def erase(given: argparse.Namespace, place: Place) -> Answer:
    """A user, from every file."""
    with place.operations() as asked:
        if isinstance(asked, Remote):
            return asked.do("erase", user=given.user)
        return asked.erase(_who(), given.user)


def retain(given: argparse.Namespace, place: Place) -> Answer:
    """Remove what has been kept long enough."""
    with place.operations() as asked:
        return asked.do("retain") if isinstance(asked, Remote) else asked.retain(_who())


def compact(given: argparse.Namespace, place: Place) -> Answer:
    """Make the database file anew, without holes."""
    with place.operations() as asked:
        return asked.do("compact") if isinstance(asked, Remote) else asked.compact(_who())


def backup(given: argparse.Namespace, place: Place) -> Answer:
    """Copy log, batches and keys."""
    with place.operations() as asked:
        if isinstance(asked, Remote):
            return asked.do("backup")
        return asked.backup(_who(), given.to)


def rebuild(given: argparse.Namespace, place: Place) -> Answer:
    """Make the database anew from the log, also where there is none that opens."""
    try:
        lock = FolderLock(place.folder)
    except StoreLocked:
        return place.gateway().do("rebuild", compare=given.compare)
    try:
        found = maintenance.rebuild(place.folder, place.config.store, compare_first=given.compare)
    finally:
        lock.release()
    with Store.open(place.folder, place.config.store) as store:
        detail = {"compare_first": given.compare, "differences": len(found)}
        entry = {"who": _who(), "action": "rebuild", "detail": detail}
        store.record("audit", entry).result()
    return {"differences": [asdict(one) for one in found]}


def verify(given: argparse.Namespace, place: Place) -> Answer:
    """Check log, database and batches, changing nothing."""
    try:
        lock = FolderLock(place.folder)
    except StoreLocked:
        return place.gateway().do("verify", deep=not given.quick)
    try:
        report = maintenance.check(place.folder, place.config.store, deep=not given.quick)
    finally:
        lock.release()
    return asdict(report)


def _who() -> str:
    """Return who asks on the command line: the operating system's user."""
    return f"os:{getpass.getuser()}"

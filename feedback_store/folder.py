"""The data folder: whose it is, its parts, and how log and database are brought together.

Knows names, the lock, recovery, and making the database anew from the log. Does not know threads
or acks (feedback_store.store).
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from feedback_store.config import StoreSettings
from feedback_store.database import Database
from feedback_store.errors import CorruptDatabase, StoreLocked
from feedback_store.log import AppendFile, DiskFile, EventLog
from feedback_store.publish import replacing, sync_folder

DATABASE = "store.duckdb"
LOG = "log"
BATCHES = "batches"
LOCK = "LOCK"
BACKUPS = "backups"
REBUILT = f"{DATABASE}.rebuilt"
REPLACED = f"{DATABASE}.replaced"
_PARTS = (".wal.checkpoint", ".wal", "")
"""What may lie of a database: two write-ahead logs if a crash came while one was being folded."""


def owner_token(folder: Path) -> str:
    """Return the token of the folder's present owner; empty if none can be read."""
    try:
        return (folder / LOCK).read_text(encoding="ascii").partition("\n")[2].strip()
    except OSError:
        return ""


class FolderLock:
    """The data folder's LOCK, held by its one owner until `release` or the process's end."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; StoreLocked, naming the owner's pid, if another process has it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / LOCK).open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            owner = self._file.readline().strip() or "unknown"
            self._file.close()
            raise StoreLocked(
                f"{folder} is owned by another process (pid {owner}), usually hone-server: "
                "ask it over HTTP, or stop it first"
            ) from error
        self._file.seek(0)
        self._file.truncate()
        self.token = secrets.token_hex(16)
        """Says which owner of which folder this is: whoever can read LOCK can ask for just this."""
        self._file.write(f"{os.getpid()}\n{self.token}\n")
        self._file.flush()

    def release(self) -> None:
        """Let the next owner in."""
        self._file.close()


def recover(
    folder: Path, settings: StoreSettings, open_file: Callable[[Path], AppendFile] = DiskFile
) -> tuple[EventLog, Database]:
    """Open log and database, drop a torn end, and replay what the database lacks."""
    log = EventLog(folder / LOG, int(settings.segment_mib * (1 << 20)), open_file)
    tail = log.tail()
    database = open_database(folder, settings)
    try:
        if database.ingest_seq > tail.last_seq:
            raise CorruptDatabase(
                f"the database holds entries up to {database.ingest_seq}, the log in "
                f"{folder / LOG} only up to {tail.last_seq}: restore the log's missing files, or "
                "run `hone-store rebuild` to go back to what the log holds"
            )
        log.open(tail)
        database.replay(log.read_with_text(database.ingest_seq))
        database.fold_beside(int(settings.fold_mib * (1 << 20)))
    except BaseException:
        database.close()
        log.close()
        raise
    return log, database


def open_database(folder: Path, settings: StoreSettings, name: str = DATABASE) -> Database:
    """Open the folder's database file, or one beside it; copy it before its schema changes."""
    batches = folder / BATCHES

    def copy(version: int) -> None:
        (folder / BACKUPS).mkdir(exist_ok=True)
        copied = folder / BACKUPS / f"before-schema-{version + 1}.duckdb"
        with replacing(copied) as target, (folder / name).open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)

    batches.mkdir(parents=True, exist_ok=True)
    return Database(
        folder / name,
        batches,
        threads=settings.threads,
        memory_limit_mib=settings.memory_limit_mib,
        remembered=settings.remembered_suggestions,
        before_migration=copy,
    )


def build(folder: Path, settings: StoreSettings, *, anew: bool = True) -> Path:
    """Replay the whole log into a new database file beside the current one; return its path.

    Not `anew`, an earlier one is brought up to the log's present end. The store may be open
    meanwhile: what it appends after the beginning is left out.
    """
    path = folder / REBUILT
    if anew:
        remove(path)
    database = open_database(folder, settings, REBUILT)
    try:
        log = EventLog(folder / LOG)
        database.replay(log.read_with_text(database.ingest_seq, until=log.tail().last_seq))
        database.checkpoint()
    finally:
        database.close()
    return path


def swap(folder: Path) -> None:
    """Put the new database in the old one's place; neither may be open.

    Should the machine stop between the steps, the next start replays the log into a new file.
    """
    move(folder / DATABASE, folder / REPLACED)
    move(folder / REBUILT, folder / DATABASE)
    remove(folder / REPLACED)
    sync_folder(folder)


def move(source: Path, target: Path) -> None:
    """Move a database file with its write-ahead logs, those first: alone they are ignored."""
    remove(target)
    for suffix in _PARTS:
        path = source.with_name(source.name + suffix)
        if path.exists():
            path.rename(target.with_name(target.name + suffix))


def remove(path: Path) -> None:
    """Delete a database file with its write-ahead log."""
    for suffix in _PARTS:
        path.with_name(path.name + suffix).unlink(missing_ok=True)

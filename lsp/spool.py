"""Feedback on its way to the gateway: on disk before anything else, deleted once acknowledged.

One folder per producer, below one per workspace. A lock held while the process lives tells two
servers on one workspace apart; what a dead one left is adopted. Knows files and sequence
numbers. Does not know the gateway, nor what the events mean.

    <root>/<workspace>/<producer>/lock           held by the owner
                                 /events.jsonl   not yet acknowledged, one event per line
                                 /acked          the highest acknowledged sequence number
                                 /refused.jsonl  events that the gateway cannot read
                                 /open.json      suggestions still under observation
"""

import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from feedback_store.events import FeedbackBatch, FeedbackEvent

BATCH = 200
log = logging.getLogger(__name__)


class Spool:
    """One producer's events. Every method that returns has written."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.producer = folder.name
        self._lock = lock
        self._adapter: TypeAdapter[FeedbackEvent] = TypeAdapter(FeedbackEvent)
        self._acked = int(_read(folder / "acked") or "0")
        self._events = self._load()
        self._last = max([self._acked, *(event.seq for event in self._events)])
        self._write_events()

    @property
    def depth(self) -> int:
        """How many events wait for an acknowledgement."""
        return len(self._events)

    @property
    def waiting(self) -> tuple[FeedbackEvent, ...]:
        """The events that wait for an acknowledgement, oldest first."""
        return tuple(self._events)

    @property
    def refused(self) -> int:
        """How many events the gateway could not read."""
        return _read(self.folder / "refused.jsonl").count("\n")

    def append(self, make: Callable[[int], FeedbackEvent]) -> None:
        """Add the event that `make` builds for the next sequence number."""
        event = make(self._last + 1)
        self._append(self.folder / "events.jsonl", event)
        self._last = event.seq
        self._events.append(event)

    def batch(self, limit: int = BATCH) -> FeedbackBatch | None:
        """Return the next events to send, or None."""
        if not self._events:
            return None
        return FeedbackBatch(producer=self.producer, events=tuple(self._events[:limit]))

    def acknowledge(self, sent: FeedbackBatch, high_water: int) -> int:
        """Drop what was sent and acknowledged; how many events that was."""
        before = len(self._events)
        done = min(high_water, sent.events[-1].seq)
        self._acked = max(self._acked, done)
        # The number first: an event sent twice does no harm, a number used twice would.
        _replace(self.folder / "acked", str(self._acked))
        self._events = [event for event in self._events if event.seq > done]
        self._write_events()
        return before - len(self._events)

    def set_aside(self, sent: FeedbackBatch) -> None:
        """Take events that the gateway refused out of the way, and keep them."""
        numbers = {event.seq for event in sent.events}
        for event in sent.events:
            self._append(self.folder / "refused.jsonl", event)
        self._acked = max(self._acked, *numbers)
        _replace(self.folder / "acked", str(self._acked))
        self._events = [event for event in self._events if event.seq not in numbers]
        self._write_events()

    def sync(self) -> None:
        """Ask the system to bring everything onto the disk; may take milliseconds."""
        with open(self.folder / "events.jsonl", "ab") as file:
            os.fsync(file.fileno())

    def save_open(self, snapshots: list[dict[str, Any]]) -> None:
        """Remember what is under observation, in case this process does not end in order."""
        _replace(self.folder / "open.json", json.dumps(snapshots))

    def take_open(self) -> list[dict[str, Any]]:
        """Return what an earlier run had under observation when it was killed."""
        try:
            found = json.loads(_read(self.folder / "open.json") or "[]")
        except ValueError:
            return []
        return [item for item in found if isinstance(item, dict)]

    def close(self) -> None:
        """Let go of the folder; delete it if nothing is left in it but its number."""
        if not self._events and not self.refused and not self.take_open():
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def _load(self) -> list[FeedbackEvent]:
        """Read the events back; a line torn by a crash is left out."""
        events: list[FeedbackEvent] = []
        for line in _read(self.folder / "events.jsonl").splitlines():
            try:
                event = self._adapter.validate_json(line)
            except ValidationError:
                continue
            if event.seq > self._acked:
                events.append(event)
        return events

    def _write_events(self) -> None:
        lines = "".join(event.model_dump_json() + "\n" for event in self._events)
        _replace(self.folder / "events.jsonl", lines)

    def _append(self, path: Path, event: FeedbackEvent) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(fd, (event.model_dump_json() + "\n").encode())
        finally:
            os.close(fd)


def open_spools(root: Path, workspace: str) -> tuple[Spool, list[Spool]]:
    """Return a spool of one's own for the workspace, and those that dead processes left."""
    parent = root / workspace
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = [spool for folder in sorted(parent.iterdir()) if (spool := _claim(folder))]
    if free:
        return free[0], free[1:]
    folder = parent / uuid.uuid4().hex
    folder.mkdir(mode=0o700)
    own = _claim(folder)
    if own is None:
        raise OSError(f"cannot lock {folder}: locks do not work there")
    return own, []


def _claim(folder: Path) -> Spool | None:
    """Take over a folder whose lock is free."""
    # fcntl is POSIX's; where it is missing every process has a folder to itself.
    import fcntl

    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None  # its owner has just deleted it
    except OSError as error:
        log.warning("cannot adopt the feedback in %s: %s", folder, error)
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last owner may have deleted it between the two calls.
        if os.stat(folder / "lock").st_ino == os.fstat(lock).st_ino:
            return Spool(folder, lock)
    except (BlockingIOError, FileNotFoundError):
        pass  # another process has it, or had it and is done; None says so
    except OSError as error:
        log.warning("cannot adopt the feedback in %s: %s", folder, error)
    os.close(lock)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    os.replace(fresh, path)

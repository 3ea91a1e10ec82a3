"""Feedback on its way to the gateway: on disk before anything else, deleted once acknowledged.

One folder per producer, below one per workspace. A lock held while the process lives tells two
servers on one workspace apart; what a dead one left is adopted. Knows the folder and sequence
numbers. Does not know the gateway, nor what the events mean.

    <root>/<workspace>/<producer>/lock             held by the owner
                                 /events-N.jsonl   not yet acknowledged, one event per line from N
                                 /acked            the highest acknowledged sequence number
                                 /open.json        suggestions still under observation
                                 /folders.json     names of the window's folders, and of those above
                                 /refused.jsonl    and what else is kept aside (lsp.aside)
"""

import fcntl
import json
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from feedback_store.events import FeedbackBatch, FeedbackEvent, FeedbackLevel
from lsp.aside import Aside, count_refused
from lsp.bounds import surplus
from lsp.files import drop_begun, replace_file
from lsp.segments import Segments, line_of, segment_files

BATCH = 200
HOUR_S = 3_600.0
"""How often the age of what waits is looked at."""
UNKEPT = "feedback cannot be kept on disk"
log = logging.getLogger(__name__)

MakeLoss = Callable[[int, int, int], FeedbackEvent]
"""From a sequence number, and how many texts and events are lost."""


class Spool:
    """One producer's events. Every method that returns has written."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.producer = folder.name
        self._lock = lock
        drop_begun(folder)
        self._acked = read_acked(folder)
        self._segments = Segments(folder, self._acked)
        self._aside = Aside(folder)
        self._next_look = 0.0
        self._tidying = threading.Lock()

    @property
    def depth(self) -> int:
        """How many events wait for an acknowledgement."""
        return len(self._segments.lines)

    @property
    def bytes(self) -> int:
        """How much room they take."""
        return self._segments.bytes

    @property
    def waiting(self) -> tuple[FeedbackEvent, ...]:
        """The events that wait for an acknowledgement, oldest first."""
        return tuple(line.event for line in self._segments.lines)

    @property
    def refused(self) -> int:
        """How many events the gateway could not read."""
        return count_refused(self.folder)

    def append(self, make: Callable[[int], FeedbackEvent]) -> None:
        """Add the event that `make` builds for the next sequence number."""
        self._segments.append(line_of(make(self._segments.last + 1)))

    def batch(self, limit: int = BATCH) -> FeedbackBatch | None:
        """Return the next events to send, or None."""
        events = tuple(line.event for line in islice(self._segments.lines, limit))
        return FeedbackBatch(producer=self.producer, events=events) if events else None

    def acknowledge(self, sent: FeedbackBatch, high_water: int) -> int:
        """Drop what was sent and acknowledged; how many events that was. `tidy` writes it down:
        until then they would be sent again, which does no harm."""
        done = min(high_water, sent.events[-1].seq)
        self._acked = max(self._acked, done)
        return self._segments.forget(self._acked)

    def set_aside(self, sent: FeedbackBatch) -> None:
        """Take the first events, which the gateway refused, out of the way, and keep what is left
        of them: the level may have fallen since they were sent."""
        last = sent.events[-1].seq
        self._aside.add([event for event in self.waiting if event.seq <= last])
        self.acknowledge(sent, sent.events[-1].seq)

    def keep_within(self, max_bytes: int, max_days: float, now: float, make: MakeLoss) -> None:
        """Drop what is too much or too old, texts before facts, and add an event that says so."""
        if self.bytes <= max_bytes and now < self._next_look:
            return
        self._next_look = now + HOUR_S
        over = surplus(self._segments.lines, max_bytes, max_days, now)
        if over:
            self.append(lambda seq: make(seq, len(over.silenced), len(over.dropped)))
            self._segments.replace(over.without)
        self._aside.keep_within(max_bytes, max_days, now)

    def unsynced(self) -> set[Path]:
        """Return the files to be brought onto the disk by `lsp.segments.sync_files`."""
        return self._segments.unsynced()

    def tidy(self) -> None:
        """Write down what was acknowledged, and delete it; may take milliseconds."""
        # The number first: an event sent twice does no harm, a number used twice would.
        with self._tidying:
            replace_file(self.folder / "acked", str(self._acked).encode(), durable=True)
            self._segments.delete_spent()

    def lower(self, level: FeedbackLevel) -> None:
        """Take the texts out of all that is kept; at `off` all of it goes."""
        if level == FeedbackLevel.OFF:
            self._acked = self._segments.last
            if self._segments.forget(self._acked):
                self.tidy()
        elif level != FeedbackLevel.FULL:
            self._segments.replace(lambda line: line.without_text() if line.has_text else line)
        self._aside.lower(level)

    def save_open(self, snapshots: list[dict[str, Any]]) -> None:
        """Remember what is under observation, in case this process does not end in order."""
        replace_file(self._open_file, json.dumps(snapshots).encode())

    def take_open(self) -> list[dict[str, Any]]:
        """Return what an earlier run had under observation when it ended. What cannot be read of
        it is kept aside."""
        if (found := self._open()) is None:
            try:
                self._aside.keep(self._open_file)
            except OSError as error:
                log.warning("what was under observation is lost: %s", error)
        return [item for item in found or () if isinstance(item, dict)]

    @property
    def folders(self) -> list[str]:
        """The names of the folders whose choices hold for what is here; none if not known."""
        try:
            found = json.loads(_read(self.folder / "folders.json") or "[]")
        except (OSError, ValueError):
            return []
        return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []

    def belong_to(self, folders: Sequence[str]) -> None:
        """Remember whose choices hold for what is here."""
        if self.folders != list(folders):
            replace_file(self.folder / "folders.json", json.dumps(list(folders)).encode())

    def close(self) -> None:
        """Let go of the folder; delete it if nothing is left in it but its number."""
        with self._tidying:  # a thread whose task was cancelled goes on
            self._segments.close()
            if not self.depth and self._aside.empty and self._open() == []:
                shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self._lock)

    @property
    def _open_file(self) -> Path:
        return self.folder / "open.json"

    def _open(self) -> list[Any] | None:
        """Return the list of what is under observation; None if it cannot be read."""
        try:
            found = json.loads(_read(self._open_file) or "[]")
        except (OSError, ValueError):
            return None
        return found if isinstance(found, list) else None


def open_spools(root: Path, workspace: str) -> tuple[Spool, list[Spool]]:
    """Return a spool of one's own for the workspace, and those that dead processes left."""
    parent = root / workspace
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = [spool for folder in sorted(parent.iterdir()) if (spool := claim(folder))]
    if free:
        return free[0], free[1:]
    folder = parent / uuid.uuid4().hex
    folder.mkdir(mode=0o700)
    own = claim(folder)
    if own is None:
        raise OSError(f"cannot lock {folder}: locks do not work there")
    return own, []


def producers(root: Path) -> list[Path]:
    """Return the folders of all producers, of whatever workspace."""
    return [folder for folder in sorted(root.glob("*/*")) if folder.is_dir()]


def holds_events(folder: Path) -> bool:
    """Whether anything waits in a producer's folder, as far as its files tell."""
    return bool(segment_files(folder))


def read_acked(folder: Path) -> int:
    """Return the highest number that was acknowledged. Raises OSError or ValueError if the mark
    cannot be read."""
    return int(_read(folder / "acked") or "0")


def claim(folder: Path) -> Spool | None:
    """Take over a folder whose lock is free."""
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
    except (BlockingIOError, FileNotFoundError) as error:
        log.debug("the feedback in %s is another process's, or was: %s", folder, error)
    except (OSError, ValueError) as error:
        log.warning("cannot adopt the feedback in %s: %s", folder, error)
    os.close(lock)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""

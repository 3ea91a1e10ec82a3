"""Feedback on its way to the gateway: on disk before anything else, deleted once acknowledged.

One folder per producer, below one per workspace. A lock held while the process lives tells two
servers on one workspace apart; what a dead one left is adopted. Knows the folder and sequence
numbers. Does not know the gateway, nor what the events mean.

    <root>/<workspace>/<producer>/lock             held by the owner
                                 /events-N.jsonl   not yet acknowledged, one event per line from N
                                 /acked            the highest acknowledged sequence number
                                 /refused.jsonl    events that the gateway cannot read
                                 /open.json        suggestions still under observation
"""

import json
import logging
import os
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from feedback_store.events import FeedbackBatch, FeedbackEvent, FeedbackLevel
from lsp.files import drop_begun, replace_file
from lsp.segments import Line, Segments, line_of

BATCH = 200
REFUSED_BYTES = 1_000_000
"""More than this is not kept of what the gateway cannot read."""
TARGET = 0.8
"""A spool that is too large is brought down to this share, so that it is not rewritten often."""
DAY_S = 86_400.0
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
        """Take the first events, which the gateway refused, out of the way, and keep them."""
        path = self.folder / "refused.jsonl"
        for event in sent.events:
            if path.exists() and path.stat().st_size > REFUSED_BYTES:
                log.error("too many events were refused; this one is not kept")
                continue
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(fd, "ab") as file:
                file.write(event.model_dump_json().encode() + b"\n")
        self.acknowledge(sent, sent.events[-1].seq)

    def keep_within(self, max_bytes: int, max_days: float, now: float, make: MakeLoss) -> None:
        """Drop what is too much or too old, texts before facts, and add an event that says so.

        Texts go after `max_days`, facts after twice as long.
        """
        if self.bytes <= max_bytes and now < self._next_look:
            return
        self._next_look = now + HOUR_S
        silenced, dropped = _surplus(list(self._segments.lines), max_bytes, max_days, now)
        if not silenced and not dropped:
            return
        self.append(lambda seq: make(seq, len(silenced), len(dropped)))

        def change(line: Line) -> Line | None:
            if line.seq in dropped:
                return None
            return line.without_text() if line.seq in silenced else line

        self._segments.replace(change)

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
        """Take the texts out of what waits; at `off` all of it goes."""
        if level == FeedbackLevel.OFF:
            self._acked = self._segments.last
            if self._segments.forget(self._acked):
                self.tidy()
        elif level != FeedbackLevel.FULL:
            self._segments.replace(lambda line: line.without_text() if line.has_text else line)

    def save_open(self, snapshots: list[dict[str, Any]]) -> None:
        """Remember what is under observation, in case this process does not end in order."""
        replace_file(self.folder / "open.json", json.dumps(snapshots).encode())

    def take_open(self) -> list[dict[str, Any]]:
        """Return what an earlier run had under observation when it ended."""
        try:
            found = json.loads(_read(self.folder / "open.json") or "[]")
        except (OSError, ValueError) as error:
            log.warning("what %s had under observation is lost: %s", self.folder, error)
            return []
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    def close(self) -> None:
        """Let go of the folder; delete it if nothing is left in it but its number."""
        self._segments.close()
        if not self.depth and not self.refused and not self.take_open():
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def _surplus(
    lines: list[Line], max_bytes: int, max_days: float, now: float
) -> tuple[set[int], set[int]]:
    """Return the numbers of the events to be left without text, and of those to be dropped."""
    dropped = {line.seq for line in lines if now - line.at > 2 * max_days * DAY_S}
    silenced = {
        line.seq
        for line in lines
        if line.has_text and now - line.at > max_days * DAY_S and line.seq not in dropped
    }
    size = sum(len(line.data) for line in lines if line.seq not in dropped)
    if size <= max_bytes:
        return silenced, dropped
    sizes = {line.seq: len(line.data) for line in lines if line.seq not in dropped}
    for line in lines:
        if line.has_text and line.seq not in dropped and size > TARGET * max_bytes:
            silenced.add(line.seq)
            bare = len(line.without_text().data)
            size, sizes[line.seq] = size - sizes[line.seq] + bare, bare
    for seq in list(sizes):
        if size > TARGET * max_bytes:
            dropped.add(seq)
            silenced.discard(seq)
            size -= sizes[seq]
    return silenced, dropped


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


def open_or_borrow(root: Path, workspace: str) -> tuple[Spool, list[Spool], str]:
    """As `open_spools`, with what is wrong: where the folder cannot be used, the spool is one that
    goes with this process."""
    try:
        return *open_spools(root, workspace), ""
    except OSError as error:
        trouble = f"{UNKEPT}: {error}"
        log.error("%s", trouble)
    borrowed = tempfile.mkdtemp(prefix="hone-")
    own, left = open_spools(Path(borrowed), workspace)
    weakref.finalize(own, shutil.rmtree, borrowed, ignore_errors=True)
    return own, left, trouble


def read_acked(folder: Path) -> int:
    """Return the highest number that was acknowledged. Raises OSError or ValueError if the mark
    cannot be read."""
    return int(_read(folder / "acked") or "0")


def count_refused(folder: Path) -> int:
    """Return how many events the gateway could not read. Raises OSError."""
    return _read(folder / "refused.jsonl").count("\n")


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
    except (OSError, ValueError) as error:
        log.warning("cannot adopt the feedback in %s: %s", folder, error)
    os.close(lock)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""

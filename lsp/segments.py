"""Numbered events as lines in files, written before anything else happens.

A file is named by its first number and only ever appended to, until it is deleted as a whole;
what was acknowledged is therefore never rewritten. Knows lines, files and sizes. Does not know
locks, gateways or what is in an event beyond its number, its age and whether it holds text.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from feedback_store.events import FeedbackEvent, FeedbackLevel, SettledEvent
from lsp.files import replace_file

SEGMENT_BYTES = 256 * 1024
_PREFIX, _SUFFIX = "events-", ".jsonl"
_ADAPTER: TypeAdapter[FeedbackEvent] = TypeAdapter(FeedbackEvent)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """One event as it is on disk."""

    seq: int
    data: bytes
    has_text: bool
    at: float
    """The client's wall time."""

    @property
    def event(self) -> FeedbackEvent:
        """Read the event back."""
        return _ADAPTER.validate_json(self.data)

    def without_text(self) -> "Line":
        """Return the same event at level `facts`."""
        silent = {"settled_text": None, "accepted_text": None, "level": FeedbackLevel.FACTS}
        return line_of(self.event.model_copy(update=silent))


def line_of(event: FeedbackEvent) -> Line:
    """Return an event as a line."""
    text = isinstance(event, SettledEvent) and event.settled_text is not None
    return Line(event.seq, event.model_dump_json().encode() + b"\n", text, event.client_time)


@dataclass
class _Segment:
    path: Path
    last: int


class Segments:
    """The lines of one folder, oldest first."""

    def __init__(self, folder: Path, acked: int) -> None:
        self.lines: deque[Line] = deque()
        self.bytes = 0
        self._folder = folder
        self._closed: deque[_Segment] = deque()
        self._current: _Segment | None = None
        self._fd = -1
        self._written = 0
        self._unsynced: set[Path] = set()
        self._spent: list[Path] = []
        self.last = acked
        """The highest number ever given out."""
        for path in segment_files(folder):
            self._load(path, acked)

    def append(self, line: Line) -> None:
        """Write a line. Raises OSError if it cannot be written; it then is not there."""
        current = self._current or self._begin(line.seq)
        try:
            if os.write(self._fd, line.data) < len(line.data):
                raise OSError(f"no room for more feedback in {self._folder}")
        except OSError:
            self._take_back(current)
            raise
        current.last = self.last = line.seq
        self._unsynced.add(current.path)
        self.lines.append(line)
        self.bytes += len(line.data)
        self._written += len(line.data)
        if self._written >= SEGMENT_BYTES:
            self._rotate()

    def forget(self, upto: int) -> int:
        """Drop the lines up to a number; how many. Their files go with `delete_spent`."""
        before = len(self.lines)
        while self.lines and self.lines[0].seq <= upto:
            self.bytes -= len(self.lines.popleft().data)
        if not self.lines:
            self._rotate()
        while self._closed and self._closed[0].last <= upto:
            self._spent.append(self._closed.popleft().path)
        return before - len(self.lines)

    def delete_spent(self) -> None:
        """Delete the files of which everything was dropped; may be called from any thread."""
        while self._spent:
            path = self._spent.pop()
            self._unsynced.discard(path)
            path.unlink(missing_ok=True)

    def replace(self, change: Callable[[Line], Line | None]) -> None:
        """Rewrite the lines: each becomes what `change` says, or goes."""
        self._rotate()
        changed = [(line, change(line)) for line in self.lines]
        touched = [line.seq for line, new in changed if new is not line]
        self.lines = deque(new for _, new in changed if new is not None)
        self.bytes = sum(len(line.data) for line in self.lines)
        first = 0
        for segment in self._closed:
            if any(first < seq <= segment.last for seq in touched):
                kept = [line.data for line in self.lines if first < line.seq <= segment.last]
                replace_file(segment.path, b"".join(kept))
                self._unsynced.add(segment.path)
            first = segment.last

    def unsynced(self) -> set[Path]:
        """Return the files written since the last call, for `sync_files`."""
        paths, self._unsynced = self._unsynced, set()
        return paths

    def close(self) -> None:
        """Write no more."""
        self._rotate()

    def _begin(self, first: int) -> _Segment:
        path = self._folder / f"{_PREFIX}{first:012d}{_SUFFIX}"
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._current, self._written = _Segment(path, first), 0
        return self._current

    def _take_back(self, current: _Segment) -> None:
        """Whatever comes next must not continue a torn line, nor a file that counts as done."""
        if self._written:
            os.ftruncate(self._fd, self._written)
            return
        os.close(self._fd)
        self._current = None
        current.path.unlink(missing_ok=True)

    def _rotate(self) -> None:
        if self._current is not None:
            os.close(self._fd)
            self._closed.append(self._current)
            self._current = None

    def _load(self, path: Path, acked: int) -> None:
        """Read a file back; a line torn by a crash is left out. A file without any other goes:
        one that the next number names must begin empty."""
        first = int(path.stem.removeprefix(_PREFIX))
        segment = _Segment(path, first - 1)
        for event in read_events(path):
            if event is None:
                log.warning("a line of %s cannot be read", path)
                continue
            segment.last = event.seq
            if event.seq > acked:
                line = line_of(event)
                self.lines.append(line)
                self.bytes += len(line.data)
        self.last = max(self.last, segment.last)
        if segment.last < first:
            path.unlink()
        else:
            self._closed.append(segment)


def segment_files(folder: Path) -> list[Path]:
    """Return the files of a folder that hold events, oldest first."""
    found = sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"))
    return [path for path in found if path.stem.removeprefix(_PREFIX).isdecimal()]


def read_events(path: Path) -> Iterator[FeedbackEvent | None]:
    """Yield the events of a file; None for each line that cannot be read."""
    for data in path.read_bytes().splitlines():
        try:
            yield _ADAPTER.validate_json(data)
        except ValidationError:
            yield None


def sync_files(paths: Iterable[Path]) -> None:
    """Bring files and their folders onto the disk; takes milliseconds, in any thread."""
    for path in paths:
        for name in (path, path.parent):
            with suppress(FileNotFoundError):
                _sync(name)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

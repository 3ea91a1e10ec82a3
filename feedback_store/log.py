"""The event log: numbered segments of frames, appended and fsynced; the truth of the store.

Knows segments, sealing, torn ends and damage. Does not know what entries mean, nor the database.
One thread writes; a sealed segment is compressed aside, so that no commit waits for gzip.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from feedback_store import frames
from feedback_store.errors import CorruptLog
from feedback_store.publish import sync_folder
from feedback_store.segments import (
    compress_all,
    find_end,
    last_seq,
    number_of,
    reaching,
    read_frames,
    segments_in,
)

_LOG = logging.getLogger(__name__)


class AppendFile(Protocol):
    """An open segment. `sync` returns only when everything written is on disk."""

    def write(self, data: bytes) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class DiskFile:
    """A segment on disk, unbuffered, so that an error surfaces where it happens."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Append all of `data`; OSError if the disk refuses, with part of it perhaps written."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def sync(self) -> None:
        """Force the file to disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True)
class Tail:
    """Where the log really ends, found by reading its last segment."""

    path: Path
    good_bytes: int
    torn_bytes: int
    last_seq: int
    """0 if the log is empty."""


class EventLog:
    """The log in one folder. `open` it before `append`; reading needs no opening."""

    def __init__(
        self,
        folder: Path,
        segment_bytes: int = 64 << 20,
        open_file: Callable[[Path], AppendFile] = DiskFile,
    ) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._open_file = open_file
        self._file: AppendFile | None = None
        self._path = folder / "00000001.jsonl"
        self._bytes = 0
        self._synced_bytes = 0
        self._sealer: threading.Thread | None = None

    def tail(self) -> Tail:
        """Find the log's end, changing nothing; CorruptLog if more than a torn end is wrong."""
        paths = self.segments()
        if not paths:
            return Tail(self._path, 0, 0, 0)
        last = paths[-1]
        if last.suffix == ".gz":
            seq = last_seq(last)
            return Tail(last.with_name(f"{number_of(last) + 1:08d}.jsonl"), 0, 0, seq)
        good, seq = find_end(last)
        if seq == 0 and len(paths) > 1:
            seq = last_seq(paths[-2])
        return Tail(last, good, last.stat().st_size - good, seq)

    def open(self, tail: Tail) -> None:
        """Drop the torn end that `tail` found and make ready to append."""
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        if tail.torn_bytes:
            _LOG.warning("dropping a torn end of %d bytes of %s", tail.torn_bytes, tail.path)
            os.truncate(tail.path, tail.good_bytes)
        self._start(tail.path, tail.good_bytes)
        self._file_or_raise().sync()
        self._compress_later()

    def append(self, bodies: Sequence[bytes]) -> None:
        """Append entries, as JSON, starting a new segment if the active one is full.

        Not yet synced.
        """
        if self._bytes >= self._segment_bytes:
            self.rotate()
        data = b"".join(map(frames.encode, bodies))
        self._file_or_raise().write(data)
        self._bytes += len(data)

    def rotate(self) -> None:
        """Start a new segment; the one before, whose entries are all synced, is sealed."""
        self._file_or_raise().close()
        self._start(self._path.with_name(f"{number_of(self._path) + 1:08d}.jsonl"), 0)
        self._compress_later()

    def seal(self) -> None:
        """Seal all that was appended, and wait until it is compressed."""
        if self._bytes:
            self.rotate()
        if self._sealer is not None:
            self._sealer.join()

    def sync(self) -> None:
        """Force what was appended to disk."""
        self._file_or_raise().sync()
        self._synced_bytes = self._bytes

    def rewind(self) -> None:
        """After a failed append or sync: cut off what may not be on disk, and close.

        After a failed fsync the kernel may call the pages clean although they never reached the
        disk, so that a second fsync proves nothing; only writing them again does.
        """
        if self._file is None:
            return
        self.close()
        if self._bytes != self._synced_bytes or self._path.stat().st_size != self._synced_bytes:
            os.truncate(self._path, self._synced_bytes)
            self._bytes = self._synced_bytes

    def close(self) -> None:
        """Close the active segment and wait for a compression under way."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()
        if self._sealer is not None:
            self._sealer.join()

    def segments(self) -> list[Path]:
        """Return the segments in order; where both forms of one exist, the compressed one."""
        return segments_in(self._folder)

    def read(self, after: int = 0, until: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the entries whose ingest_seq is above `after`, in order, up to `until`.

        CorruptLog if a frame is damaged or a number does not follow the one before. A torn end
        counts as damage, unless `open` has dropped it or `until` (a Tail's) stops before it.
        """
        return (entry for entry, _ in self.read_with_text(after, until))

    def read_with_text(
        self, after: int = 0, until: int | None = None
    ) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Like `read`, each entry with its JSON as it stands in the log."""
        paths = self.segments()
        expected: int | None = None
        for path in reaching(paths, after):
            if until is not None and (expected or 1) > until:
                return
            for offset, entry, line in read_frames(path):
                seq = entry["ingest_seq"]
                if seq != expected if expected else seq > after + 1:
                    wanted = expected or after + 1
                    raise CorruptLog(path, offset, f"{seq} stands where {wanted} belongs")
                expected = seq + 1
                if seq > after:
                    yield entry, frames.body_of(line)
                if seq == until:
                    return

    def _start(self, path: Path, size: int) -> None:
        self._file, self._path = self._open_file(path), path
        self._bytes = self._synced_bytes = size
        sync_folder(self._folder)

    def _file_or_raise(self) -> AppendFile:
        if self._file is None:
            raise OSError("the event log is not open")
        return self._file

    def _compress_later(self) -> None:
        """Compress full segments in a thread of its own, one at a time."""
        if self._sealer is not None:
            self._sealer.join()
        active = number_of(self._path)
        full = [
            p for p in self._folder.glob("*.jsonl") if p.stem.isdigit() and number_of(p) < active
        ]
        if full:
            self._sealer = threading.Thread(
                target=compress_all, args=(sorted(full),), name="hone-seal", daemon=True
            )
            self._sealer.start()

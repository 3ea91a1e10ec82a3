"""Segments of the event log as files: their names and order, their frames, their compressed form.

Knows one file at a time. Does not know appending (feedback_store.log), nor what entries mean.
"""

import gzip
import logging
import re
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from feedback_store import frames
from feedback_store.errors import CorruptLog
from feedback_store.publish import replacing, sync_folder

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"(\d{8})\.jsonl(\.gz)?")
_GZIP_LEVEL = 3
"""Text of events shrinks to a tenth here already; 9 takes five times as long for a little more."""


def segments_in(folder: Path) -> list[Path]:
    """Return the segments in order; where both forms of one exist, the compressed one."""
    found: dict[int, Path] = {}
    for path in sorted(folder.glob("*.jsonl*")):
        if _NAME.fullmatch(path.name):
            found[number_of(path)] = path
    return [found[number] for number in sorted(found)]


def number_of(path: Path) -> int:
    """Return a segment's number."""
    return int(path.name[:8])


def compress_all(paths: list[Path]) -> None:
    """Compress full segments; one that the disk refuses stays plain until the next start."""
    for path in paths:
        try:
            compress(path)
        except OSError as error:
            _LOG.warning("cannot compress %s yet: %s", path, error)


def compress(path: Path) -> None:
    """Replace a segment by its compressed form; whatever happens, one of the two is whole."""
    sealed = path.with_name(f"{path.name}.gz")
    if not sealed.exists():
        with path.open("rb") as source, replacing(sealed) as raw, packed(raw) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        sync_folder(path.parent)
    path.unlink()


def packed(file: IO[bytes]) -> gzip.GzipFile:
    """Return a writer of the compressed form, the same bytes for the same text."""
    return gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0)


def _open_segment(path: Path) -> IO[bytes]:
    # Compression may rename the plain file away between listing and opening.
    if path.suffix != ".gz" and not path.exists():
        path = path.with_name(path.name + ".gz")
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a segment with their offsets (in the uncompressed text), unchecked."""
    offset = 0
    with _open_segment(path) as file:
        try:
            for line in file:
                yield offset, line
                offset += len(line)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise CorruptLog(path, offset, f"the compressed data is damaged ({error})") from error


def read_frames(path: Path) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """Yield the frames of a segment: offset, entry, and the line itself.

    CorruptLog if one is damaged.
    """
    for offset, line in read_lines(path):
        try:
            entry = frames.decode(line)
        except frames.BadFrame as error:
            raise CorruptLog(path, offset, str(error)) from error
        yield offset, entry, line


def reaching(paths: list[Path], after: int) -> list[Path]:
    """Leave out the segments that hold nothing above `after`."""
    if after == 0:
        return paths
    firsts = [first_seq(path) for path in paths]
    needless = [i for i, seq in enumerate(firsts) if seq is not None and seq <= after + 1]
    return paths[needless[-1] if needless else 0 :]


def first_seq(path: Path) -> int | None:
    """Return the number of a segment's first entry; None if it is empty."""
    return next((entry["ingest_seq"] for _, entry, _ in read_frames(path)), None)


def last_seq(path: Path) -> int:
    """Return the number of a segment's last entry; 0 if it is empty."""
    return max((entry["ingest_seq"] for _, entry, _ in read_frames(path)), default=0)


def find_end(path: Path) -> tuple[int, int]:
    """Return the bytes of whole frames in the last segment and the last ingest_seq (0 if none).

    A crash can only tear the end. Damage with an undamaged frame behind it is no torn end, and
    cutting it off would lose acknowledged entries: that is CorruptLog.
    """
    good, seq, offset = 0, 0, 0
    damage: str | None = None
    with path.open("rb") as file:
        for line in file:
            try:
                seq_here = frames.decode(line)["ingest_seq"]
            except frames.BadFrame as error:
                damage = damage or str(error)
            else:
                if damage is not None:
                    raise CorruptLog(path, good, damage)
                seq, good = seq_here, offset + len(line)
            offset += len(line)
    return good, seq

"""What a spool keeps although it goes nowhere, for somebody to look at: the events that the gateway
refuses, and a list of what was under observation that cannot be read.

The bounds of what waits hold for it too, and no texts stay where none may be recorded. Knows its
two files. Does not know why something is here.
"""

import logging
import math
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from feedback_store.events import FeedbackEvent, FeedbackLevel
from lsp.bounds import DAY_S, surplus
from lsp.files import replace_file
from lsp.segments import Line, line_of, read_events

REFUSED_BYTES = 1_000_000
"""More than this is not kept of what the gateway refuses."""
log = logging.getLogger(__name__)


class Aside:
    """The files of one folder. Every method raises OSError where they cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._refused = folder / "refused.jsonl"
        self._unreadable = folder / "open.unreadable"
        self._level = FeedbackLevel.FULL

    @property
    def empty(self) -> bool:
        """Whether there is nothing."""
        return not self._unreadable.exists() and not self._refused.exists()

    def add(self, events: Sequence[FeedbackEvent]) -> None:
        """Keep events that the gateway refuses; the oldest go if that is too much."""
        handle = os.open(self._refused, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.writelines(line_of(event).data for event in events)
            size = file.tell()
        if size > REFUSED_BYTES:
            self._bound(REFUSED_BYTES, math.inf, 0.0)

    def keep(self, path: Path) -> None:
        """Put a file that cannot be read out of the way. What it holds is not known: where no
        texts may be recorded it goes."""
        if self._level == FeedbackLevel.FULL:
            os.replace(path, self._unreadable)
            log.warning("%s cannot be read; it is kept as %s", path, self._unreadable.name)
        else:
            _remove(path)
            log.warning("%s cannot be read; it is deleted", path)

    def keep_within(self, max_bytes: int, max_days: float, now: float) -> None:
        """Drop what is too much or too old, texts before facts."""
        self._bound(min(max_bytes, REFUSED_BYTES), max_days, now)
        with suppress(FileNotFoundError):
            if now - self._unreadable.stat().st_mtime > max_days * DAY_S:
                _remove(self._unreadable)

    def lower(self, level: FeedbackLevel) -> None:
        """Take the texts out; at `off` all of it goes."""
        self._level = level
        if level == FeedbackLevel.FULL:
            return
        _remove(self._unreadable)
        if level == FeedbackLevel.OFF:
            _remove(self._refused)
        else:
            self._rewrite(lambda line: line.without_text() if line.has_text else line)

    def _bound(self, max_bytes: int, max_days: float, now: float) -> None:
        over = surplus(self._lines(), max_bytes, max_days, now)
        if over:
            log.warning("too much was refused, or too long ago: it is not kept")
            self._rewrite(over.without)

    def _rewrite(self, change: Callable[[Line], Line | None]) -> None:
        """Write anew what `change` makes of the lines; what cannot be read goes."""
        kept = [new.data for line in self._lines() if (new := change(line))]
        if kept:
            replace_file(self._refused, b"".join(kept))
        else:
            _remove(self._refused)

    def _lines(self) -> list[Line]:
        try:
            return [line_of(event) for event in read_events(self._refused) if event]
        except FileNotFoundError:
            return []


def count_refused(folder: Path) -> int:
    """Return how many events the gateway refused. Raises OSError."""
    try:
        return (folder / "refused.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

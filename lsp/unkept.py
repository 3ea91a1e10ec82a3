"""Feedback of a process that has no folder to keep it in: in memory, and gone with the process.

Stands in for `lsp.spool.Spool`, so that nothing is left on a disk that no later run would look at,
however this one ends. Knows sequence numbers. Does not know the gateway, nor what the events mean.
"""

import logging
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from feedback_store.events import FeedbackBatch, FeedbackEvent, FeedbackLevel
from lsp.bounds import surplus
from lsp.segments import Line, line_of
from lsp.spool import BATCH, HOUR_S, UNKEPT, MakeLoss, Spool, open_spools

log = logging.getLogger(__name__)


class Unkept:
    """One producer's events, which no later run will find."""

    folder = None
    refused = 0

    def __init__(self) -> None:
        self.producer = uuid.uuid4().hex
        self.bytes = 0
        self._lines: deque[Line] = deque()
        self._last = 0
        self._next_look = 0.0

    @property
    def depth(self) -> int:
        """How many events wait for an acknowledgement."""
        return len(self._lines)

    @property
    def waiting(self) -> tuple[FeedbackEvent, ...]:
        """The events that wait for an acknowledgement, oldest first."""
        return tuple(line.event for line in self._lines)

    def append(self, make: Callable[[int], FeedbackEvent]) -> None:
        """Add the event that `make` builds for the next sequence number."""
        line = line_of(make(self._last + 1))
        self._last = line.seq
        self._lines.append(line)
        self.bytes += len(line.data)

    def batch(self, limit: int = BATCH) -> FeedbackBatch | None:
        """Return the next events to send, or None."""
        events = tuple(line.event for line in islice(self._lines, limit))
        return FeedbackBatch(producer=self.producer, events=events) if events else None

    def acknowledge(self, sent: FeedbackBatch, high_water: int) -> int:
        """Drop what was sent and acknowledged; how many events that was."""
        done, before = min(high_water, sent.events[-1].seq), self.depth
        self._take([line for line in self._lines if line.seq > done])
        return before - self.depth

    def set_aside(self, sent: FeedbackBatch) -> None:
        """Drop what the gateway refused: there is no place for it."""
        self.acknowledge(sent, sent.events[-1].seq)

    def keep_within(self, max_bytes: int, max_days: float, now: float, make: MakeLoss) -> None:
        """Drop what is too much or too old, as a spool does."""
        if self.bytes <= max_bytes and now < self._next_look:
            return
        self._next_look = now + HOUR_S
        if over := surplus(tuple(self._lines), max_bytes, max_days, now):
            self.append(lambda seq: make(seq, len(over.silenced), len(over.dropped)))
            self._change(over.without)

    def lower(self, level: FeedbackLevel) -> None:
        """Take the texts out of all that waits; at `off` all of it goes."""
        if level == FeedbackLevel.OFF:
            self._take([])
        elif level != FeedbackLevel.FULL:
            self._change(lambda line: line.without_text() if line.has_text else line)

    def unsynced(self) -> set[Path]:
        """There are no files."""
        return set()

    def tidy(self) -> None:
        """There is nothing to write down."""

    def save_open(self, snapshots: list[dict[str, Any]]) -> None:
        """Nobody could go on with them."""

    def take_open(self) -> list[dict[str, Any]]:
        """Nobody left anything."""
        return []

    def belong_to(self, folders: Sequence[str]) -> None:
        """Nobody will ask."""

    def close(self) -> None:
        """What has not been sent is lost."""
        if self.depth:
            log.warning("%d events could neither be sent nor kept", self.depth)

    def _change(self, change: Callable[[Line], Line | None]) -> None:
        self._take([new for line in self._lines if (new := change(line)) is not None])

    def _take(self, lines: list[Line]) -> None:
        self._lines = deque(lines)
        self.bytes = sum(len(line.data) for line in lines)


def open_or_do_without(root: Path, workspace: str) -> tuple[Spool | Unkept, list[Spool], str]:
    """As `open_spools`, with what is wrong: where the folder cannot be used, there is none."""
    try:
        return *open_spools(root, workspace), ""
    except OSError as error:
        trouble = f"{UNKEPT}: {error}"
        log.error("%s", trouble)
    return Unkept(), [], trouble

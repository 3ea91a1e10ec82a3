"""Repeats the cycle by interval, by cron expression, and when enough feedback has come in.

Knows clocks and one line of state. Does not know what a cycle does. The time of the last start is
on disk, so that a restarted watcher neither forgets its schedule nor starts at once every time.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from croniter import croniter

from feedback_store.publish import replacing
from trainer.config import WatchSection

STATE = "watch.json"


@dataclass(frozen=True)
class Schedule:
    """When the next cycle is due; times are seconds since the epoch."""

    settings: WatchSection

    def next_start(self, last_start: float | None, now: float) -> float:
        """Return when the cycle after the one at `last_start` is due."""
        if self.settings.cron:
            # A first run waits for the clock; a missed one is made up for once.
            base = datetime.fromtimestamp(now if last_start is None else last_start).astimezone()
            return float(croniter(self.settings.cron, base).get_next(float))
        return now if last_start is None else last_start + self.settings.interval_s

    def due(self, last_start: float | None, now: float, ready: int | None) -> bool:
        """Whether to start now, `ready` suggestions being at hand (None if nobody asked)."""
        wanted = self.settings.new_feedback
        if wanted and ready is not None and ready >= wanted:
            return True
        return now >= self.next_start(last_start, now)


class Watch:
    """Runs cycles for ever; one at a time, since each ends before the next is looked for."""

    def __init__(
        self,
        folder: Path,
        schedule: Schedule,
        cycle: Callable[[], None],
        ready: Callable[[], int | None],
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path, self._schedule, self._cycle, self._ready = (
            folder / STATE, schedule, cycle, ready,
        )  # fmt: skip
        self._clock, self._sleep = clock, sleep

    def forever(self, cycles: int | None = None) -> None:
        """Run `cycles` cycles, or without end."""
        done, first_seen = 0, self._clock()
        while cycles is None or done < cycles:
            last, now = self._last_start(), self._clock()
            anchor = first_seen if last is None and self._schedule.settings.cron else last
            ready = self._ready() if self._schedule.settings.new_feedback else None
            if not self._schedule.due(anchor, now, ready):
                self._sleep(self._schedule.settings.poll_s)
                continue
            self._remember(now)
            self._cycle()
            done += 1

    def _last_start(self) -> float | None:
        try:
            return float(json.loads(self._path.read_text(encoding="utf-8"))["last_start"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # never ran, or the file is damaged: as good as never

    def _remember(self, now: float) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path) as file:
            file.write(json.dumps({"last_start": now}).encode() + b"\n")

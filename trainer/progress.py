"""Shows a run's progress: a live bar with the time left on a terminal, plain lines elsewhere.

Knows rich. Does not know what is counted.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_EVERY_S = 15.0
"""How often a phase says where it stands when there is no terminal, such as in a service's log."""

Advance = Callable[[int, str], None]
"""Counts up by an amount, with a note to show beside it."""


class Display:
    """Phases of one run, one after the other."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def phase(self, name: str, total: int, before: int = 0) -> Iterator[Advance]:
        """Show a phase of `total` parts for the length of the block.

        Args:
            before: parts that an interrupted run has done; they tell nothing of the time left.
        """
        if self.console.is_terminal:
            with self._bars() as bars:
                task = bars.add_task(name, total=total, completed=before, note="")
                yield lambda amount, note: bars.update(task, advance=amount, note=note)
        else:
            yield self._lines(name, total, before)

    def _bars(self) -> Progress:
        return Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
        )

    def _lines(self, name: str, total: int, before: int) -> Advance:
        began = last = time.monotonic()
        done = before

        def advance(amount: int, note: str) -> None:
            nonlocal done, last
            done += amount
            now = time.monotonic()
            if now - last >= LINE_EVERY_S or done >= total:
                last = now
                left = (now - began) / max(1, done - before) * max(0, total - done)
                self.say(f"{name}: {done}/{total}, {left:.0f} s left  {note}")

        return advance

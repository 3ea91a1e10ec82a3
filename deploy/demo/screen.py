"""What the demo shows while it runs: phases, counters with time left, seconds per phase.

Knows rich. Does not know what the phases do.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Screen:
    """The terminal, and a clock for every phase."""

    def __init__(self) -> None:
        self.console = Console()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time of the block to phase `name`."""
        started = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + spent

    @contextmanager
    def phase(self, text: str) -> Iterator[None]:
        """Show a phase whose length is unknown."""
        columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"))
        with Progress(*columns, TimeElapsedColumn(), console=self.console) as progress:
            task = progress.add_task(text, total=1)
            yield
            progress.update(task, completed=1)

    @contextmanager
    def counted(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a phase of `total` steps; yields what to tell the number done so far."""
        columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(text, total=total)
            yield lambda done: progress.update(task, completed=done)

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text)

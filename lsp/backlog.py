"""What waits in all spools of a user, of whatever workspace and process.

Living processes own these files: nothing is locked or changed, and what goes meanwhile has gone.
Knows how to count. Does not know how the files are written (that is `lsp.spool`).
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from feedback_store.events import FeedbackEvent
from lsp.aside import count_refused
from lsp.segments import read_events, segment_files
from lsp.spool import read_acked


@dataclass(frozen=True)
class Backlog:
    """How much there is."""

    events: int = 0
    refused: int = 0
    """Events that the gateway did not take."""
    unreadable: int = 0
    """Lines, and whole files, that cannot be read."""
    oldest_s: float = 0.0


def backlog(root: Path, now: float) -> Backlog:
    """Count what waits below a folder; `now` is the wall time."""
    found: list[FeedbackEvent | None] = []
    refused = 0
    for folder in root.glob("*/*"):
        found += _waiting(folder)
        with contextlib.suppress(OSError):
            refused += count_refused(folder)
    events = [event for event in found if event is not None]
    oldest_s = max((now - event.client_time for event in events), default=0.0)
    return Backlog(len(events), refused, len(found) - len(events), oldest_s)


def _waiting(folder: Path) -> Iterator[FeedbackEvent | None]:
    """Yield what one process has to send; None for each line that cannot be read."""
    try:
        acked = read_acked(folder)
    except (OSError, ValueError):
        yield None
        acked = 0
    for path in segment_files(folder):
        try:
            yield from (e for e in read_events(path) if e is None or e.seq > acked)
        except FileNotFoundError:
            continue
        except OSError:
            yield None

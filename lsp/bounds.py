"""What of the events that wait is too much or too old: texts go before facts, the oldest first.

Knows numbers, sizes and ages. Does not know files.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lsp.segments import Line

TARGET = 0.8
"""What is too large is brought down to this share, so that it is not rewritten often."""
DAY_S = 86_400.0


@dataclass(frozen=True)
class Surplus:
    """The numbers of the events to be left without text, and of those to be dropped."""

    silenced: frozenset[int]
    dropped: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.silenced or self.dropped)

    def without(self, line: Line) -> Line | None:
        """Return what is left of a line."""
        if line.seq in self.dropped:
            return None
        return line.without_text() if line.seq in self.silenced else line


def surplus(lines: Sequence[Line], max_bytes: int, max_days: float, now: float) -> Surplus:
    """Return what must go. Texts go after `max_days`, facts after twice as long."""
    dropped = {line.seq for line in lines if now - line.at > 2 * max_days * DAY_S}
    silenced = {
        line.seq
        for line in lines
        if line.has_text and now - line.at > max_days * DAY_S and line.seq not in dropped
    }
    size = sum(len(line.data) for line in lines if line.seq not in dropped)
    if size <= max_bytes:
        return Surplus(frozenset(silenced), frozenset(dropped))
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
    return Surplus(frozenset(silenced), frozenset(dropped))

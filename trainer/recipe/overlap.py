"""Which training texts repeat a validation answer, so that a model could have read it.

Two texts overlap if they share RUN lexical tokens in a row. Licence headers are set aside: comment
lines in a window that lies in its file's first lines do not count.

Knows tokens and hashes of runs of them. Does not know where texts come from.
"""

import re
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from trainer.tasks import EditTask

RUN = 50
HEADER_LINES = 40
_TOKEN = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(r"^\s*(#|//|/\*|\*|--|<!--)")
_BASE = 0x5DEECE66D | 1


class Overlap:
    """Finds texts that share a run of tokens with one of the answers it was made of."""

    def __init__(self, tasks: Iterable[EditTask]) -> None:
        runs = [_runs(_answer(task)) for task in tasks]
        self._known = np.unique(np.concatenate(runs)) if runs else np.array([], np.uint64)

    def __contains__(self, text: str) -> bool:
        """Whether `text` shares RUN tokens in a row with an answer."""
        if not len(self._known):
            return False
        runs = _runs(text)
        place = np.searchsorted(self._known, runs).clip(max=len(self._known) - 1)
        return bool((self._known[place] == runs).any())


def _answer(task: EditTask) -> str:
    lines = task.wanted.splitlines()
    if task.context.region_first_line < HEADER_LINES:
        lines = [line for line in lines if not _COMMENT.match(line)]
    return "\n".join(lines)


def _runs(text: str) -> NDArray[np.uint64]:
    """Return a hash of every RUN tokens in a row: polynomial, modulo 2**64, from prefix sums."""
    found = _TOKEN.findall(text)
    if len(found) < RUN:
        return np.array([], np.uint64)
    tokens = np.array([zlib.crc32(token.encode()) + 1 for token in found], np.uint64)
    powers = np.full(len(tokens), _BASE, np.uint64)
    powers[0] = 1
    powers = np.cumprod(powers, dtype=np.uint64)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(tokens * powers, dtype=np.uint64)])
    inverse = np.full(len(tokens), pow(_BASE, -1, 1 << 64), np.uint64)
    inverse[0] = 1
    back = np.cumprod(inverse, dtype=np.uint64)
    return (sums[RUN:] - sums[:-RUN]) * back[: len(tokens) - RUN + 1]

"""How much of an accepted edit is still there: retained tokens, 4-grams, reverted or not.

Never by equality, since formatters and auto-brackets rewrite what was accepted. Knows three
texts (before, right after the accept, now). Does not know time or documents.
"""

import difflib
import re
from collections import Counter
from dataclasses import dataclass

from lsp.ends import common_ends

_TOKEN = re.compile(r"\w+|[^\w\s]")
GRAM = 4
MAX_CELLS = 250_000
"""Above this size the alignment is difflib's, which is not always the longest."""


@dataclass(frozen=True)
class Survival:
    """What is left of an accepted edit; shares in [0, 1]."""

    retained: float
    four_grams: float
    reverted: bool


def tokens(text: str) -> list[str]:
    """Split into lexical tokens: words, and every other visible character by itself."""
    return _TOKEN.findall(text)


def survival(base: str, accepted: str, now: str) -> Survival:
    """Measure what is left in `now` of the edit from `base` to `accepted`."""
    old, new, current = tokens(base), tokens(accepted), tokens(now)
    reverted = current == old and new != old
    if current == new:
        return Survival(1.0, 1.0, False)
    kept = aligned(old, new)
    inserted = set(range(len(new))) - {there for _, there in kept}
    if not inserted:
        gone = set(range(len(old))) - {here for here, _ in kept}
        back = {here for here, _ in aligned(old, current)} & gone
        share = 1.0 - len(back) / len(gone) if gone else 1.0
        return Survival(share, share, reverted)
    left = {here for here, _ in aligned(new, current)} & inserted
    return Survival(len(left) / len(inserted), _gram_share(new, current, inserted), reverted)


def aligned(first: list[str], second: list[str]) -> list[tuple[int, int]]:
    """Return the index pairs of a longest common subsequence, rising."""
    head, tail = common_ends(first, second)
    middle = _longest(first[head : len(first) - tail], second[head : len(second) - tail])
    return (
        [(i, i) for i in range(head)]
        + [(i + head, j + head) for i, j in middle]
        + [(len(first) - i, len(second) - i) for i in range(tail, 0, -1)]
    )


def _longest(first: list[str], second: list[str]) -> list[tuple[int, int]]:
    if not first or not second:
        return []
    if len(first) * len(second) > MAX_CELLS:
        blocks = difflib.SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
        return [(b.a + k, b.b + k) for b in blocks for k in range(b.size)]
    rows = [[0] * (len(second) + 1)]
    for token in reversed(first):
        above, row = rows[-1], [0] * (len(second) + 1)
        for j in range(len(second) - 1, -1, -1):
            row[j] = above[j + 1] + 1 if token == second[j] else max(above[j], row[j + 1])
        rows.append(row)
    rows.reverse()
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(first) and j < len(second):
        if first[i] == second[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif rows[i + 1][j] >= rows[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _gram_share(new: list[str], current: list[str], inserted: set[int]) -> float:
    size = min(GRAM, len(new))
    wanted = Counter(
        tuple(new[i : i + size])
        for i in range(len(new) - size + 1)
        if not inserted.isdisjoint(range(i, i + size))
    )
    present = Counter(tuple(current[i : i + size]) for i in range(len(current) - size + 1))
    return (wanted & present).total() / wanted.total()

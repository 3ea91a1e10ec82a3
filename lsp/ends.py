"""What two texts, or two lists of lines or words, have in common at their ends.

Knows sequences. Does not know what is in them.
"""

from collections.abc import Sequence
from itertools import islice


def common_start(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many items both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def common_ends(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """Return how many items both begin with, and with how many of the rest both end."""
    head = common_start(one, other)
    most = min(len(one), len(other)) - head
    pairs = zip(islice(reversed(one), most), reversed(other), strict=False)
    return head, next((n for n, (a, b) in enumerate(pairs) if a != b), most)

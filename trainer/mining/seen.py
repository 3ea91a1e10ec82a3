"""What was mined already: exact repetitions, and the same change made all over a repository.

Knows numbers made from texts. Both memories have a fixed size whatever the repository; the price
is that about 3 of 100,000 new tasks are taken for repetitions once ten million are known.
"""

import hashlib
from collections.abc import Sequence

_BITS = 1 << 29
_SLOTS = 1 << 24
_MOST = 255
_TURNS = 4


def hash_of(*parts: str | Sequence[str]) -> int:
    """Return a 63-bit number for texts; where a text ends and the next begins counts."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        text = part if isinstance(part, str) else "\n".join(part)
        digest.update(b"%d:" % len(text))
        digest.update(text.encode())
    return int.from_bytes(digest.digest(), "big") >> 1


class Tasks:
    """Which tasks are known: a Bloom filter of 64 MiB."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def add(self, identity: int) -> bool:
        """Remember a task; return whether it was new."""
        new = False
        for turn in range(_TURNS):
            place = (identity + turn * ((identity >> 29) | 1)) % _BITS
            byte, bit = place >> 3, 1 << (place & 7)
            if not self._bits[byte] & bit:
                self._bits[byte] |= bit
                new = True
        return new


class Changes:
    """How often a repository's changes were taken, in 16 MiB of counters."""

    def __init__(self) -> None:
        self._counts = bytearray(_SLOTS)

    def add(self, change: int) -> int:
        """Count a change once more; return how often it has been counted (at most 255)."""
        slot = change % _SLOTS
        self._counts[slot] = min(self._counts[slot] + 1, _MOST)
        return self._counts[slot]

    def count(self, change: int) -> int:
        """Return how often a change has been counted."""
        return self._counts[change % _SLOTS]

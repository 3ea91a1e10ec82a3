"""Which texts hold keys, for whoever asks again and again about texts that hardly change.

What is under observation is kept on disk four times a second while the user types, and a line
takes 15 us to look at, so each line's verdict is remembered. Knows lines. Does not know what a
key looks like (that is `feedback_store.detector`).
"""

from collections.abc import Callable
from functools import lru_cache

from feedback_store.detector import holds_key

KEPT = 4096
"""Lines remembered: those of some hundred suggestions and what is around them."""


class Scan:
    """What is known of lines that were looked at."""

    def __init__(self, holds_key: Callable[[str], bool] = holds_key, kept: int = KEPT) -> None:
        self._holds_key = lru_cache(kept)(holds_key)

    @property
    def looked_at(self) -> int:
        """How many lines had to be looked at."""
        return self._holds_key.cache_info().misses

    def holds(self, text: str) -> bool:
        """Whether some line of the text holds a key."""
        return any(map(self._holds_key, text.split("\n")))

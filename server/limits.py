"""How much may be asked for: by one credential a rate and so many at once, by all so many at once.

Pure, but for the clock given. Knows credentials by name. Does not know HTTP or what is asked for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from server.config import LimitSettings

FORGET_S = 600.0


class TooMany(Exception):
    """A credential asks too often; `retry_s` is when it may again."""

    def __init__(self, detail: str, retry_s: float) -> None:
        super().__init__(detail)
        self.retry_s = retry_s


class Room:
    """Place for so many at once, whoever asks; who finds none is told so instead of waiting."""

    def __init__(self, places: int, what: str, retry_s: float) -> None:
        self._places = places
        self._what = what
        self._retry_s = retry_s
        self.taken = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Take a place for as long as the block runs.

        Raises:
            TooMany: there is none.
        """
        if self.taken >= self._places:
            raise TooMany(f"{self.taken} {self._what} are under way already", self._retry_s)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


@dataclass
class _Bucket:
    tokens: float
    at: float
    running: int = 0


class Limits:
    """A token bucket and a count per credential."""

    def __init__(self, settings: LimitSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._swept_at = clock()

    @contextmanager
    def admit(self, key: str) -> Iterator[None]:
        """Let one request of a credential in, for as long as the block runs.

        Raises:
            TooMany: too many a second, or at once.
        """
        bucket = self._bucket(key)
        if bucket.running >= self._settings.at_once:
            raise TooMany(f"{bucket.running} requests of this key are under way", 1.0)
        if bucket.tokens < 1:
            wait_s = (1 - bucket.tokens) / self._settings.requests_per_s
            raise TooMany(f"more than {self._settings.requests_per_s:g} requests a second", wait_s)
        bucket.tokens -= 1
        bucket.running += 1
        try:
            yield
        finally:
            bucket.running -= 1

    def _bucket(self, key: str) -> _Bucket:
        now, burst = self._clock(), float(self._settings.burst)
        if now - self._swept_at > FORGET_S:
            self._swept_at = now
            self._buckets = {
                k: b for k, b in self._buckets.items() if b.running or now - b.at < FORGET_S
            }
        bucket = self._buckets.setdefault(key, _Bucket(burst, now))
        earned = (now - bucket.at) * self._settings.requests_per_s
        bucket.tokens = min(burst, bucket.tokens + earned)
        bucket.at = now
        return bucket

"""Accepted suggestions whose document is closed: what is left of them at the horizons to come.

A trail is all that is needed to look for an accepted region in a file. A look that comes late
counts for the latest horizon that has passed, with the true age; what nobody saw is unobserved,
never imputed. Knows trails and texts given to it. Does not know files, clocks or the protocol.

Below level `full` a trail exists only while the server lives, since no text may be kept on disk:
horizons that end after the server has are then unobserved.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from feedback_store.events import FeedbackLevel
from lsp.findings import Envelope, Survived
from lsp.relocate import Place, find_again
from lsp.survival import survival

LATE_S = 1.0
"""A look this much after a horizon still is one at that horizon, whatever else is due."""


@dataclass
class Trail:
    """One accepted suggestion; `accepted_at` is monotonic, and may be before this run."""

    suggestion_id: str
    level: FeedbackLevel
    uri: str
    base: str
    accepted_text: str
    place: Place
    """Where it was seen last."""
    accepted_at: float
    horizons: list[float]
    envelope: Envelope
    """Of the run that observed the accept."""

    @property
    def due_at(self) -> float:
        """When somebody ought to look next."""
        return self.accepted_at + self.horizons[0]

    def look(self, text: str | None, now: float) -> list[Survived]:
        """Measure what is left in the file's text, at every horizon that is due; None if nobody
        can see the text."""
        place = None if text is None else find_again(text, self.place)
        self.place = place or self.place
        age_s = now - self.accepted_at
        passed = [horizon for horizon in self.horizons if horizon <= age_s]
        seen = [h for h in passed if h == passed[-1] or age_s - h <= LATE_S]
        return [self._next(now, place if horizon in seen else None) for horizon in passed]

    def give_up(self) -> list[Survived]:
        """Say of every horizon to come that nobody could look."""
        return [self._next(0.0, None) for _ in list(self.horizons)]

    def _next(self, now: float, place: Place | None) -> Survived:
        horizon = self.horizons.pop(0)
        last = not self.horizons
        if place is None:
            return Survived(self.suggestion_id, self.level, horizon, last, None, None)
        left = survival(self.base, self.accepted_text, place.text)
        age_s = max(horizon, now - self.accepted_at)
        return Survived(self.suggestion_id, self.level, horizon, last, age_s, left)


class Trails:
    """All trails of this run."""

    def __init__(self, emit: Callable[[Survived, Envelope], None]) -> None:
        self._emit = emit
        self._trails: list[Trail] = []

    def __iter__(self):
        return iter(self._trails)

    def __len__(self) -> int:
        return len(self._trails)

    def add(self, trails: Iterable[Trail]) -> None:
        """Follow these too."""
        self._trails += trails

    def due(self) -> float | None:
        """Return when somebody ought to look next."""
        return min((trail.due_at for trail in self._trails), default=None)

    def wanted(self, now: float) -> set[str]:
        """Return the documents that ought to be looked at now."""
        return {trail.uri for trail in self._trails if trail.due_at <= now}

    def seen(self, uri: str, text: str | None, now: float) -> None:
        """The file's text is this, or cannot be seen."""
        for trail in self._trails:
            if trail.uri == uri and trail.due_at <= now:
                self._say(trail, trail.look(text, now))
        self._trails = [trail for trail in self._trails if trail.horizons]

    def give_up(self, unless: FeedbackLevel | None = None) -> None:
        """Nobody will look at these any longer, except at those of a level."""
        for trail in self._trails:
            if trail.level != unless:
                self._say(trail, trail.give_up())
        self._trails = [trail for trail in self._trails if trail.horizons]

    def _say(self, trail: Trail, found: list[Survived]) -> None:
        for finding in found:
            self._emit(finding, trail.envelope)

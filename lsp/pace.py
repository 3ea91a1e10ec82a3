"""How long an automatic request waits for the next key: by the user's rhythm, and by how welcome
suggestions are at present.

Somebody who types slowly is waited for longer, up to twice the base; each refusal makes the wait
half as long again and each accept a fifth shorter, and that wears off over ten minutes. A client
that has waited by itself before it asked is not waited for again. Knows key presses and outcomes
at times given to it. Does not know clocks or messages.
"""

import math

from feedback_store.events import Outcome
from lsp.findings import Decided, Finding

LEAST_MS, MOST_MS = 20.0, 1000.0
DEBOUNCED_MS = 10.0
"""For clients that wait by themselves: enough to take two requests of one key together."""
USUAL_S = 0.15
"""The time between two keys at which the base applies as it is."""
FLOW_S = 1.0
"""A longer time between two keys is a pause and says nothing about the rhythm."""
WEIGHT = 0.1
"""What the last interval counts for in the mean."""
SLOWEST, FASTEST = 2.0, 0.5
REFUSED, TAKEN = 1.5, 0.8
DECAY_S = 600.0
READ_MS = 500.0
"""What was visible for less was not read."""

WAITING_CLIENTS = ("neovim", "coc.nvim", "vim", "emacs", "eglot", "intellij", "jetbrains")
"""How the names of those begin that wait 200 ms (Neovim) to 2 s (lsp-mode) before they ask."""


class Pace:
    """The wait at present."""

    def __init__(self, base_ms: float, client: str) -> None:
        self._base_ms = base_ms
        self._waits_itself = client.lower().startswith(WAITING_CLIENTS)
        self._interval_s = USUAL_S
        self._typed_at: float | None = None
        self._mood = 0.0
        """The logarithm of what refusals and accepts make of the wait."""
        self._mood_at = 0.0

    def typed(self, now: float) -> None:
        """The user changed a document."""
        if self._typed_at is not None and 0.0 < now - self._typed_at <= FLOW_S:
            self._interval_s += WEIGHT * (now - self._typed_at - self._interval_s)
        self._typed_at = now

    def taken(self, now: float) -> None:
        """The user took a suggestion."""
        self._feel(TAKEN, now)

    def refused(self, now: float) -> None:
        """The user saw a suggestion and did not want it."""
        self._feel(REFUSED, now)

    def found(self, finding: Finding, now: float) -> None:
        """Something was found out; outcomes count. Few clients tell a refusal: typing something
        else than what could be read counts as one."""
        if not isinstance(finding, Decided):
            return
        read = (finding.visible_ms or 0.0) >= READ_MS
        if finding.outcome in (Outcome.ACCEPTED, Outcome.PARTIALLY_ACCEPTED):
            self.taken(now)
        elif finding.outcome == Outcome.REJECTED or (read and finding.outcome == Outcome.DIVERGED):
            self.refused(now)

    def wait_ms(self, now: float, *, asked: bool = True) -> float:
        """Return how long to wait for the next key. A base of 0 means never; a client that did
        not ask has not waited by itself."""
        if not self._base_ms:
            return 0.0
        rhythm = min(max(self._interval_s / USUAL_S, FASTEST), SLOWEST)
        wait_ms = self._base_ms * rhythm * math.exp(self._faded(now))
        wait_ms = min(max(wait_ms, LEAST_MS), MOST_MS)
        return min(wait_ms, DEBOUNCED_MS) if asked and self._waits_itself else wait_ms

    def _feel(self, factor: float, now: float) -> None:
        self._mood, self._mood_at = self._faded(now) + math.log(factor), now

    def _faded(self, now: float) -> float:
        return self._mood * math.exp(-(now - self._mood_at) / DECAY_S)

"""Everything under observation: what it takes in, what it keeps on disk, and the time it needs.

Knows the tracker for open documents, the aftermath for closed ones, and when either has
something to do. Does not know LSP's messages, or how suggestions come about.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from feedback_store.events import FeedbackLevel
from lsp.aftermath import Aftermath
from lsp.apart import apart
from lsp.branch import BranchWatch
from lsp.config import Settings
from lsp.consent import Consent, lowest
from lsp.documents import Documents
from lsp.findings import Envelope
from lsp.relocate import Place, place_of
from lsp.reporter import Reporter
from lsp.tracker import Tracker
from lsp.watch import Watch

KEEP_S = 0.25
"""How old the texts kept for the case of a crash may be."""
BRANCH_S = HEED_S = 1.0


class Observation:
    """What became, and becomes, of every suggestion of this run."""

    def __init__(
        self,
        settings: Settings,
        documents: Documents,
        reporter: Reporter,
        consent: Consent,
        emit: Callable[..., None],
        envelope: Envelope,
        clock: Callable[[], float],
    ) -> None:
        self.tracker = Tracker(settings.settling, emit)
        self.aftermath = Aftermath(documents, settings.exclude.max_bytes, emit)
        self.listeners: list[Callable[[], None]] = []
        """Called whenever something may have changed what is on offer, or where."""
        self._documents = documents
        self._reporter = reporter
        self._consent = consent
        self._envelope = envelope
        self._clock = clock
        self._branches = BranchWatch()
        self._wake = asyncio.Event()
        self._level = consent.level
        self._kept: tuple[object, ...] = ()
        self._kept_at = 0.0
        self._ended = False

    def closed(self, uri: str) -> None:
        """A document is about to be closed."""
        self._follow(self.tracker.closed(uri, self._clock()))

    def settle(self) -> None:
        """The server ends: settle everything, and leave the rest to the next one. An end may be
        told more than once; by the second time the spool may be gone."""
        if self._ended:
            return
        self._ended = True
        self._follow(self.tracker.exit(self._clock()))
        self.aftermath.end()
        self.keep()

    def lower(self, level: FeedbackLevel, uri: str | None = None) -> None:
        """Record no more than this of what is under observation, in one document or in all; what
        is kept on disk goes by it at once."""
        self._cap(level, uri)
        self.keep()

    def heed(self) -> None:
        """Obey the user's choice, in whatever window, and the gateway's administrator, if they
        have changed."""
        self._consent.refresh()
        if self._consent.level != self._level:
            self.keep()

    def stir(self) -> None:
        """Something happened: keep what matters at once, and look at the clock again."""
        state = (
            self._consent.level,
            *(
                (w.suggestion_id, w.shown, w.took_part, w.outcome, w.settled, len(w.horizons))
                for w in self.tracker.watches
            ),
            *((t.suggestion_id, len(t.horizons)) for t in self.aftermath.trails),
        )
        if state != self._kept:
            self.keep()
            self._kept = state
        self._wake.set()
        self.announce()

    def announce(self) -> None:
        """Tell who wants to know what is on offer; `stir` does so too."""
        for hear in self.listeners:
            hear()

    def due(self) -> float | None:
        """Return when `tick` has something to do next."""
        found = (at for at in (self.tracker.due(), self.aftermath.trails.due()) if at is not None)
        return min(found, default=None)

    async def tick(self, now: float) -> None:
        """Do what time alone decides."""
        self.tracker.tick(now)
        await self.aftermath.look(now)
        self.stir()

    async def pass_time(self) -> None:
        """Do whatever is due when it is due, for ever."""
        looked_at = 0.0
        while True:
            now = self._clock()
            if now - looked_at >= HEED_S:
                looked_at = now
                self.heed()
            watches, due = self.tracker.watches, self.due()
            if any(w.changed_at > self._kept_at for w in watches) and now > self._kept_at + KEEP_S:
                self.keep()
            if due is not None and due <= now:
                await self.tick(now)
                continue
            self._wake.clear()
            rest_s = KEEP_S if watches else HEED_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s if due is None else min(due - now, rest_s)):
                    await self._wake.wait()

    async def watch_branches(self) -> None:
        """Look now and then whether a working tree changed branch, for ever."""
        while True:
            roots = self._documents.folders.roots
            if await apart(partial(self._branches.switched, roots)):
                self.tracker.branch_switched()
            await asyncio.sleep(BRANCH_S)

    def keep(self) -> None:
        """Keep what is under observation on disk, as far as that is allowed by now."""
        self._kept_at, self._level = self._clock(), self._consent.level
        self._cap(self._level)
        self._reporter.remember(self.tracker.watches, self.aftermath.trails, self._place)

    def _cap(self, level: FeedbackLevel, uri: str | None = None) -> None:
        for one in (*self.tracker.watches, *self.aftermath.trails):
            if uri in (None, one.uri):
                one.level = lowest(one.level, level)

    def _place(self, watch: Watch) -> Place | None:
        opened = self._documents.get(watch.uri)
        return place_of(opened.document.lines, watch.region) if opened else None

    def _follow(self, watches: Sequence[Watch]) -> None:
        """Go on with what was accepted in documents that are closed now."""
        for watch in watches:
            opened = self._documents.get(watch.uri)
            lines = opened.document.lines if opened else [""]
            self.aftermath.follow([watch], lines, self._envelope)

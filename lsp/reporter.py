"""Findings become events in the spool, and the spool goes to the gateway when it is there.

Knows order and persistence: an event is on disk before the handler that caused it returns, and
is deleted only when the gateway has acknowledged it. Does not know how findings come about.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from feedback_store.events import FeedbackLevel, LossEvent
from lsp.config import SpoolSettings
from lsp.consent import lowest
from lsp.findings import Envelope, Finding, loss_in
from lsp.gateway import Gateway
from lsp.journal import snapshot, snapshot_of_trail
from lsp.recovery import names, take_up, write
from lsp.relocate import Place
from lsp.scan import Scan
from lsp.segments import sync_files
from lsp.sending import send_all
from lsp.spool import UNKEPT, Spool
from lsp.trails import Trail
from lsp.unkept import Unkept
from lsp.watch import Watch
from lsp.workspaces import names_around

log = logging.getLogger(__name__)
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 10.0
SYNC_S = 1.0


class Reporter:
    """All feedback of this run, and what dead runs left behind."""

    def __init__(
        self,
        settings: SpoolSettings,
        envelope: Envelope,
        level: Callable[[], FeedbackLevel],
        own: Spool | Unkept,
        left: Iterable[Spool],
        trouble: str = "",
    ) -> None:
        self.trouble = trouble
        self.written = 0
        """Events of this run, and of dead ones that it closed."""
        self.acknowledged = 0
        """Events that the gateway took, as far as this run sent them."""
        self.left_trails: list[Trail] = []
        """What earlier runs accepted and can still be looked for in files."""
        self.scan = Scan()
        self._settings = settings
        self._envelope = envelope
        self._own = own
        self._left = list(left)
        self._level = level
        self._obeyed = FeedbackLevel.FULL
        """The level by which everything that waits was looked at last."""
        self._others = 0
        """How many folders of others share the room."""
        self._news = asyncio.Event()
        self._unsynced = asyncio.Event()
        self._obey()
        self._recover()

    @property
    def pending(self) -> int:
        """How many events wait for an acknowledgement."""
        return sum(spool.depth for spool in self._spools)

    @property
    def refused(self) -> int:
        """How many events the gateway could not read; they are kept."""
        return sum(spool.refused for spool in self._spools)

    def emit(self, finding: Finding, envelope: Envelope | None = None) -> None:
        """Write a finding down. Nothing is recorded at level `off`."""
        if finding.level == FeedbackLevel.OFF:
            return
        self._append(self._own, finding, envelope or self._envelope)

    def remember(
        self,
        watches: Iterable[Watch],
        trails: Iterable[Trail],
        place: Callable[[Watch], Place | None],
    ) -> None:
        """Keep what is under observation, in case this process is killed, and for the next one,
        and no more of what waits than is allowed by now.

        `place` says where a suggestion's region is in its open document.
        """
        self._obey()
        to_wall = time.time() - time.monotonic()
        kept = [
            snapshot(watch, self._envelope, self._harmless(watch, place(watch)), to_wall)
            for watch in watches
            if watch.suggestion_id and watch.level != FeedbackLevel.OFF
        ]
        kept += [
            snapshot_of_trail(trail, to_wall)
            for trail in trails
            if trail.level == FeedbackLevel.FULL
        ]
        try:
            self._own.save_open(kept)
        except OSError as error:
            self._fail(error)

    async def deliver(self, gateway: Gateway) -> None:
        """Send whatever is there, for ever; wait longer after each failure."""
        wait_s = FIRST_WAIT_S
        while True:
            if not self.pending:
                self._news.clear()
                await self._news.wait()
            if await self.flush(gateway):
                wait_s = FIRST_WAIT_S
                continue
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def keep_synced(self) -> None:
        """Bring what was written onto the disk once a second, off the main thread."""
        while True:
            await self._unsynced.wait()
            self._unsynced.clear()
            paths: set[Path] = set().union(*(spool.unsynced() for spool in self._spools))
            try:
                await asyncio.to_thread(sync_files, paths)
            except OSError as error:
                self._fail(error)
            await asyncio.sleep(SYNC_S)

    async def flush(self, gateway: Gateway) -> bool:
        """Send everything that waits; False as soon as the gateway does not take it."""
        if gateway.hello is None and await gateway.greet() is None:
            return False
        self._obey()
        try:
            # What earlier runs left goes first: this run may have gone on with what they began.
            for spool in [*self._left, self._own]:
                if not await send_all(gateway, spool, self._taken):
                    return False
        except OSError as error:
            self._fail(error)
            return False
        self._drop_empty()
        return True

    def share_with(self, folders: Iterable[Path]) -> None:
        """These folders share the room, those of other windows and workspaces included."""
        self._others = len(set(folders) - {spool.folder for spool in self._spools})

    def belong_to(self, folders: Sequence[Path]) -> None:
        """Remember for later runs whose choices hold for what is kept."""
        around = [names_around(folder) for folder in folders or [None]]
        try:
            self._own.belong_to(sorted({name for found in around for name in found}))
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Let go of the spools."""
        for spool in self._spools:
            spool.close()

    @property
    def _spools(self) -> list[Spool | Unkept]:
        return [self._own, *self._left]

    def _taken(self, events: int) -> None:
        self.acknowledged += events

    def _drop_empty(self) -> None:
        for spool in [spool for spool in self._left if not spool.depth]:
            self._left.remove(spool)
            spool.close()

    def _obey(self) -> None:
        """Take back what is not sent yet and may no longer be recorded."""
        level = self._level()
        fell, self._obeyed = lowest(level, self._obeyed) != self._obeyed, level
        if not fell:
            return
        try:
            for spool in self._spools:
                spool.lower(level)
        except OSError as error:
            self._fail(error)
        self._unsynced.set()

    def _recover(self) -> None:
        """Close what earlier runs had open, or go on with it."""
        known, followed = names(self._spools), set[str]()
        for spool in self._spools:
            closing, trails = take_up(spool, known, self._level())
            for finding, envelope in closing:
                self._append(spool, finding, envelope)
            for trail in trails:
                if trail.suggestion_id not in followed:
                    followed.add(trail.suggestion_id)
                    self.left_trails.append(trail)
        self.remember((), self.left_trails, lambda watch: None)
        for step in (*(partial(spool.save_open, []) for spool in self._left), self._keep_within):
            try:
                step()
            except OSError as error:
                self._fail(error)

    def _append(self, spool: Spool | Unkept, finding: Finding, envelope: Envelope) -> None:
        try:
            write(spool, finding, envelope)
            self.written += 1
            self._keep_within()
        except OSError as error:
            self._fail(error)
        self._news.set()
        self._unsynced.set()

    def _keep_within(self) -> None:
        """Hold every spool to its share of the room."""
        now, about = time.time(), self._envelope

        def loss(seq: int, texts: int, events: int) -> LossEvent:
            log.warning("%d texts and %d events could not be kept any longer", texts, events)
            return loss_in(about, about.workspace, now, seq, texts, events)

        room = self._settings.max_mb * 1e6 / (len(self._spools) + self._others)
        for spool in self._spools:
            spool.keep_within(int(room), self._settings.max_days, now, loss)

    def _harmless(self, watch: Watch, place: Place | None) -> Place | None:
        """Return the place if its texts may be kept on disk."""
        if place is None or watch.level != FeedbackLevel.FULL:
            return None
        texts = (watch.base, watch.accepted_text or "", *place.before, place.text, *place.after)
        return None if self.scan.holds("\n".join(texts)) else place

    def _fail(self, error: OSError) -> None:
        self.trouble = f"{UNKEPT}: {error}"
        log.error("%s", self.trouble)

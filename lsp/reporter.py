"""Findings become events in the spool, and the spool goes to the gateway when it is there.

Knows order and persistence: an event is on disk before the handler that caused it returns, and
is deleted only when the gateway has acknowledged it. Does not know how findings come about.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from feedback_store.events import FeedbackBatch, FeedbackEvent, FeedbackLevel, LossEvent
from lsp.config import SpoolSettings
from lsp.consent import lowest
from lsp.document import encodable
from lsp.exclude import has_secret
from lsp.findings import Envelope, Finding, Settled
from lsp.gateway import Gateway, Refused
from lsp.journal import envelope_of, name_of, recover, snapshot, snapshot_of_trail
from lsp.relocate import Place
from lsp.scan import Scan
from lsp.segments import sync_files
from lsp.spool import UNKEPT, Spool
from lsp.trails import Trail
from lsp.unkept import Unkept
from lsp.watch import Watch

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
                while batch := spool.batch():
                    if not await self._send(gateway, spool, batch):
                        return False
        except OSError as error:
            self._fail(error)
            return False
        self._drop_empty()
        return True

    def close(self) -> None:
        """Let go of the spools."""
        for spool in self._spools:
            spool.close()

    @property
    def _spools(self) -> list[Spool | Unkept]:
        return [self._own, *self._left]

    async def _send(self, gateway: Gateway, spool: Spool | Unkept, batch: FeedbackBatch) -> bool:
        answer = await gateway.feedback(batch)
        if isinstance(answer, Refused):
            if len(batch.events) > 1:
                # One of them is the culprit; the others shall not wait for it.
                single = spool.batch(1)
                return single is not None and await self._send(gateway, spool, single)
            log.error("the gateway cannot read an event: %s", answer.detail)
            spool.set_aside(batch)
            taken = 1
        else:
            taken = 0 if answer is None else spool.acknowledge(batch, answer.high_water)
            self.acknowledged += taken
        if taken:
            await asyncio.to_thread(spool.tidy)
        return taken > 0

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
        known = {_name(event) for spool in self._spools for event in spool.waiting}
        followed: set[str] = set()
        to_wall, level = time.time() - time.monotonic(), self._level()
        for spool in self._spools:
            for kept in spool.take_open():
                try:
                    envelope, (findings, trail) = envelope_of(kept), recover(kept, to_wall)
                    # No file may keep a run from starting, so each event is tried out here.
                    names = [_name(envelope.event(finding, 1, 0.0)) for finding in findings]
                except (KeyError, ValueError, TypeError, AttributeError):
                    log.warning("a snapshot of an earlier run cannot be read")
                    continue
                for finding, name in zip(findings, names, strict=True):
                    lowered = replace(finding, level=lowest(finding.level, level))
                    if name not in known and lowered.level != FeedbackLevel.OFF:
                        self._append(spool, lowered, envelope)
                if trail is not None and name_of(kept) not in followed:
                    followed.add(name_of(kept))
                    self._resume(trail, known)
        self.remember((), self.left_trails, lambda watch: None)
        for step in (*(partial(spool.save_open, []) for spool in self._left), self._keep_within):
            try:
                step()
            except OSError as error:
                self._fail(error)

    def _resume(self, trail: Trail, known: set[tuple[str, str, float | None]]) -> None:
        trail.horizons = [
            horizon
            for horizon in trail.horizons
            if ("survival", trail.suggestion_id, horizon) not in known
        ]
        trail.level = lowest(trail.level, self._level())
        if trail.horizons and trail.level != FeedbackLevel.OFF:
            self.left_trails.append(trail)

    def _append(self, spool: Spool | Unkept, finding: Finding, envelope: Envelope) -> None:
        now, sendable = time.time(), _sendable(finding)
        try:
            spool.append(lambda seq: envelope.event(sendable, seq, now))
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
            return LossEvent(
                seq=seq,
                session=about.session,
                workspace=about.workspace,
                client=about.client,
                client_time=now,
                level=FeedbackLevel.FACTS,
                texts=texts,
                events=events,
            )

        room = self._settings.max_mb * 1e6 / len(self._spools)
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


def _sendable(finding: Finding) -> Finding:
    """Leave the texts out if they hold a key, or half a character, which no wire can carry."""
    if isinstance(finding, Settled) and finding.level == FeedbackLevel.FULL:
        texts = finding.settled_text + "\n" + (finding.accepted_text or "")
        if has_secret(texts) or not encodable(texts):
            return replace(finding, level=FeedbackLevel.FACTS)
    return finding


def _name(event: FeedbackEvent) -> tuple[str, str, float | None]:
    """Return what an event says something about; it is said once."""
    return event.kind, event.suggestion_id, getattr(event, "horizon_s", None)

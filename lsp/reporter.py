"""Findings become events in the spool, and the spool goes to the gateway when it is there.

Knows order and persistence: an event is on disk before the handler that caused it returns, and
is deleted only when the gateway has acknowledged it. Does not know how findings come about.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import replace

from feedback_store.events import FeedbackBatch, FeedbackEvent, FeedbackLevel
from lsp.document import encodable
from lsp.exclude import has_secret
from lsp.findings import Envelope, Finding, Settled
from lsp.gateway import Gateway, Refused
from lsp.journal import envelope_of, recover, snapshot
from lsp.spool import Spool
from lsp.watch import Watch

log = logging.getLogger(__name__)
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 10.0
SYNC_S = 1.0


class Reporter:
    """All feedback of this run, and what dead runs left behind."""

    def __init__(self, envelope: Envelope, own: Spool, left: Iterable[Spool]) -> None:
        self.trouble = ""
        self.written = 0
        """Events of this run, and of dead ones that it closed."""
        self.acknowledged = 0
        """Events that the gateway took, as far as this run sent them."""
        self._envelope = envelope
        self._own = own
        self._left = list(left)
        self._news = asyncio.Event()
        self._synced_at = 0.0
        for spool in self._spools:
            self._recover(spool)

    @property
    def pending(self) -> int:
        """How many events wait for an acknowledgement."""
        return sum(spool.depth for spool in self._spools)

    @property
    def refused(self) -> int:
        """How many events the gateway could not read; they are kept."""
        return sum(spool.refused for spool in self._spools)

    def emit(self, finding: Finding) -> None:
        """Write a finding down. Nothing is recorded at level `off`."""
        if finding.level == FeedbackLevel.OFF:
            return
        self._append(self._own, _sendable(finding), self._envelope)

    def remember(self, watches: Iterable[Watch]) -> None:
        """Keep what is under observation, in case this process is killed."""
        kept = [
            snapshot(watch, self._envelope)
            for watch in watches
            if watch.suggestion_id and watch.level != FeedbackLevel.OFF
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

    async def flush(self, gateway: Gateway) -> bool:
        """Send everything that waits; False as soon as the gateway does not take it."""
        if gateway.hello is None and await gateway.greet() is None:
            return False
        try:
            for spool in self._spools:
                await self._sync(spool)
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
    def _spools(self) -> list[Spool]:
        return [self._own, *self._left]

    async def _send(self, gateway: Gateway, spool: Spool, batch: FeedbackBatch) -> bool:
        answer = await gateway.feedback(batch)
        if isinstance(answer, Refused):
            if len(batch.events) > 1:
                # One of them is the culprit; the others shall not wait for it.
                single = FeedbackBatch(producer=batch.producer, events=batch.events[:1])
                return await self._send(gateway, spool, single)
            log.error("the gateway cannot read an event: %s", answer.detail)
            spool.set_aside(batch)
            return True
        taken = 0 if answer is None else spool.acknowledge(batch, answer.high_water)
        self.acknowledged += taken
        return taken > 0

    async def _sync(self, spool: Spool) -> None:
        if time.monotonic() - self._synced_at >= SYNC_S:
            self._synced_at = time.monotonic()
            await asyncio.to_thread(spool.sync)

    def _drop_empty(self) -> None:
        for spool in [spool for spool in self._left if not spool.depth]:
            self._left.remove(spool)
            spool.close()

    def _recover(self, spool: Spool) -> None:
        """Close what the spool's last run had open when it was killed."""
        known = {_name(event) for event in spool.waiting}
        for kept in spool.take_open():
            try:
                envelope, findings = envelope_of(kept), recover(kept)
            except (KeyError, ValueError, TypeError):
                log.warning("a snapshot of an earlier run cannot be read")
                continue
            for finding in map(_sendable, findings):
                if _name(envelope.event(finding, 1, 0.0)) not in known:
                    self._append(spool, finding, envelope)
        spool.save_open([])

    def _append(self, spool: Spool, finding: Finding, envelope: Envelope) -> None:
        now = time.time()
        if isinstance(finding, Settled) and finding.level == FeedbackLevel.FULL:
            texts = finding.settled_text + "\n" + (finding.accepted_text or "")
            if has_secret(texts):
                finding = replace(finding, level=FeedbackLevel.FACTS)
        try:
            spool.append(lambda seq: envelope.event(finding, seq, now))
            self.written += 1
        except OSError as error:
            self._fail(error)
        self._news.set()

    def _fail(self, error: OSError) -> None:
        self.trouble = f"feedback cannot be kept on disk: {error}"
        log.error("%s", self.trouble)


def _sendable(finding: Finding) -> Finding:
    """Leave the texts out if they hold a key, or half a character, which no wire can carry."""
    if isinstance(finding, Settled):
        texts = finding.settled_text + "\n" + (finding.accepted_text or "")
        if has_secret(texts) or not encodable(texts):
            return replace(finding, level=FeedbackLevel.FACTS)
    return finding


def _name(event: FeedbackEvent) -> tuple[str, str, float | None]:
    """Return what an event says something about; it is said once."""
    return event.kind, event.suggestion_id, getattr(event, "horizon_s", None)

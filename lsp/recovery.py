"""What a dead run had under observation, closed in its own spool, or to be gone on with.

Knows snapshots, and what was said of them already. Does not know files, nor who goes on.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import replace

from feedback_store.detector import has_key
from feedback_store.events import FeedbackEvent, FeedbackLevel
from lsp.consent import lowest
from lsp.document import encodable
from lsp.findings import Envelope, Finding, Settled
from lsp.journal import envelope_of, recover
from lsp.spool import Spool
from lsp.trails import Trail
from lsp.unkept import Unkept

Name = tuple[str, str, float | None]
log = logging.getLogger(__name__)


def write(spool: Spool | Unkept, finding: Finding, envelope: Envelope) -> None:
    """Write a finding down. Raises OSError if it cannot be."""
    now, sendable = time.time(), _sendable(finding)
    spool.append(lambda seq: envelope.event(sendable, seq, now))


def names(spools: Iterable[Spool | Unkept]) -> set[Name]:
    """Return what has been said already, in what waits."""
    return {_name(event) for spool in spools for event in spool.waiting}


def take_up(
    spool: Spool | Unkept, known: set[Name], level: FeedbackLevel
) -> tuple[list[tuple[Finding, Envelope]], list[Trail]]:
    """Take what a dead run had open; return the findings that close it, and the trails on which to
    go on, both without what is known and at no more than the level."""
    closing: list[tuple[Finding, Envelope]] = []
    trails: list[Trail] = []
    to_wall = time.time() - time.monotonic()
    for kept in spool.take_open():
        try:
            envelope, (findings, trail) = envelope_of(kept), recover(kept, to_wall)
            # No file may keep a run from starting, so each event is tried out here.
            told = [_name(envelope.event(finding, 1, 0.0)) for finding in findings]
        except (KeyError, ValueError, TypeError, AttributeError):
            log.warning("a snapshot of an earlier run cannot be read")
            continue
        for finding, name in zip(findings, told, strict=True):
            lowered = replace(finding, level=lowest(finding.level, level))
            if name not in known and lowered.level != FeedbackLevel.OFF:
                closing.append((lowered, envelope))
        if trail is not None and (left := _left(trail, known, level)):
            trails.append(left)
    return closing, trails


def _left(trail: Trail, known: set[Name], level: FeedbackLevel) -> Trail | None:
    """Return what is left to be said on a trail."""
    trail.horizons = [
        horizon
        for horizon in trail.horizons
        if ("survival", trail.suggestion_id, horizon) not in known
    ]
    trail.level = lowest(trail.level, level)
    return trail if trail.horizons and trail.level != FeedbackLevel.OFF else None


def _sendable(finding: Finding) -> Finding:
    """Leave the texts out if they hold a key, or half a character, which no wire can carry."""
    if isinstance(finding, Settled) and finding.level == FeedbackLevel.FULL:
        texts = finding.settled_text + "\n" + (finding.accepted_text or "")
        if has_key(texts) or not encodable(texts):
            return replace(finding, level=FeedbackLevel.FACTS)
    return finding


def _name(event: FeedbackEvent) -> Name:
    """Return what an event says something about; it is said once."""
    return event.kind, event.suggestion_id, getattr(event, "horizon_s", None)

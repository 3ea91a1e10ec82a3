"""Suggestions under observation as they are kept on disk, and what a later run makes of them.

Knows the snapshot of a watch and the findings that close it. Does not know files.
"""

from dataclasses import replace
from typing import Any

from feedback_store.events import Client, FeedbackLevel, Outcome, Reason, SettledBy, Settling, Shown
from lsp.context import Region
from lsp.findings import Envelope, Finding
from lsp.matching import loosely_equal
from lsp.watch import Watch

_PLAIN = ("uri", "base", "text", "proposed", "accepted_text", "undone", "branch_switch")
_MORE = ("bulk_change", "settled", "took_part", "suggestion_id", "horizons", "aside")


def snapshot(watch: Watch, envelope: Envelope) -> dict[str, Any]:
    """Return all that is needed to close the watch after a crash. Below level `full` it holds no
    text, only whether texts differ."""
    kept: dict[str, Any] = {name: getattr(watch, name) for name in _PLAIN + _MORE}
    if watch.level != FeedbackLevel.FULL:
        kept |= {"base": "", "text": "" if watch.text == watch.base else "changed"}
        kept |= {"proposed": watch.proposed and "proposed", "accepted_text": None}
    kept |= {
        "level": watch.level.value,
        "shown": watch.shown.value,
        "outcome": watch.outcome and watch.outcome.value,
        "reason": watch.reason and watch.reason.value,
        "typed": watch.typed_at is not None,
        "session": envelope.session,
        "workspace": envelope.workspace,
        "client": envelope.client.model_dump(),
        "settling": envelope.settling.model_dump(),
    }
    return kept


def envelope_of(kept: dict[str, Any]) -> Envelope:
    """Return the envelope of the run that was killed."""
    client, settling = Client(**kept["client"]), Settling(**kept["settling"])
    return Envelope(kept["session"], kept["workspace"], client, settling)


def recover(kept: dict[str, Any]) -> list[Finding]:
    """Return the findings that close what a killed run had open; the text is the last one seen,
    and no later horizon was observed."""
    watch = Watch(kept["uri"], Region(0, 0), kept["base"], 0.0, 0, kept["text"])
    for name in _PLAIN + _MORE:
        setattr(watch, name, kept[name])
    watch.level = FeedbackLevel(kept["level"])
    watch.shown = Shown(kept["shown"])
    watch.outcome = kept["outcome"] and Outcome(kept["outcome"])
    watch.reason = kept["reason"] and Reason(kept["reason"])
    found: list[Finding] = []
    if watch.undecided:
        decided = watch.decide(_likely(watch, typed=kept["typed"]), 0.0)
        # The clock of the killed run is gone, and with it how long anything took.
        found.append(replace(decided, visible_ms=None, waited_ms=None))
    if not watch.settled:
        found.append(watch.settle(SettledBy.RECOVERED))
    while watch.horizons:
        found.append(watch.survive(observed=False))
    return found


def _likely(watch: Watch, *, typed: bool) -> Outcome:
    if watch.aside:
        return Outcome.SUPERSEDED
    if typed or (watch.proposed is not None and loosely_equal(watch.text, watch.proposed)):
        return Outcome.TYPED_THROUGH
    if watch.text == watch.base:
        return Outcome.EXPIRED
    return Outcome.PARTIALLY_ACCEPTED if watch.took_part else Outcome.DIVERGED

"""Suggestions under observation as they are kept on disk, and what a later run makes of them.

At level `full` their texts are kept, so that the next run can look for what was accepted in the
file. Below it no text is kept, only whether texts differ: what was accepted is then unobserved
from there on. Knows the snapshots of watches and trails, and the findings that close them. Does
not know files. Times on disk are wall times, since no other clock outlives a process.
"""

from dataclasses import asdict, replace
from typing import Any

from feedback_store.events import Client, FeedbackLevel, Outcome, Reason, SettledBy, Settling, Shown
from lsp.context import Region
from lsp.findings import Envelope, Finding, Survived
from lsp.matching import loosely_equal
from lsp.relocate import Place
from lsp.trails import Trail
from lsp.watch import Watch

_PLAIN = ("uri", "base", "text", "proposed", "accepted_text", "undone", "branch_switch")
_MORE = ("bulk_change", "settled", "took_part", "suggestion_id", "horizons", "part_text", "aside")
_TIMES = ("accepted_at", "part_at")


def snapshot(
    watch: Watch, envelope: Envelope, place: Place | None, to_wall: float
) -> dict[str, Any]:
    """Return all that is needed to close the watch after a crash; without a place, as below level
    `full`, it holds no text. `to_wall` is what a wall clock is ahead of the watch's times."""
    kept: dict[str, Any] = {name: getattr(watch, name) for name in _PLAIN + _MORE}
    for name in _TIMES:
        at = getattr(watch, name)
        kept[name] = None if at is None else at + to_wall
    level = watch.level if place else FeedbackLevel.FACTS
    if place is None:
        kept |= {"base": "", "text": "" if watch.text == watch.base else "changed"}
        kept |= {"proposed": watch.proposed and "proposed"}
        kept |= {"accepted_text": None, "part_text": None}
    return kept | {
        "place": place and asdict(place),
        "level": level.value,
        "shown": watch.shown.value,
        "outcome": watch.outcome and watch.outcome.value,
        "reason": watch.reason and watch.reason.value,
        "complete": watch.complete_at is not None,
        **_about(envelope),
    }


def snapshot_of_trail(trail: Trail, to_wall: float) -> dict[str, Any]:
    """Return all that a later run needs to go on with the trail; only for level `full`."""
    return {
        "trail": trail.suggestion_id,
        "uri": trail.uri,
        "base": trail.base,
        "accepted_text": trail.accepted_text,
        "place": asdict(trail.place),
        "accepted_at": trail.accepted_at + to_wall,
        "horizons": trail.horizons,
        "level": trail.level.value,
        **_about(trail.envelope),
    }


def envelope_of(kept: dict[str, Any]) -> Envelope:
    """Return the envelope of the run that was killed."""
    client, settling = Client(**kept["client"]), Settling(**kept["settling"])
    return Envelope(kept["session"], kept["workspace"], client, settling)


def recover(kept: dict[str, Any], to_wall: float) -> tuple[list[Finding], Trail | None]:
    """Return the findings that close what an earlier run had open, its text being the last one
    seen, and the trail on which to look for it in the file.

    Raises KeyError, ValueError or TypeError for what is no snapshot.
    """
    if "trail" in kept:
        return [], _trail(kept, kept["trail"], to_wall)
    watch = Watch(kept["uri"], Region(0, 0), kept["base"], 0.0, 0, kept["text"])
    for name in _PLAIN + _MORE:
        setattr(watch, name, kept[name])
    watch.level = FeedbackLevel(kept["level"])
    watch.shown = Shown(kept["shown"])
    watch.outcome = kept["outcome"] and Outcome(kept["outcome"])
    watch.reason = kept["reason"] and Reason(kept["reason"])
    found: list[Finding] = []
    if watch.undecided:
        decided = watch.decide(_likely(watch, complete=kept["complete"]), 0.0)
        # The clock of the killed run is gone, and with it how long anything took.
        found.append(replace(decided, visible_ms=None, waited_ms=None))
        if watch.outcome == Outcome.PARTIALLY_ACCEPTED:
            kept = kept | {"accepted_text": kept["part_text"], "accepted_at": kept["part_at"]}
            watch.accepted_text = kept["part_text"]
            watch.horizons = sorted(kept["settling"]["horizons_s"])
    if not watch.settled:
        found.append(watch.settle(SettledBy.RECOVERED))
    if watch.horizons and kept["place"] and kept["accepted_text"] is not None:
        kept = kept | {"horizons": watch.horizons}
        return found, _trail(kept, watch.suggestion_id, to_wall)
    for n, horizon in enumerate(watch.horizons):
        last = n == len(watch.horizons) - 1
        found.append(Survived(watch.suggestion_id, watch.level, horizon, last, None, None))
    return found, None


def _likely(watch: Watch, *, complete: bool) -> Outcome:
    if watch.aside:
        return Outcome.SUPERSEDED
    if watch.took_part:
        return Outcome.PARTIALLY_ACCEPTED
    if complete or (watch.proposed is not None and loosely_equal(watch.text, watch.proposed)):
        return Outcome.TYPED_THROUGH
    return Outcome.EXPIRED if watch.text == watch.base else Outcome.DIVERGED


def _trail(kept: dict[str, Any], suggestion_id: str, to_wall: float) -> Trail:
    place = kept["place"]
    return Trail(
        suggestion_id,
        FeedbackLevel(kept["level"]),
        kept["uri"],
        kept["base"],
        kept["accepted_text"],
        Place(place["text"], tuple(place["before"]), tuple(place["after"])),
        float(kept["accepted_at"]) - to_wall,
        [float(horizon) for horizon in kept["horizons"]],
        envelope_of(kept),
    )


def _about(envelope: Envelope) -> dict[str, Any]:
    return {
        "session": envelope.session,
        "workspace": envelope.workspace,
        "client": envelope.client.model_dump(),
        "settling": envelope.settling.model_dump(),
    }

"""From an editor's events to what became of each suggestion: outcome, settled text, survival.

A state machine without I/O; time is an argument. One watch per suggestion, also for those that
were withheld, invalid or failed, so that what the user wrote instead is known. Knows which
suggestions are under observation and which events concern them. Does not know LSP, engines, how
an outcome is inferred (that is `lsp.verdict`) or how findings travel.
"""

from collections.abc import Callable, Iterable, Sequence

from feedback_store.events import FeedbackLevel, Outcome, Reason, SettledBy, Settling, Shown
from lsp.consent import lowest
from lsp.context import Region
from lsp.document import Change
from lsp.findings import Finding
from lsp.rhythm import Rhythm
from lsp.verdict import Verdict
from lsp.watch import Watch

MOST_ON_SCREEN = 8
"""Offers that are waited for at once, the newest: no client draws more, and each is followed with
every key, and kept on disk."""
TAKEN = frozenset({Outcome.ACCEPTED, Outcome.PARTIALLY_ACCEPTED, Outcome.TYPED_THROUGH})


class Tracker:
    """All suggestions under observation."""

    def __init__(self, settling: Settling, emit: Callable[[Finding], None]) -> None:
        self._emit = emit
        self._verdict = Verdict(settling, emit)
        self._rhythm = Rhythm()
        self._watches: list[Watch] = []

    @property
    def watches(self) -> tuple[Watch, ...]:
        """Everything under observation, oldest first."""
        return tuple(self._watches)

    def find(self, suggestion_id: str) -> Watch | None:
        """Return the suggestion's watch while it is under observation; one still being asked for
        has no id, and is nobody's."""
        known = (w for w in self._watches if w.suggestion_id)
        return next((w for w in known if w.suggestion_id == suggestion_id), None)

    def asked(self, uri: str, version: int, region: Region, base: str, now: float) -> Watch:
        """Begin to follow a region for which a suggestion is being asked."""
        watch = Watch(uri, region, base, now, version, base, changed_at=now)
        self._watches.append(watch)
        return watch

    def drop(self, watch: Watch) -> None:
        """Forget a request that got no suggestion id: nobody could relate feedback to it."""
        if watch in self._watches:
            self._watches.remove(watch)

    def answered(
        self, watch: Watch, suggestion_id: str, level: FeedbackLevel, proposed: str, now: float
    ) -> None:
        """An edit is on offer from now on; older offers for the same place that no client ever
        got end."""
        for older in self._rivals(watch):
            if not older.delivered:
                self._verdict.outrun(older, now)
        watch.suggestion_id, watch.proposed = suggestion_id, proposed
        # What was lowered while it was being asked stays lowered.
        watch.level = lowest(watch.level, level)
        watch.born_at = watch.changed_at = now

    def delivered(self, watch: Watch, now: float) -> None:
        """The client has got the offer: others for the same place can no longer be on screen."""
        watch.delivered = True
        for older in self._rivals(watch):
            self._verdict.outrun(older, now)

    def silent(
        self,
        watch: Watch,
        suggestion_id: str,
        level: FeedbackLevel,
        outcome: Outcome,
        reason: Reason | None,
        now: float,
    ) -> None:
        """There is nothing to show; what the user writes instead is observed all the same."""
        watch.suggestion_id, watch.level = suggestion_id, lowest(watch.level, level)
        watch.reason, watch.shown = reason, Shown.NO
        watch.born_at = now
        self._emit(watch.decide(outcome, now))
        if watch not in self._watches:
            self._emit(watch.settle(SettledBy.CLOSE))

    def changed(
        self, uri: str, changes: Iterable[tuple[Change, Sequence[str]]], now: float
    ) -> None:
        """A document changed: each change comes with the document's lines after it."""
        watches = [watch for watch in self._watches if watch.uri == uri]
        for change, lines in changes:
            step = self._rhythm.step(change, now)
            for watch in watches:
                before = watch.text
                if watch.follow(change, lines):
                    self._verdict.rewritten(watch, before, step, now)

    def shown(self, suggestion_id: str) -> None:
        """The editor says that it showed the suggestion."""
        watch = self.find(suggestion_id)
        if watch and watch.on_offer:
            watch.shown = Shown.YES

    def accepted(self, suggestion_id: str, now: float, *, by_client: bool = True) -> bool:
        """The user accepted; before, after or without the change itself. The client says so, or
        the server knows by itself."""
        watch = self.find(suggestion_id)
        if watch is None:
            return False
        if not watch.on_offer:
            if by_client:
                self._verdict.reported_late(watch)
            return False
        self._verdict.reported(watch, now, by_client=by_client)
        return True

    def partly_accepted(self, suggestion_id: str) -> None:
        """The editor says that the user took a leading part."""
        watch = self.find(suggestion_id)
        if watch and watch.on_offer:
            watch.shown, watch.took_part = Shown.YES, True
            if watch.text != watch.base and watch.part_text is None:
                watch.take_part(watch.changed_at)

    def dismissed(self, suggestion_id: str, now: float) -> bool:
        """The user dismissed the suggestion; whether it was on offer."""
        watch = self.find(suggestion_id)
        if watch is None or not watch.on_offer:
            return False
        self._verdict.dismissed(watch, now)
        return True

    def taken(self, suggestion_id: str) -> bool:
        """Whether the user is known to have taken the suggestion, or to have written it."""
        watch = self.find(suggestion_id)
        return watch is not None and watch.outcome in TAKEN

    def branch_switched(self) -> None:
        """The working tree changed branch: everything under observation is spoilt."""
        for watch in self._watches:
            watch.branch_switch = True

    def bulk_rewritten(self, uri: str) -> None:
        """The document was rewritten from outside, such as a reload from disk."""
        for watch in self._watches:
            if watch.uri == uri:
                watch.bulk_change = True

    def closed(self, uri: str, now: float) -> list[Watch]:
        """The document was closed: everything settles. What was accepted and has horizons to
        come is returned, since it can be looked for in the file."""
        return self._end([w for w in self._watches if w.uri == uri], SettledBy.CLOSE, now)

    def exit(self, now: float) -> list[Watch]:
        """The language server ends; as `closed`, for every document."""
        return self._end(list(self._watches), SettledBy.EXIT, now)

    def due(self) -> float | None:
        """Return when `tick` has something to do next; None if there is nothing to wait for."""
        waiting = self._waiting()
        alarms = (at for w in self._watches for at in self._alarms(w, waits=id(w) in waiting))
        return min(alarms, default=None)

    def tick(self, now: float) -> None:
        """Do what time alone decides: graces, horizons, settlement."""
        verdict = self._verdict
        for watch in self.watches:
            verdict.meet(watch, now)
            verdict.look(watch, now)
        waiting = self._waiting()
        for watch in self.watches:
            waits = id(watch) in waiting
            due = watch.suggestion_id and not watch.settled
            if due and now >= verdict.settles_at(watch, waits=waits):
                quiet = not waits and now >= verdict.quiet_at(watch)
                verdict.settle(watch, SettledBy.QUIET if quiet else SettledBy.TIMEOUT, now)
        # Settling may accept a part, whose first horizons are then due.
        for watch in self.watches:
            verdict.look(watch, now)
        self._watches = [watch for watch in self._watches if not watch.done]

    def _rivals(self, watch: Watch) -> list[Watch]:
        return [w for w in self._watches if w is not watch and w.on_offer and _same_place(w, watch)]

    def _end(self, watches: list[Watch], by: SettledBy, now: float) -> list[Watch]:
        for watch in watches:
            if watch.suggestion_id and not watch.settled:
                self._verdict.settle(watch, by, now)
            self._verdict.look(watch, now)
            self._watches.remove(watch)
        return [watch for watch in watches if watch.horizons]

    def _waiting(self) -> set[int]:
        """Return the identities of the offers that settle only after the longest wait."""
        found = [id(watch) for watch in self._watches if watch.may_be_on_screen]
        return set(found[-MOST_ON_SCREEN:])

    def _alarms(self, watch: Watch, *, waits: bool) -> Iterable[float]:
        if not watch.suggestion_id:
            return
        sooner = (self._verdict.grace_at(watch), self._verdict.part_due_at(watch))
        yield from (at for at in sooner if at is not None)
        if watch.horizons:
            yield (watch.accepted_at or 0.0) + watch.horizons[0]
        if not watch.settled:
            yield self._verdict.settles_at(watch, waits=waits)


def _same_place(first: Watch, second: Watch) -> bool:
    return (
        first.uri == second.uri
        and first.region.first < second.region.last
        and second.region.first < first.region.last
    )

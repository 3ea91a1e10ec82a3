"""From an editor's events to what became of each suggestion: outcome, settled text, survival.

A state machine without I/O; time is an argument. One watch per suggestion, also for those that
were withheld, invalid or failed, so that what the user wrote instead is known. Knows regions and
texts. Does not know LSP, engines or how findings travel.

How an outcome is inferred, in this order: an accept reported by command, confirmed by the text;
the text turning into the proposed one in one step or one burst (accepted) or key by key (typed
through); a leading part taken in one step; a dismissal; a newer suggestion for the same place;
else, when the region has settled, what the text says.
"""

from collections.abc import Callable, Iterable, Sequence

from feedback_store.events import FeedbackLevel, Outcome, Reason, SettledBy, Settling, Shown
from lsp.context import Region
from lsp.document import Change
from lsp.findings import Finding
from lsp.matching import loosely_equal, progress
from lsp.survival import survival
from lsp.watch import Watch

GRACE_S = 1.0
"""How long a command and the change it belongs to may be apart, and how long a burst lasts."""
UNDO_S = 10.0
TAKEN_SHARE = 0.5
"""A reported accept whose text was reformatted at once must have kept at least this much."""


class Tracker:
    """All suggestions under observation."""

    def __init__(self, settling: Settling, emit: Callable[[Finding], None]) -> None:
        self._settling = settling
        self._emit = emit
        self._grace_s = min(GRACE_S, settling.quiet_s)
        self._watches: list[Watch] = []

    @property
    def watches(self) -> tuple[Watch, ...]:
        """Everything under observation, oldest first."""
        return tuple(self._watches)

    def find(self, suggestion_id: str) -> Watch | None:
        """Return the suggestion's watch while it is under observation."""
        return next((w for w in self._watches if w.suggestion_id == suggestion_id), None)

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
        """An edit is on offer from now on; older offers for the same place end."""
        for older in self._watches:
            if older is not watch and older.on_offer and _same_place(older, watch):
                self._outrun(older, now)
        watch.suggestion_id, watch.level, watch.proposed = suggestion_id, level, proposed
        watch.born_at = watch.changed_at = now

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
        watch.suggestion_id, watch.level = suggestion_id, level
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
        before = {id(watch): watch.text for watch in watches}
        by_hand = {id(watch): True for watch in watches}
        for change, lines in changes:
            for watch in watches:
                if watch.follow(change, lines):
                    by_hand[id(watch)] &= change.by_hand
        for watch in watches:
            if watch.text != before[id(watch)]:
                self._rewritten(watch, before[id(watch)], by_hand[id(watch)], now)

    def shown(self, suggestion_id: str) -> None:
        """The editor says that it showed the suggestion."""
        watch = self.find(suggestion_id)
        if watch and watch.on_offer:
            watch.shown = Shown.YES

    def accepted(self, suggestion_id: str, now: float) -> bool:
        """The editor says that the user accepted; before, after or without the change itself."""
        watch = self.find(suggestion_id)
        if watch is None or not watch.on_offer or watch.proposed is None:
            return False
        watch.shown = Shown.YES
        if loosely_equal(watch.text, watch.proposed):
            self._accept(watch, Outcome.ACCEPTED, now)
        else:
            watch.commanded_at = now
        return True

    def partly_accepted(self, suggestion_id: str) -> None:
        """The editor says that the user took a leading part."""
        watch = self.find(suggestion_id)
        if watch and watch.on_offer:
            watch.shown, watch.took_part = Shown.YES, True

    def dismissed(self, suggestion_id: str, now: float) -> Watch | None:
        """The user dismissed the suggestion; the watch if it was on offer."""
        watch = self.find(suggestion_id)
        if watch is None or not watch.on_offer:
            return None
        self._resolve(watch, now)
        if watch.on_offer:
            watch.shown = Shown.YES
            self._emit(watch.decide(Outcome.REJECTED, now))
        return watch

    def branch_switched(self) -> None:
        """The working tree changed branch: everything under observation is spoilt."""
        for watch in self._watches:
            watch.branch_switch = True

    def bulk_rewritten(self, uri: str) -> None:
        """The document was rewritten from outside, such as a reload from disk."""
        for watch in self._watches:
            if watch.uri == uri:
                watch.bulk_change = True

    def closed(self, uri: str, now: float) -> None:
        """The document was closed: nobody can look any longer."""
        self._end([w for w in self._watches if w.uri == uri], SettledBy.CLOSE, now)

    def exit(self, now: float) -> None:
        """The language server ends."""
        self._end(list(self._watches), SettledBy.EXIT, now)

    def due(self) -> float | None:
        """Return when `tick` has something to do next; None if there is nothing to wait for."""
        return min((at for w in self._watches for at in self._alarms(w)), default=None)

    def tick(self, now: float) -> None:
        """Do what time alone decides: graces, horizons, settlement."""
        for watch in list(self._watches):
            if not watch.suggestion_id:
                continue
            grace_at = self._grace_at(watch)
            if grace_at is not None and now >= grace_at:
                self._resolve(watch, now)
            while watch.horizons and now >= (watch.accepted_at or 0.0) + watch.horizons[0]:
                self._emit(watch.survive(observed=True))
            if not watch.settled and now >= self._settles_at(watch):
                quiet = now >= self._quiet_at(watch)
                self._settle(watch, SettledBy.QUIET if quiet else SettledBy.TIMEOUT, now)
        self._watches = [watch for watch in self._watches if not watch.done]

    def _rewritten(self, watch: Watch, before: str, by_hand: bool, now: float) -> None:
        """A region's text changed from `before`."""
        watch.changed_at = now
        if watch.accepted_at is not None and not watch.settled:
            if watch.text == watch.base:
                watch.undone = watch.undone or now <= watch.accepted_at + UNDO_S
            elif watch.text == watch.accepted_text:
                watch.undone = False
        if not watch.on_offer or watch.proposed is None:
            return
        if before == watch.base or watch.burst_at is None:
            watch.burst_at, watch.burst_by_hand = now, True
        watch.burst_by_hand &= by_hand
        if loosely_equal(watch.text, watch.proposed):
            self._completed(watch, before, by_hand, now)
        else:
            self._on_the_way(watch, before, by_hand, now)

    def _completed(self, watch: Watch, before: str, by_hand: bool, now: float) -> None:
        """The text has become the proposed one: by an accept, or by typing."""
        assert watch.proposed is not None
        assert watch.burst_at is not None
        came_along = progress(watch.base, watch.proposed, before) is not None
        one_burst = now <= watch.burst_at + self._grace_s and not watch.burst_by_hand
        if watch.commanded_at is not None or (not by_hand and came_along) or one_burst:
            self._accept(watch, Outcome.ACCEPTED, now)
        else:
            watch.typed_at = watch.gone_at = now

    def _on_the_way(self, watch: Watch, before: str, by_hand: bool, now: float) -> None:
        assert watch.proposed is not None
        there = progress(watch.base, watch.proposed, watch.text)
        if there is None:
            watch.gone_at = watch.gone_at or now
            return
        watch.gone_at = None
        so_far = progress(watch.base, watch.proposed, before)
        if not by_hand and so_far is not None and there > so_far + 1:
            watch.took_part = True
        if watch.took_part:
            watch.part_at, watch.part_text = now, watch.text

    def _accept(self, watch: Watch, outcome: Outcome, now: float) -> None:
        watch.accepted_at, watch.accepted_text = now, watch.text
        if outcome == Outcome.PARTIALLY_ACCEPTED and watch.part_text is not None:
            watch.accepted_at, watch.accepted_text = watch.part_at, watch.part_text
        watch.horizons = sorted(self._settling.horizons_s)
        watch.gone_at = watch.gone_at or now
        watch.changed_at = max(watch.changed_at, now)
        self._emit(watch.decide(outcome, now))

    def _resolve(self, watch: Watch, now: float) -> None:
        """Decide what the texts allow to decide; leave it on offer if they say nothing."""
        assert watch.proposed is not None
        if watch.commanded_at is not None:
            watch.commanded_at = None
            if watch.text != watch.base:
                self._confirm(watch, watch.proposed, now)
        elif watch.typed_at is not None:
            self._emit(watch.decide(Outcome.TYPED_THROUGH, now))
        elif watch.took_part and watch.text != watch.base:
            self._accept(watch, Outcome.PARTIALLY_ACCEPTED, now)

    def _confirm(self, watch: Watch, proposed: str, now: float) -> None:
        """An accept was reported and the text is not the proposed one: clients report accepts
        of a word too, and formatters rewrite at once."""
        if progress(watch.base, proposed, watch.text):
            self._accept(watch, Outcome.PARTIALLY_ACCEPTED, now)
        elif survival(watch.base, proposed, watch.text).retained >= TAKEN_SHARE:
            self._accept(watch, Outcome.ACCEPTED, now)

    def _outrun(self, watch: Watch, now: float) -> None:
        """A newer suggestion takes the place of this one."""
        self._resolve(watch, now)
        if watch.on_offer and watch.proposed is not None:
            untouched = progress(watch.base, watch.proposed, watch.text) is not None
            outcome = Outcome.SUPERSEDED if untouched else Outcome.DIVERGED
            self._emit(watch.decide(outcome, now))

    def _settle(self, watch: Watch, by: SettledBy, now: float) -> None:
        if watch.on_offer:
            self._resolve(watch, now)
        if watch.on_offer:
            unchanged = watch.text == watch.base
            self._emit(watch.decide(Outcome.EXPIRED if unchanged else Outcome.DIVERGED, now))
        elif watch.undecided:  # set aside for an alternative
            self._emit(watch.decide(Outcome.SUPERSEDED, now))
        self._emit(watch.settle(by))

    def _end(self, watches: list[Watch], by: SettledBy, now: float) -> None:
        for watch in watches:
            if watch.suggestion_id and not watch.settled:
                self._settle(watch, by, now)
            while watch.horizons:
                due = now >= (watch.accepted_at or 0.0) + watch.horizons[0]
                self._emit(watch.survive(observed=due))
            self._watches.remove(watch)

    def _grace_at(self, watch: Watch) -> float | None:
        """Return when an accept and its change have had their time to meet."""
        pending = [at for at in (watch.typed_at, watch.commanded_at) if at is not None]
        return max(pending) + self._grace_s if pending and watch.on_offer else None

    def _quiet_at(self, watch: Watch) -> float:
        return max(watch.born_at, watch.changed_at) + self._settling.quiet_s

    def _settles_at(self, watch: Watch) -> float:
        return min(self._quiet_at(watch), watch.born_at + self._settling.longest_wait_s)

    def _alarms(self, watch: Watch) -> Iterable[float]:
        if not watch.suggestion_id:
            return
        grace_at = self._grace_at(watch)
        if grace_at is not None:
            yield grace_at
        if watch.horizons:
            yield (watch.accepted_at or 0.0) + watch.horizons[0]
        if not watch.settled:
            yield self._settles_at(watch)


def _same_place(first: Watch, second: Watch) -> bool:
    return (
        first.uri == second.uri
        and first.region.first < second.region.last
        and second.region.first < first.region.last
    )

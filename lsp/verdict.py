"""What became of one suggestion: the rules by which texts, steps and reports are an outcome.

Knows one watch at a time, and whether this client reports its accepts. Does not know which
suggestions there are, documents, or what wakes it (that is `lsp.tracker`).

In this order: an accept reported by command, confirmed by the text; the text turning into the
proposed one in one step or one burst (accepted) or by keys (typed through); a leading part taken
in one step; a dismissal; a newer suggestion for the same place; else, when the region has
settled, what the text says. Where a client was seen to report accepts, a step that nobody
reported is another tool's or a paste: the text is right, but nobody took the suggestion.

An offer that a client got and that still fits may be on screen, whatever the client: the quiet of
its region is then the user reading, and says nothing. So such an offer settles after the longest
wait only; quiet settles it from when it can no longer be seen, or is decided. Whoever accepts or
dismisses after half a minute is heard.
"""

from collections.abc import Callable

from feedback_store.events import Outcome, SettledBy, Settling, Shown
from lsp.findings import Finding
from lsp.matching import is_part, loosely_equal, progress, reaches
from lsp.rhythm import Step
from lsp.survival import survival
from lsp.watch import Watch

GRACE_S = 1.0
"""How long a command and the change it belongs to may be apart, and how long a burst lasts."""
UNDO_S = 10.0
TAKEN_SHARE = 0.5
"""A reported accept whose text was reformatted at once must have kept at least this much."""


class Verdict:
    """The rules, for all suggestions of one connection."""

    def __init__(self, settling: Settling, emit: Callable[[Finding], None]) -> None:
        self._settling = settling
        self._emit = emit
        self._grace_s = min(GRACE_S, settling.quiet_s)
        self._reports = False
        """Whether this client was seen to report the accept of a text that is there."""

    def rewritten(self, watch: Watch, before: str, step: Step, now: float) -> None:
        """A region's text changed from `before`."""
        watch.changed_at, by_hand = now, step.by_hand
        if watch.accepted_at is not None and not watch.settled:
            if watch.text == watch.base:
                watch.undone = watch.undone or now <= watch.accepted_at + UNDO_S
            elif watch.text == watch.accepted_text:
                watch.undone = False
        if not watch.on_offer or watch.proposed is None:
            return
        if before == watch.base or watch.burst_at is None:
            watch.burst_at, watch.burst_keys, watch.burst_leaps = now, 0, 0
        watch.burst_keys += by_hand
        watch.burst_leaps += not by_hand
        if not by_hand:
            watch.leapt_at = now
        came_along = progress(watch.base, watch.proposed, before) is not None
        if loosely_equal(watch.text, watch.proposed):
            self._completed(watch, came_along, by_hand, now)
        elif by_hand and came_along and reaches(watch.base, watch.proposed, watch.text):
            # Keys that a client collects may go beyond the end at once.
            watch.complete_at = watch.complete_at or now
            watch.gone_at = watch.gone_at or now
        else:
            self._on_the_way(watch, before, step, now)

    def reported(self, watch: Watch, now: float, *, by_client: bool) -> None:
        """The user accepted; before, after or without the change itself."""
        assert watch.proposed is not None
        watch.shown = Shown.YES
        if watch.complete_at is not None or loosely_equal(watch.text, watch.proposed):
            self._reports = self._reports or by_client
            self._accept(watch, now)
        elif self._just_leapt(watch, now) and progress(watch.base, watch.proposed, watch.text):
            # Some clients report the accept of a word or line in the same way.
            watch.take_part(now)
        else:
            watch.commanded_at, watch.commanded_by_client = now, by_client

    def reported_late(self, watch: Watch) -> None:
        """The editor says so of what was decided already: it does report its accepts."""
        self._reports = self._reports or watch.outcome == Outcome.ACCEPTED

    def dismissed(self, watch: Watch, now: float) -> None:
        """The user dismissed what is on offer."""
        self._resolve(watch, now)
        if watch.on_offer:
            watch.shown = Shown.YES
            self._emit(watch.decide(Outcome.REJECTED, now))

    def outrun(self, watch: Watch, now: float) -> None:
        """A newer suggestion takes the place of this one."""
        self._resolve(watch, now)
        if watch.on_offer and watch.proposed is not None:
            untouched = progress(watch.base, watch.proposed, watch.text) is not None
            outcome = Outcome.SUPERSEDED if untouched else Outcome.DIVERGED
            self._emit(watch.decide(outcome, now))

    def settle(self, watch: Watch, by: SettledBy, now: float) -> None:
        """The region has come to rest, or nobody can look any longer."""
        if watch.on_offer:
            self._resolve(watch, now)
        if watch.on_offer:
            unchanged = watch.text == watch.base
            self._emit(watch.decide(Outcome.EXPIRED if unchanged else Outcome.DIVERGED, now))
        elif watch.undecided:  # set aside for an alternative
            self._emit(watch.decide(Outcome.SUPERSEDED, now))
        self._emit(watch.settle(by))

    def look(self, watch: Watch, now: float) -> None:
        """Measure survival at every horizon that is due; note the text at those after a part,
        as long as more of the offer may be taken."""
        due_at = self.part_due_at(watch)
        while due_at is not None and now >= due_at:
            watch.looks.append((now - (watch.part_at or 0.0), watch.text))
            due_at = self.part_due_at(watch)
        while watch.horizons and now >= (watch.accepted_at or 0.0) + watch.horizons[0]:
            self._emit(watch.survive(now))

    def meet(self, watch: Watch, now: float) -> None:
        """Decide, if a report and its change have had their time to meet."""
        at = self.grace_at(watch)
        if at is not None and now >= at:
            watch.leapt_at = None
            self._decide_complete(watch, now)

    def grace_at(self, watch: Watch) -> float | None:
        """Return when an accept and its change have had their time to meet."""
        pending = [at for at in (watch.complete_at, watch.commanded_at) if at is not None]
        return max(pending) + self._grace_s if pending and watch.on_offer else None

    def part_due_at(self, watch: Watch) -> float | None:
        """Return when the next horizon is due after the last part that was taken."""
        horizons, seen = sorted(self._settling.horizons_s), len(watch.looks)
        if not watch.on_offer or watch.part_at is None or seen == len(horizons):
            return None
        return watch.part_at + horizons[seen]

    def quiet_at(self, watch: Watch) -> float:
        """Return when the region has been quiet for long enough."""
        return max(watch.born_at, watch.changed_at) + self._settling.quiet_s

    def settles_at(self, watch: Watch, *, waits: bool) -> float:
        """Return when the region settles, if nothing more happens; whether it `waits` for a user
        who may be looking."""
        last = watch.born_at + self._settling.longest_wait_s
        return last if waits else min(self.quiet_at(watch), last)

    def _completed(self, watch: Watch, came_along: bool, by_hand: bool, now: float) -> None:
        """The text has become the proposed one: by an accept, by another tool, or by typing."""
        one_burst = (
            watch.burst_leaps > watch.burst_keys and now <= (watch.burst_at or 0.0) + self._grace_s
        )
        # What no client got cannot have been taken, except by a command of ours.
        leapt = watch.delivered and ((not by_hand and came_along) or one_burst)
        if watch.commanded_at is not None:
            self._reports = self._reports or watch.commanded_by_client
            self._accept(watch, now)
        elif (leapt and not self._reports) or self._all_but_one(watch):
            self._accept(watch, now)
        else:
            watch.complete_at = watch.gone_at = now
            watch.complete_text = watch.text
            watch.leapt_at = now if leapt else None

    def _all_but_one(self, watch: Watch) -> bool:
        """Whether parts were taken up to the last character, which may be a part by itself."""
        if not watch.took_part or watch.part_text is None or watch.proposed is None:
            return False
        taken = progress(watch.base, watch.proposed, watch.part_text)
        whole = progress(watch.base, watch.proposed, watch.proposed)
        return taken is not None and whole is not None and taken >= whole - 1

    def _on_the_way(self, watch: Watch, before: str, step: Step, now: float) -> None:
        assert watch.proposed is not None
        there = progress(watch.base, watch.proposed, watch.text)
        if there is None:
            watch.gone_at = watch.gone_at or now
            # What goes on within the last word was another word all along.
            beyond = reaches(watch.base, watch.proposed, watch.text)
            if step.by_hand and not beyond and loosely_equal(before, watch.proposed):
                watch.complete_at = None
            return
        watch.gone_at = watch.complete_at = None
        words = (watch.base, watch.proposed, before, watch.text)
        leapt = not step.by_hand and is_part(*words, from_within=step.exact) and watch.delivered
        if leapt or (watch.took_part and there and watch.part_text is None):
            watch.take_part(now)

    def _just_leapt(self, watch: Watch, now: float) -> bool:
        return watch.leapt_at is not None and now <= watch.leapt_at + self._grace_s

    def _accept(self, watch: Watch, now: float) -> None:
        at, text = now, watch.text
        if watch.complete_at is not None and watch.complete_text is not None:
            at, text = watch.complete_at, watch.complete_text
        watch.looks.clear()
        self._taken(watch, Outcome.ACCEPTED, at, text, now)

    def _accept_part(self, watch: Watch, now: float) -> None:
        at, text = now, watch.text
        if watch.part_at is not None and watch.part_text is not None:
            at, text = watch.part_at, watch.part_text
        self._taken(watch, Outcome.PARTIALLY_ACCEPTED, at, text, now)
        watch.undone = watch.text == watch.base and watch.changed_at <= at + UNDO_S

    def _taken(self, watch: Watch, outcome: Outcome, at: float, text: str, now: float) -> None:
        watch.accepted_at, watch.accepted_text = at, text
        watch.horizons = sorted(self._settling.horizons_s)
        watch.gone_at = watch.gone_at or now
        watch.changed_at = max(watch.changed_at, at)
        self._emit(watch.decide(outcome, now))

    def _resolve(self, watch: Watch, now: float) -> None:
        """Decide what the texts allow to decide; leave it on offer if they say nothing."""
        if watch.commanded_at is not None or watch.complete_at is not None:
            self._decide_complete(watch, now)
        if watch.on_offer and watch.took_part and watch.part_text is not None:
            self._accept_part(watch, now)

    def _decide_complete(self, watch: Watch, now: float) -> None:
        assert watch.proposed is not None
        if watch.commanded_at is not None:
            watch.commanded_at = None
            if watch.text != watch.base:
                self._confirm(watch, watch.proposed, now)
        elif watch.complete_at is not None:
            if self._just_leapt(watch, now):
                # The end came before the report could: most leaps of this size are accepts.
                self._accept(watch, now)
            elif watch.took_part:
                self._accept_part(watch, now)
            else:
                self._emit(watch.decide(Outcome.TYPED_THROUGH, now))

    def _confirm(self, watch: Watch, proposed: str, now: float) -> None:
        """An accept was reported and the text is not the proposed one: clients report accepts
        of a word too, and formatters rewrite at once."""
        if progress(watch.base, proposed, watch.text):
            watch.take_part(now)
        elif survival(watch.base, proposed, watch.text).retained >= TAKEN_SHARE:
            self._reports = self._reports or watch.commanded_by_client
            self._accept(watch, now)

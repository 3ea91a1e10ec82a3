"""One suggestion under observation: where its region is now, what its text is, what is decided.

Knows how a region moves under changes of its document, and which findings its state amounts
to. Does not know what editors' messages mean (that is `lsp.tracker`).
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

from feedback_store.events import FeedbackLevel, Outcome, Reason, SettledBy, Shown
from lsp.context import Region, region_text
from lsp.document import Change
from lsp.findings import Decided, Settled, Survived
from lsp.survival import survival


@dataclass
class Watch:
    """The state of one suggestion. Times are monotonic seconds."""

    uri: str
    region: Region
    base: str
    """The region's text that the suggestion was asked for."""
    asked_at: float
    version: int
    """The document's version that the suggestion was asked for."""
    text: str
    """The region's text now."""
    suggestion_id: str = ""
    """Empty until the answer is there."""
    level: FeedbackLevel = FeedbackLevel.FULL
    proposed: str | None = None
    born_at: float = 0.0
    changed_at: float = 0.0
    shown: Shown = Shown.UNKNOWN
    outcome: Outcome | None = None
    reason: Reason | None = None
    """Why there is nothing to show, or what went wrong with what is."""
    gone_at: float | None = None
    """When it can no longer have been on screen."""
    complete_at: float | None = None
    """When it was complete without a report: an accept command may still claim it."""
    complete_text: str | None = None
    leapt_at: float | None = None
    """When a change that no key makes last brought it forward."""
    commanded_at: float | None = None
    """When an accept was reported whose change has not been seen yet."""
    commanded_by_client: bool = True
    took_part: bool = False
    """A leading part was taken in one step."""
    part_at: float | None = None
    part_text: str | None = None
    """The region right after the last part was taken."""
    looks: list[tuple[float, str]] = field(default_factory=list)
    """How old the last part was at the horizons so far, and the text then: it may be all that
    is ever taken."""
    burst_at: float | None = None
    """When the region first left `base` since it last was `base`."""
    burst_keys: int = 0
    burst_leaps: int = 0
    """How many changes since then keys can have made, and how many not."""
    accepted_at: float | None = None
    accepted_text: str | None = None
    undone: bool = False
    branch_switch: bool = False
    bulk_change: bool = False
    delivered: bool = False
    """The client got it: from then on it can be on screen."""
    marked: bool = False
    """Its place was marked, which ends no other offer there."""
    aside: bool = False
    """The user wanted to see an alternative; it may come back."""
    settled: bool = False
    horizons: list[float] = field(default_factory=list)
    """The horizons of survival still to be looked at."""

    @property
    def undecided(self) -> bool:
        """Whether it is an edit whose outcome is open."""
        return self.proposed is not None and self.outcome is None and bool(self.suggestion_id)

    @property
    def on_offer(self) -> bool:
        """Whether the user may still take it."""
        return self.undecided and not self.aside

    @property
    def may_be_on_screen(self) -> bool:
        """Whether the client may still show it, and nothing that the user did says otherwise."""
        if not self.undecided or not (self.delivered or self.marked):
            return False
        if self.aside:
            # It comes back when the user leafs back.
            return self.text == self.base
        return self.gone_at is None and self.complete_at is None

    @property
    def done(self) -> bool:
        """Whether nothing remains to be found out."""
        return self.settled and not self.horizons

    def decide(self, outcome: Outcome, now: float) -> Decided:
        """Fix the outcome, once."""
        self.outcome = outcome
        if outcome in (Outcome.ACCEPTED, Outcome.PARTIALLY_ACCEPTED):
            self.reason = None
        visible = None
        on_screen = (self.delivered or self.marked) and self.shown != Shown.NO
        if self.proposed is not None and on_screen:
            visible = 1000.0 * max(0.0, (self.gone_at or now) - self.born_at)
        waited = 1000.0 * max(0.0, self.born_at - self.asked_at)
        return Decided(
            self.suggestion_id, self.level, outcome, self.shown, self.reason, visible, waited
        )

    def settle(self, by: SettledBy) -> Settled:
        """Fix the settled text, once."""
        self.settled = True
        return Settled(
            self.suggestion_id,
            self.level,
            by,
            self.text != self.base,
            self.text,
            self.accepted_text,
            self.undone,
            self.branch_switch,
            self.bulk_change,
        )

    def survive(self, now: float) -> Survived:
        """Look at the next horizon, which may be late."""
        last = len(self.horizons) == 1
        horizon = self.horizons.pop(0)
        age_s, text = now - (self.accepted_at or 0.0), self.text
        if self.looks:
            age_s, text = self.looks.pop(0)
        accepted = self.accepted_text if self.accepted_text is not None else text
        left = survival(self.base, accepted, text)
        return Survived(self.suggestion_id, self.level, horizon, last, max(horizon, age_s), left)

    def take_part(self, at: float) -> None:
        """A part was taken: what was seen after an earlier one is past."""
        self.took_part, self.part_at, self.part_text = True, at, self.text
        self.looks.clear()

    def follow(self, change: Change, lines: Sequence[str]) -> bool:
        """Move the region under a change of its document; whether its text changed."""
        moved, swallowed = moved_region(self.region, change)
        touched = moved is not None
        self.region = moved or shifted(self.region, change)
        if touched:
            self.bulk_change = self.bulk_change or swallowed
            before, self.text = self.text, region_text(lines, self.region)
            return self.text != before
        return False


def shifted(region: Region, change: Change) -> Region:
    """Return where a region is after a change outside it."""
    if change.first >= region.last:
        return region
    by = len(change.new) - len(change.old)
    return Region(region.first + by, region.last + by)


def moved_region(region: Region, change: Change) -> tuple[Region | None, bool]:
    """Return where the region is after a change that touches it, and whether the change reaches
    beyond it on both sides. None if the change does not touch it.

    Lines inserted exactly at either edge belong to the region: an accepted edit may put them
    there, and clients spell the same edit in several ways.
    """
    begin, end = change.first, change.first + len(change.old)
    at_edge = not change.old and begin in (region.first, region.last)
    if not at_edge and (end <= region.first or begin >= region.last):
        return None, False
    by = len(change.new) - len(change.old)
    first, last = region.first, region.last + by
    if begin < region.first:
        first = begin + _mapped(change, region.first - begin)
    if end > region.last:
        last = begin + _mapped(change, region.last - begin)
    swallowed = begin < region.first and end > region.last
    return Region(first, max(first, last)), swallowed


def _mapped(change: Change, boundary: int) -> int:
    """Return where the boundary before line `boundary` of `change.old` is in `change.new`."""
    matcher = difflib.SequenceMatcher(None, change.old, change.new, autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        if i1 <= boundary < i2:
            return min(j1 + boundary - i1, j2)
    return len(change.new)

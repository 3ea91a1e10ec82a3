"""The one source of suggestions behind every face: what is on offer, else what was asked ahead,
else what the gateway says.

An offer holds for the document version it was made for and for later ones as `lsp.rebase` allows,
and shrinks while the user types it; a dismissed edit does not come back. Knows when to ask and
what to make of answers. Does not know LSP, HTTP, or how suggestions end (that is `lsp.tracker`).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from feedback_store.events import (
    EditContext,
    Outcome,
    Reason,
    RecentEdit,
    SuggestResponse,
    Trigger,
)
from lsp.ahead import Ahead, Ask, Guess
from lsp.alternatives import turn
from lsp.dismissals import Dismissals
from lsp.edits import fitted
from lsp.findings import Envelope
from lsp.flights import Flights
from lsp.gateway import Silence
from lsp.indent import restyled
from lsp.matching import loosely_equal, progress
from lsp.query import Query
from lsp.rebase import edited_since, still_fits
from lsp.tracker import Tracker
from lsp.watch import Watch

SILENCES_KEPT = OFFERS_KEPT = 64
PASSING = frozenset(
    {
        Reason.DEADLINE,
        Reason.OVERLOADED,
        Reason.ENGINE_DOWN,
        Reason.GATEWAY_DOWN,
        Reason.NOT_ALLOWED,
        Reason.CANCELLED,
        Reason.DOCUMENT_MOVED,
    }
)
"""Reasons that may be gone a moment later, so they are not remembered."""

Now = Callable[[str], tuple[int, Sequence[str], Sequence[RecentEdit]] | None]
"""A document's version and lines, and all recent edits, as they are now."""


class Engine:
    """Suggestions for all open documents."""

    def __init__(
        self,
        tracker: Tracker,
        ask: Ask,
        envelope: Envelope,
        clock: Callable[[], float],
        now: Now,
        ahead: Ahead,
        dismissals: Dismissals,
    ) -> None:
        self._tracker = tracker
        self._ask = ask
        self._envelope = envelope
        self._clock = clock
        self._now = now
        self._ahead = ahead
        self._flights: Flights[Watch | Silence] = Flights()
        self._silences: OrderedDict[tuple[str, int], Silence] = OrderedDict()
        self._prompts: dict[str, EditContext] = {}
        """What was shown for each offer, by its id."""
        self._dismissals = dismissals
        self._offers: OrderedDict[str, tuple[str, str, str]] = OrderedDict()
        """Document, region and proposal of the last offers: a client may draw one, and its user
        dismiss it, when it is long settled."""

    @property
    def busy(self) -> bool:
        """Whether another request would have to wait, or take a waiting one's place."""
        return self._flights.full

    def on_offer(self, uri: str, version: int, cursor_line: int) -> Watch | None:
        """Return what there is for this place without asking anybody: made for this version,
        still fitting, being typed, or asked ahead."""
        found = self._at_hand(uri, version, cursor_line)
        return None if isinstance(found, Silence) else found

    def untouched(self, uri: str, line: int) -> Watch | None:
        """Return an offer around a line whose region is as it was when asked and which still
        fits, whatever else happened since."""
        for watch in reversed(self._tracker.watches):
            around = watch.uri == uri and watch.region.first <= line < watch.region.last
            same = watch.on_offer and watch.text == watch.base
            if around and same and not self.outdated(watch) and self.rebased(watch):
                return watch
        return None

    async def suggest(self, query: Query) -> Watch | Silence:
        """Return an edit on offer, or why there is none, within the query's deadline."""
        anew = query.wish.anew
        found = None if anew else self._at_hand(query.uri, query.version, query.cursor_line)
        if isinstance(found, Watch) and query.trigger == Trigger.AUTOMATIC and self.outdated(found):
            found = None
        if found is not None:
            return found
        known = self._silences.get(query.shown)
        if known is not None and query.trigger == Trigger.AUTOMATIC:
            return known
        guess = None if anew else self._ahead.match(query.uri, query.cursor_line)
        asked = guess.at(query.version) if guess else query
        if guess is None:
            self._ahead.make_way()
        try:
            async with asyncio.timeout(query.deadline_ms / 1000.0):
                found = await self._flights.join(
                    asked.key, asked.uri, asked.version, lambda: self._fetch(asked, guess)
                )
        except TimeoutError:
            return Silence(Reason.DEADLINE, f"no answer within {query.deadline_ms:g} ms")
        return found or Silence(Reason.CANCELLED, "a newer request took its place")

    def offered(self, watch: Watch) -> None:
        """An offer is on screen: see what comes after it."""
        self._ahead.offered(watch, lambda: not self._flights.busy)

    def rebased(self, watch: Watch) -> bool:
        """Whether an offer fits the document as it is now, whatever version it was made for."""
        shown = self._prompts.get(watch.suggestion_id)
        typed = progress(watch.base, watch.proposed or "", watch.text)
        return shown is not None and typed is not None and self._fits(watch, shown, typed)

    def outdated(self, watch: Watch) -> bool:
        """Whether an untouched offer has waited longer than a region does to settle, and something
        else was edited since: the user may still take it, but is not shown it again."""
        shown, now = self._prompts.get(watch.suggestion_id), self._now(watch.uri)
        waited = self._clock() - watch.born_at > self._envelope.settling.quiet_s
        if shown is None or now is None or not waited or watch.text != watch.base:
            return False
        return edited_since(shown, now[2])

    def holds(self, watch: Watch) -> bool:
        """Whether an offer is for the document's version as it is now, or fits that too."""
        now = self._now(watch.uri)
        return now is not None and (now[0] == watch.version or self.rebased(watch))

    def dismissed(self, suggestion_id: str) -> bool:
        """Remember that the user does not want this edit; whether it is known, and was not
        dismissed before."""
        offer = self._offers.pop(suggestion_id, None)
        if offer is not None:
            self._dismissals.remember(*offer)
        return offer is not None

    def excluded(self, uri: str) -> None:
        """Nothing of a document may be sent any more."""
        self._ahead.withdraw(uri)
        self.closed(uri)

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self._flights.end_group(uri)
        for key in [key for key in self._silences if key[0] == uri]:
            del self._silences[key]

    def _at_hand(self, uri: str, version: int, cursor_line: int) -> Watch | Silence | None:
        for watch in reversed(self._tracker.watches):
            if watch.uri == uri and self._valid(watch, version, cursor_line):
                return watch
        guess = self._ahead.match(uri, cursor_line)
        if guess is None or not guess.answer.done():
            return None
        self._ahead.used(guess)
        answer = guess.answer.result()
        return None if isinstance(answer, Silence) else self._arrived(guess.at(version), answer)

    def _valid(self, watch: Watch, version: int, cursor_line: int) -> bool:
        if not watch.on_offer or watch.proposed is None:
            return False
        if not watch.region.first <= cursor_line < watch.region.last:
            return False
        if loosely_equal(watch.text, watch.proposed):
            return False
        typed = progress(watch.base, watch.proposed, watch.text)
        return typed is not None and (watch.version == version or self.rebased(watch))

    def _fits(self, watch: Watch, shown: EditContext, typed: int) -> bool:
        """Whether what was asked with `shown` holds although the document has moved on."""
        now = self._now(watch.uri)
        if now is None:
            return False
        _, lines, recent = now
        return still_fits(shown, lines, watch.region, None if typed else recent)

    async def _fetch(self, query: Query, guess: Guess | None) -> Watch | Silence:
        now = self._now(query.uri)
        if now is None or now[0] != query.version:
            # It had to wait, and nobody followed where its region went.
            return Silence(Reason.DOCUMENT_MOVED, "the document changed before it was asked about")
        watch = self._asked(query)
        try:
            if guess is not None:
                guess.joined = True
                answer = await guess.answer
            else:
                answer = await self._ask(query.request(self._envelope, time.time()))
        except asyncio.CancelledError:
            self._tracker.drop(watch)
            raise
        finally:
            if guess is not None:
                self._ahead.used(guess)
        if isinstance(answer, Silence):
            self._tracker.drop(watch)
            return answer
        return self._judge(query, watch, answer)

    def _arrived(self, query: Query, answer: SuggestResponse) -> Watch | Silence:
        """Take an answer that was there before it was asked for."""
        return self._judge(query, self._asked(query), answer)

    def _asked(self, query: Query) -> Watch:
        return self._tracker.asked(
            query.uri, query.version, query.region, query.context.region, self._clock()
        )

    def _judge(self, query: Query, watch: Watch, answer: SuggestResponse) -> Watch | Silence:
        now = self._clock()
        whole = answer.new_region
        if whole is not None:
            whole = fitted(watch.base, restyled(watch.base, whole, query.style))
        proposed = self._undismissed(query, watch, whole)
        outcome, reason = self._verdict(query, watch, answer, proposed)
        if reason == Reason.NO_EDIT and proposed != whole:
            reason = Reason.DISMISSED_BEFORE  # nothing else is left of it
        if outcome is None and proposed is not None:
            if query.wish.avoid:
                self._set_aside(watch, now)
            self._tracker.answered(watch, answer.suggestion_id, query.level, proposed, now)
            live = {w.suggestion_id for w in self._tracker.watches if w.undecided}
            self._prompts = {name: p for name, p in self._prompts.items() if name in live}
            self._prompts[answer.suggestion_id] = query.context
            self._offers[answer.suggestion_id] = (watch.uri, watch.base, proposed)
            while len(self._offers) > OFFERS_KEPT:
                self._offers.popitem(last=False)
            return watch
        silence = Silence(reason or Reason.NO_EDIT, answer.detail)
        self._tracker.silent(
            watch, answer.suggestion_id, query.level, outcome or Outcome.WITHHELD, reason, now
        )
        if silence.reason not in PASSING:
            self._silences[query.shown] = silence
            while len(self._silences) > SILENCES_KEPT:
                self._silences.popitem(last=False)
        return silence

    def _undismissed(self, query: Query, watch: Watch, whole: str | None) -> str | None:
        """Return an edit without what was dismissed before; told in words, that may come back."""
        if whole is None or query.wish.instruction is not None:
            return whole
        return self._dismissals.without(watch.uri, watch.base, whole)

    def _verdict(
        self, query: Query, watch: Watch, answer: SuggestResponse, proposed: str | None
    ) -> tuple[Outcome | None, Reason | None]:
        """Return the outcome and reason that keep an answer from being shown, if any."""
        if proposed is None:
            return answer.outcome or Outcome.WITHHELD, answer.reason
        if proposed == watch.base:
            return Outcome.WITHHELD, Reason.NO_EDIT
        if watch not in self._tracker.watches:
            return Outcome.STALE, Reason.DOCUMENT_MOVED
        here, now = progress(watch.base, proposed, watch.text), self._now(query.uri)
        if here is None or now is None or loosely_equal(watch.text, proposed):
            return Outcome.STALE, Reason.DOCUMENT_MOVED
        if now[0] != query.version and not self._fits(watch, query.context, here):
            return Outcome.STALE, Reason.DOCUMENT_MOVED
        unsure = answer.confidence is not None and answer.confidence < query.least_confidence
        if unsure and query.trigger == Trigger.AUTOMATIC:
            return Outcome.WITHHELD, Reason.NOT_EAGER
        return None, None

    def _set_aside(self, watch: Watch, now: float) -> None:
        """An alternative has come: what was on offer for the same lines waits behind it."""
        for older in self._tracker.watches:
            same = older.uri == watch.uri and older.region == watch.region
            if older is not watch and older.undecided and same:
                turn(older, watch, now)

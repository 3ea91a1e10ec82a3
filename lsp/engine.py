"""The one source of suggestions behind every face: what is on offer, else what the gateway says.

An offer holds for the document version it was made for, and shrinks while the user types it; a
dismissed edit does not come back. Knows when to ask and what to make of answers. Does not know
LSP, HTTP, or how suggestions end (that is `lsp.tracker`).
"""

import asyncio
import hashlib
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from feedback_store.events import (
    EditContext,
    FeedbackLevel,
    Outcome,
    Reason,
    SuggestRequest,
    SuggestResponse,
    Trigger,
)
from lsp.alternatives import turn
from lsp.context import Region
from lsp.edits import fitted
from lsp.findings import Envelope
from lsp.flights import Flights
from lsp.gateway import Silence
from lsp.indent import Style, restyled
from lsp.matching import loosely_equal, progress
from lsp.tracker import Tracker
from lsp.watch import Watch
from lsp.wish import NOTHING, Wish

DISMISSED_KEPT = 20
SILENCES_KEPT = 64
GATEWAY_SHARE = 0.9
"""The gateway's share of the deadline, so that its "too late" still arrives with an id."""
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

Ask = Callable[[SuggestRequest], Awaitable[SuggestResponse | Silence]]
_Key = tuple[str, int, int, int, int]


@dataclass(frozen=True)
class Query:
    """A request for the next edit in a region of a document at a version."""

    uri: str
    version: int
    region: Region
    context: EditContext
    cursor_line: int
    """Of the document."""
    trigger: Trigger
    level: FeedbackLevel
    deadline_ms: float
    style: Style
    """How the document is indented."""
    least_confidence: float = 0.0
    """How sure the model must be of an edit that nobody asked for by hand."""
    wish: Wish = NOTHING

    @property
    def key(self) -> _Key:
        """What makes two queries the same."""
        more = hash((self.context.recent_edits, self.wish))
        return self.uri, self.version, self.region.first, self.region.last, more


class Engine:
    """Suggestions for all open documents."""

    def __init__(
        self, tracker: Tracker, ask: Ask, envelope: Envelope, clock: Callable[[], float]
    ) -> None:
        self._tracker = tracker
        self._ask = ask
        self._envelope = envelope
        self._clock = clock
        self._flights: Flights[Watch | Silence] = Flights()
        self._silences: OrderedDict[_Key, Silence] = OrderedDict()
        self._dismissed: deque[tuple[str, str, str]] = deque(maxlen=DISMISSED_KEPT)

    @property
    def busy(self) -> bool:
        """Whether another request would have to wait, or take a waiting one's place."""
        return self._flights.full

    def on_offer(self, uri: str, version: int, cursor_line: int) -> Watch | None:
        """Return what the cache has for this place: made for this very version, or being typed."""
        for watch in reversed(self._tracker.watches):
            if watch.uri == uri and self._valid(watch, version, cursor_line):
                return watch
        return None

    def untouched(self, uri: str, line: int) -> Watch | None:
        """Return an offer around a line whose region is as it was when asked, whatever happened
        to the rest of the document since."""
        for watch in reversed(self._tracker.watches):
            around = watch.uri == uri and watch.region.first <= line < watch.region.last
            if around and watch.on_offer and watch.text == watch.base:
                return watch
        return None

    async def suggest(self, query: Query) -> Watch | Silence:
        """Return an edit on offer, or why there is none, within the query's deadline."""
        watch = self.on_offer(query.uri, query.version, query.cursor_line)
        if watch is not None and not query.wish.anew:
            return watch
        known = self._silences.get(query.key)
        if known is not None and query.trigger == Trigger.AUTOMATIC:
            return known
        try:
            async with asyncio.timeout(query.deadline_ms / 1000.0):
                found = await self._flights.join(
                    query.key, query.uri, query.version, lambda: self._fetch(query)
                )
        except TimeoutError:
            return Silence(Reason.DEADLINE, f"no answer within {query.deadline_ms:g} ms")
        return found or Silence(Reason.CANCELLED, "a newer request took its place")

    def dismissed(self, watch: Watch) -> None:
        """Remember that the user does not want this edit."""
        self._dismissed.append(_fingerprint(watch, watch.proposed or ""))

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self._flights.end_group(uri)
        for key in [key for key in self._silences if key[0] == uri]:
            del self._silences[key]

    def _valid(self, watch: Watch, version: int, cursor_line: int) -> bool:
        if not watch.on_offer or watch.proposed is None:
            return False
        if not watch.region.first <= cursor_line < watch.region.last:
            return False
        if loosely_equal(watch.text, watch.proposed):
            return False
        typed = progress(watch.base, watch.proposed, watch.text)
        return typed is not None and (typed > 0 or watch.version == version)

    async def _fetch(self, query: Query) -> Watch | Silence:
        watch = self._tracker.asked(
            query.uri, query.version, query.region, query.context.region, self._clock()
        )
        request = SuggestRequest(
            session=self._envelope.session,
            workspace=self._envelope.workspace,
            client=self._envelope.client,
            document=hashlib.sha256(query.uri.encode()).hexdigest()[:16],
            document_version=query.version,
            context=query.context,
            trigger=query.trigger,
            avoid=query.wish.avoid,
            level=query.level,
            deadline_ms=query.deadline_ms * GATEWAY_SHARE,
            client_time=time.time(),
        )
        try:
            answer = await self._ask(request)
        except asyncio.CancelledError:
            self._tracker.drop(watch)
            raise
        if isinstance(answer, Silence):
            self._tracker.drop(watch)
            return answer
        return self._judge(query, watch, answer)

    def _judge(self, query: Query, watch: Watch, answer: SuggestResponse) -> Watch | Silence:
        now = self._clock()
        proposed = answer.new_region
        if proposed is not None:
            proposed = fitted(watch.base, restyled(watch.base, proposed, query.style))
        outcome, reason = self._verdict(query, watch, answer, proposed)
        if outcome is None and proposed is not None:
            if query.wish.avoid:
                self._set_aside(watch, now)
            self._tracker.answered(watch, answer.suggestion_id, query.level, proposed, now)
            return watch
        silence = Silence(reason or Reason.NO_EDIT, answer.detail)
        self._tracker.silent(
            watch, answer.suggestion_id, query.level, outcome or Outcome.WITHHELD, reason, now
        )
        if silence.reason not in PASSING:
            self._silences[query.key] = silence
            while len(self._silences) > SILENCES_KEPT:
                self._silences.popitem(last=False)
        return silence

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
        here = progress(watch.base, proposed, watch.text)
        if here is None or loosely_equal(watch.text, proposed):
            return Outcome.STALE, Reason.DOCUMENT_MOVED
        if _fingerprint(watch, proposed) in self._dismissed:
            return Outcome.WITHHELD, Reason.DISMISSED_BEFORE
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


def _fingerprint(watch: Watch, proposed: str) -> tuple[str, str, str]:
    """Return what an edit deletes and writes, by whole lines: the same wherever it stands."""
    old, new = watch.base.split("\n"), proposed.split("\n")
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    gone, written = old[head : len(old) - tail], new[head : len(new) - tail]
    return watch.uri, "\n".join(gone), "\n".join(written)

"""One step ahead: while an offer is on screen, what comes after its accept is asked for.

At most one such question is out, only while nobody else asks, and it ends as soon as the document
can no longer become what it was asked for. An answer that nobody got to see ends as `stale`: never
shown, so never refused, whatever it said. Knows offers and documents. Does not know how an answer
is judged (that is `lsp.engine`).
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from feedback_store.events import FeedbackLevel, Outcome, Reason, SuggestRequest, SuggestResponse
from lsp.consent import lowest
from lsp.document import Document
from lsp.findings import Envelope
from lsp.gateway import Silence
from lsp.matching import progress
from lsp.query import Query
from lsp.tracker import Tracker
from lsp.watch import Watch

AFTER_S = 0.03
"""The offer itself goes first; many a one is replaced within this time."""
TAKEN = frozenset({Outcome.ACCEPTED, Outcome.TYPED_THROUGH})

Ask = Callable[[SuggestRequest], Awaitable[SuggestResponse | Silence]]
Predict = Callable[[Watch], Awaitable[tuple[Query, list[str]] | Silence]]


@dataclass(eq=False)
class Guess:
    """A question about a document as it will be once an offer is accepted."""

    offer: Watch
    query: Query
    lines: list[str]
    """The whole document after the accept."""
    answer: asyncio.Task[SuggestResponse | Silence]
    joined: bool = False
    """Somebody waits for it by now."""
    seen: int = -1
    """The last version of the document at which it was looked at."""

    def at(self, version: int) -> Query:
        """Return the question as asked at the version that the document has become."""
        return replace(self.query, version=version)


class Ahead:
    """The question that is one step ahead, if there is one."""

    def __init__(
        self,
        tracker: Tracker,
        ask: Ask,
        envelope: Envelope,
        predict: Predict,
        document_of: Callable[[str], Document | None],
        clock: Callable[[], float],
    ) -> None:
        self._tracker = tracker
        self._ask = ask
        self._envelope = envelope
        self._predict = predict
        self._document_of = document_of
        self._clock = clock
        self._guess: Guess | None = None
        self._offer: Watch | None = None
        self._start: asyncio.Task[None] | None = None

    @property
    def state(self) -> str | None:
        """Whether something is being `asked` ahead or is `ready`."""
        if self._guess is None:
            return None
        return "ready" if self._guess.answer.done() else "asked"

    def offered(self, offer: Watch, idle: Callable[[], bool]) -> None:
        """An offer is on screen. Each is asked about once, and only if nobody else asks."""
        if offer is self._offer:
            return
        self.drop()
        self._offer = offer
        self._start = asyncio.create_task(self._begin(offer, idle))

    def look(self, level: FeedbackLevel) -> None:
        """Give up what the document can no longer become, or what was asked when the user
        allowed something else to be recorded."""
        guess = self._guess
        if guess is not None and not (guess.query.level == level and self._possible(guess)):
            self.drop()

    def match(self, uri: str, cursor_line: int) -> Guess | None:
        """Return the question that was about the document exactly as it is now."""
        guess = self._guess
        if guess is None or guess.query.uri != uri or guess.answer.cancelled():
            return None
        region, document = guess.query.region, self._document_of(uri)
        here = region.first <= cursor_line < region.last
        return guess if here and document and document.lines == guess.lines else None

    def make_way(self) -> None:
        """Somebody asks something else: a question that is still out ends."""
        if self._guess is None or not (self._guess.answer.done() or self._guess.joined):
            self.drop()

    def used(self, guess: Guess) -> None:
        """The answer has been taken over by whoever asked."""
        if self._guess is guess:
            self._guess = None

    def withdraw(self, uri: str) -> None:
        """Nothing of a document may be sent any more: end a question about it, and record no
        text of it."""
        guess = self._guess
        if guess is not None and guess.query.uri == uri:
            level = lowest(guess.query.level, FeedbackLevel.FACTS)
            guess.query = replace(guess.query, level=level)
            self.drop()

    def drop(self) -> None:
        """End what is out; an answer that is there already was never shown."""
        if self._start is not None and not self._start.done():
            _cancel(self._start)
        guess, self._guess, self._start = self._guess, None, None
        if guess is None or guess.joined:
            return
        if not guess.answer.done():
            _cancel(guess.answer)
            return
        answer = None if guess.answer.cancelled() else guess.answer.result()
        if isinstance(answer, SuggestResponse):
            self._never_shown(guess.query, answer)

    async def _begin(self, offer: Watch, idle: Callable[[], bool]) -> None:
        await asyncio.sleep(AFTER_S)
        if not offer.on_offer or not idle():
            self._offer = None
            return
        found = await self._predict(offer)
        if isinstance(found, Silence):
            return
        query, lines = found
        request = query.request(self._envelope, time.time())
        answer = asyncio.ensure_future(self._ask(request))
        guess = self._guess = Guess(offer, query, lines, answer)
        answer.add_done_callback(lambda _: self._ended(guess))
        self.look(query.level)

    def _ended(self, guess: Guess) -> None:
        """Forget a question that got no answer; the next request asks by itself."""
        answer = None if guess.answer.cancelled() else guess.answer.result()
        if not isinstance(answer, SuggestResponse) and self._guess is guess and not guess.joined:
            self._guess = None

    def _possible(self, guess: Guess) -> bool:
        document, offer = self._document_of(guess.query.uri), guess.offer
        if document is None or not document.trusted:
            return False
        if not offer.on_offer and offer.outcome not in TAKEN:
            return False
        if document.version == guess.seen:
            return True
        guess.seen = document.version
        if document.lines == guess.lines:
            return True
        return offer.on_offer and _on_the_way(document.lines, offer, guess.lines)

    def _never_shown(self, query: Query, answer: SuggestResponse) -> None:
        now, text = self._clock(), query.context.region
        watch = Watch(query.uri, query.region, text, now, query.version, text)
        self._tracker.silent(
            watch, answer.suggestion_id, query.level, Outcome.STALE, Reason.DOCUMENT_MOVED, now
        )


def _on_the_way(lines: list[str], offer: Watch, then: list[str]) -> bool:
    """Whether taking (the rest of) the offer still leads to the document as predicted."""
    if offer.proposed is None or progress(offer.base, offer.proposed, offer.text) is None:
        return False
    first, rest = offer.region.first, len(lines) - offer.region.last
    return lines[:first] == then[:first] and lines[len(lines) - rest :] == then[len(then) - rest :]


def _cancel(task: asyncio.Task[None] | asyncio.Task[SuggestResponse | Silence]) -> None:
    # At the very end there is no loop any more that could run it.
    with contextlib.suppress(RuntimeError):
        task.cancel()

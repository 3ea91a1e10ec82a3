"""From a cursor in an open document to the query that the engine is asked: what may be sent of it.

Knows every reason not to ask, and how much the model sees. Does not know LSP's messages, nor what
becomes of the answer.
"""

import contextlib
import time
from asyncio import timeout
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from feedback_store.events import EditContext, FeedbackLevel, Hello, Reason, RecentEdit, Trigger
from lsp.config import SuggestSettings
from lsp.context import Limits, Region, build_context
from lsp.document import Document, Position
from lsp.documents import Documents, Opened
from lsp.edits import smallest_edit
from lsp.gateway import Gateway, Silence
from lsp.history import KEPT, History
from lsp.indent import shown_by
from lsp.politeness import asks_unprompted, least_confidence
from lsp.query import Query
from lsp.surroundings import Surroundings
from lsp.watch import Watch
from lsp.wish import NOTHING, Wish


@dataclass(frozen=True)
class Place:
    """Where a question is about: a document as it is, or as it will be."""

    opened: Opened
    document: Document
    """Of it, or as it will be."""
    cursor: Position
    """In code points."""
    history: History
    wish: Wish = NOTHING


class Asking:
    """Builds queries from what is open and what was edited."""

    def __init__(
        self,
        settings: SuggestSettings,
        documents: Documents,
        history: History,
        refresh: Callable[[], Awaitable[None]],
        gateway: Gateway,
        level: Callable[[], FeedbackLevel],
    ) -> None:
        self._settings = settings
        self._documents = documents
        self._history = history
        self._gateway = gateway
        self._level = level
        self._refresh = refresh
        self.surroundings = Surroundings(documents, gateway)

    @property
    def level(self) -> FeedbackLevel:
        """What may be recorded of what is asked now."""
        return self._level()

    async def query(
        self,
        uri: str,
        version: int | None,
        position: Position,
        trigger: Trigger,
        wish: Wish = NOTHING,
    ) -> Query | Silence:
        """Return the query for a cursor in the client's units, or why there is none."""
        until = self._deadline()
        opened = await self._sendable(uri, until)
        if isinstance(opened, Silence):
            return opened
        greeted = self._gateway.hello is not None
        limits = await self._limits(until)
        if isinstance(limits, Silence):
            return limits
        if not greeted:  # which may have taken a while
            opened = await self._sendable(uri, until)
            if isinstance(opened, Silence):
                return opened
        document = opened.document
        if version is not None and version != document.version:
            return Silence(Reason.DOCUMENT_MOVED, f"the document is at version {document.version}")
        place = Place(opened, document, document.inward(position), self._history, wish)
        return self._query(place, limits, trigger, until)

    async def elsewhere(
        self, uri: str, cursor: Position, trigger: Trigger, until: float
    ) -> Query | Silence:
        """Return the query for a place, in code points, at which no cursor is."""
        opened = await self._sendable(uri, until)
        if isinstance(opened, Silence):
            return opened
        if cursor[0] >= len(opened.document.lines):
            return Silence(Reason.DOCUMENT_MOVED, "the place is gone")
        if (hello := self._gateway.hello) is None:
            return self._gateway.trouble
        place = Place(opened, opened.document, cursor, self._history)
        return self._query(place, _limits(hello), trigger, until)

    async def after(self, offer: Watch) -> tuple[Query, list[str]] | Silence:
        """Return the query for the state after the offer is accepted, with the cursor at the
        edit's end and the edit in the history, and all lines of the document as it is then."""
        until = self._deadline()
        limits = await self._limits(until)
        if isinstance(limits, Silence):
            return limits
        opened = await self._sendable(offer.uri, until)
        if isinstance(opened, Silence):
            return opened
        if offer.proposed is None:
            return Silence(Reason.NO_EDIT, "there is nothing to come after")
        document, region = opened.document.branched(), offer.region
        raw = document.lines[region.first : region.last]
        edit = smallest_edit(region.first, raw, offer.proposed, document.eol)
        change = edit and document.apply(edit.start, edit.end, edit.text)
        if edit is None or change is None:
            return Silence(Reason.NO_EDIT, "it has been typed already")
        document.version += 1
        history = self._history.fork()
        history.record(document.uri, opened.path, change, document.lines, time.monotonic())
        place = Place(opened, document, edit.end_after, history)
        query = self._query(place, limits, Trigger.AUTOMATIC, until)
        return query if isinstance(query, Silence) else (query, document.lines)

    def now(self, uri: str) -> tuple[int, Sequence[str], Sequence[RecentEdit]] | None:
        """Return a document's version and lines, and all recent edits, as they are now."""
        opened = self._documents.get(uri)
        if opened is None:
            return None
        document = opened.document
        return document.version, document.lines, self._history.recent(KEPT)

    def _query(
        self, place: Place, limits: Limits, trigger: Trigger, until: float
    ) -> Query | Silence:
        document = place.document
        recent = place.history.recent(limits.recent_edits)
        unprompted = asks_unprompted(self._settings.eagerness)
        if not recent and trigger == Trigger.AUTOMATIC and not unprompted:
            return Silence(Reason.NO_RECENT_EDIT, "nothing was edited yet")
        built = _built(place, limits, recent)
        if isinstance(built, Silence):
            return built
        region, context = built
        style = place.opened.style.over(shown_by(context.region.split("\n")))
        context = self.surroundings.added(place.opened, context)
        context = context.model_copy(update={"indent": style.words})
        return Query(
            document.uri,
            document.version,
            region,
            context,
            place.cursor[0],
            trigger,
            self.level,
            max(1.0, 1000.0 * (until - time.monotonic())),
            style,
            least_confidence(self._settings.eagerness),
            place.wish,
        )

    def _deadline(self) -> float:
        """Return until when whoever asks now waits."""
        return time.monotonic() + self._settings.deadline_ms / 1000.0

    async def _sendable(self, uri: str, until: float) -> Opened | Silence:
        """Return a document of which something may be sent, by rules that were just looked at."""
        try:
            async with timeout(until - time.monotonic()):
                await self._refresh()
        except TimeoutError:
            return Silence(Reason.DEADLINE, "it takes too long to read what may be sent")
        opened = self._documents.get(uri)
        if opened is None:
            return Silence(Reason.EXCLUDED, "the document is not open")
        return Silence(Reason.EXCLUDED, opened.silence) if opened.silence else opened

    async def _limits(self, until: float) -> Limits | Silence:
        """Return how much the model sees; the first request may have to wait for the greeting."""
        hello = self._gateway.hello
        if hello is None and self._gateway.gone:
            self._gateway.greet_soon()
        elif hello is None:
            with contextlib.suppress(TimeoutError):
                async with timeout(until - time.monotonic()):
                    hello = await self._gateway.greet()
        if hello is None:
            return self._gateway.trouble
        return _limits(hello)


def _limits(hello: Hello) -> Limits:
    return Limits(
        hello.region_lines,
        hello.prefix_lines,
        hello.suffix_lines,
        hello.recent_edits,
    )


def _built(
    place: Place, limits: Limits, recent: tuple[RecentEdit, ...]
) -> tuple[Region, EditContext] | Silence:
    """Return the region and its context, unless that is too much."""
    lines, told = place.wish.lines, place.wish.instruction
    if lines and told and lines.last - lines.first > limits.region_lines:
        return Silence(Reason.PROMPT_TOO_LONG, f"select at most {limits.region_lines} lines")
    document, path = place.document, place.opened.path
    built = build_context(document, path, place.cursor, limits, recent, lines, told)
    if built is None:
        return Silence(Reason.PROMPT_TOO_LONG, "the lines here are too long to be code")
    return built

"""From a cursor in an open document to the query that the engine is asked: what may be sent of it.

Knows every reason not to ask, and how much the model sees. Does not know LSP's messages, nor what
becomes of the answer.
"""

import contextlib
import time
from asyncio import timeout
from collections.abc import Callable

from feedback_store.events import EditContext, FeedbackLevel, Hello, Reason, RecentEdit, Trigger
from lsp.config import SuggestSettings
from lsp.context import Limits, Region, build_context
from lsp.document import Position
from lsp.documents import Documents, Opened
from lsp.engine import Query
from lsp.gateway import Gateway, Silence
from lsp.history import History
from lsp.indent import shown_by
from lsp.politeness import asks_unprompted, least_confidence
from lsp.rules import Rules
from lsp.surroundings import Surroundings
from lsp.wish import NOTHING, Wish


class Asking:
    """Builds queries from what is open and what was edited."""

    def __init__(
        self,
        settings: SuggestSettings,
        documents: Documents,
        history: History,
        rules: Rules,
        gateway: Gateway,
        level: Callable[[], FeedbackLevel],
    ) -> None:
        self._settings = settings
        self._documents = documents
        self._history = history
        self._gateway = gateway
        self._level = level
        self._rules = rules
        self.surroundings = Surroundings(documents, gateway)

    async def query(
        self,
        uri: str,
        version: int | None,
        position: Position,
        trigger: Trigger,
        wish: Wish = NOTHING,
    ) -> Query | Silence:
        """Return the query for a cursor in the client's units, or why there is none."""
        await self._rules.refresh()
        opened = self._documents.get(uri)
        if opened is None:
            return Silence(Reason.EXCLUDED, "the document is not open")
        if why := opened.silence:
            return Silence(Reason.EXCLUDED, why)
        deadline_ms = self._settings.deadline_ms
        begun = time.monotonic()
        limits = await self._limits(deadline_ms)
        if isinstance(limits, Silence):
            return limits
        document = opened.document
        if version is not None and version != document.version:
            return Silence(Reason.DOCUMENT_MOVED, f"the document is at version {document.version}")
        left_ms = deadline_ms - 1000.0 * (time.monotonic() - begun)
        return self._query(opened, document.inward(position), trigger, limits, left_ms, wish)

    async def elsewhere(
        self, uri: str, cursor: Position, trigger: Trigger, deadline_ms: float
    ) -> Query | Silence:
        """Return the query for a place, in code points, at which no cursor is."""
        await self._rules.refresh()
        opened, hello = self._documents.get(uri), self._gateway.hello
        if opened is None or cursor[0] >= len(opened.document.lines):
            return Silence(Reason.DOCUMENT_MOVED, "the place is gone")
        if why := opened.silence:
            return Silence(Reason.EXCLUDED, why)
        if hello is None:
            return self._gateway.trouble
        return self._query(opened, cursor, trigger, _limits(hello), deadline_ms)

    def _query(
        self,
        opened: Opened,
        cursor: Position,
        trigger: Trigger,
        limits: Limits,
        left_ms: float,
        wish: Wish = NOTHING,
    ) -> Query | Silence:
        document = opened.document
        recent = self._history.recent(limits.recent_edits)
        unprompted = asks_unprompted(self._settings.eagerness)
        if not recent and trigger == Trigger.AUTOMATIC and not unprompted:
            return Silence(Reason.NO_RECENT_EDIT, "nothing was edited yet")
        built = _built(opened, cursor, limits, recent, wish)
        if isinstance(built, Silence):
            return built
        region, context = built
        context = self.surroundings.added(opened, context)
        return Query(
            document.uri,
            document.version,
            region,
            context,
            cursor[0],
            trigger,
            self._level(),
            max(1.0, left_ms),
            opened.style.over(shown_by(context.region.split("\n"))),
            least_confidence(self._settings.eagerness),
            wish,
        )

    async def _limits(self, deadline_ms: float) -> Limits | Silence:
        """Return how much the model sees; the first request may have to wait for the greeting."""
        hello = self._gateway.hello
        if hello is None:
            with contextlib.suppress(TimeoutError):
                async with timeout(deadline_ms / 1000.0):
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
    opened: Opened,
    cursor: Position,
    limits: Limits,
    recent: tuple[RecentEdit, ...],
    wish: Wish,
) -> tuple[Region, EditContext] | Silence:
    """Return the region and its context, unless that is too much."""
    lines, told = wish.lines, wish.instruction
    if lines and told and lines.last - lines.first > limits.region_lines:
        return Silence(Reason.PROMPT_TOO_LONG, f"select at most {limits.region_lines} lines")
    built = build_context(opened.document, opened.path, cursor, limits, recent, lines, told)
    if built is None:
        return Silence(Reason.PROMPT_TOO_LONG, "the lines here are too long to be code")
    return built

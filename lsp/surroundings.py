"""What a model is shown beside the document's own lines: definitions in use, and complaints.

How many it sees is what the gateway says; nothing is kept for a model that sees none. Knows what
may be sent of files. Does not know how definitions are found, what keys look like (`lsp.screen`
leaves out what holds one), nor prompts.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from feedback_store.events import Diagnostic, EditContext, Excerpt
from lsp.complaints import Complaints
from lsp.document import Change
from lsp.documents import Documents, Opened
from lsp.gateway import Gateway
from lsp.indexer import Indexer
from lsp.related import Index, related

MAX_CHARS = 3_000
"""Of all excerpts together."""


class Surroundings:
    """All there is besides the lines at hand."""

    def __init__(self, documents: Documents, gateway: Gateway) -> None:
        self._documents = documents
        self._gateway = gateway
        self._complaints = Complaints()
        self._index = Index()
        self._indexer = Indexer(documents, self._index, lambda: self._wanted("excerpts") > 0)

    async def follow(self) -> None:
        """Keep the definitions up to date, for ever."""
        await self._indexer.run()

    def greeted(self) -> None:
        """The gateway said who it is, so the model may be another."""
        self._indexer.stir()

    def opened(self, uri: str) -> None:
        """A document was opened."""
        self._indexer.touched(uri)

    def changed(self, uri: str, change: Change) -> None:
        """A document changed."""
        self._indexer.touched(uri)
        self._complaints.changed(uri, change)

    def closed(self, opened: Opened | None) -> None:
        """A document was closed."""
        if opened is not None:
            self._indexer.closed(opened.document.uri, opened.document.language)
            self._complaints.closed(opened.document.uri)

    def heard(self, uri: str, first: int, last: int, found: Sequence[Diagnostic]) -> None:
        """Other language servers say this of the lines from `first` to `last`."""
        if self._wanted("diagnostics") and self._documents.get(uri) is not None:
            self._complaints.heard(uri, first, last, found)

    def added(self, opened: Opened, context: EditContext) -> EditContext:
        """Return the context with as many excerpts and diagnostics as the model takes."""
        more: dict[str, tuple[Excerpt | Diagnostic, ...]] = {}
        if excerpts := self._wanted("excerpts"):
            more["excerpts"] = tuple(islice(self._excerpts(opened, context), excerpts))
        if diagnostics := self._wanted("diagnostics"):
            line = context.region_first_line + context.cursor_line
            near = self._complaints.near(opened.document.uri, line, diagnostics)
            more["diagnostics"] = tuple(near)
        return context.model_copy(update=more) if more else context

    def _wanted(self, what: str) -> int:
        return getattr(self._gateway.hello, what, 0)

    def _excerpts(self, opened: Opened, context: EditContext) -> Iterator[Excerpt]:
        uri, family = opened.document.uri, self._indexer.family(opened.document.language)
        if family is None:
            return
        seen = context.prefix + context.region + context.suffix
        told: set[str] = set()
        room = MAX_CHARS
        for found in related(self._index, family, uri, context.region, context.cursor_line, seen):
            text = found.definition.text
            if text in told or len(text) > room:
                continue
            path, refusal = self._documents.place(found.uri)
            if refusal:
                continue
            told.add(text)
            room -= len(text)
            yield Excerpt(path=path, text=text)

"""Keeps the index of definitions up to date with what is open and what was, off the hot path.

A document is parsed in a thread once its typist rests. A closed one is read from disk, then again
whenever it changed there. Nothing is parsed while the gateway's model sees no excerpts. Knows
when to parse. Does not know syntax.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from lsp.apart import apart
from lsp.definitions import Definition, definitions
from lsp.document import normalise
from lsp.documents import Documents
from lsp.exclude import path_of
from lsp.grammars import Grammar, grammars
from lsp.related import KEPT_FILES, Index

if TYPE_CHECKING:
    from tree_sitter import Parser

log = logging.getLogger(__name__)
REST_S = 0.5
"""How long nobody may have typed."""
MAX_CHARS = 1_000_000
_Stamp = tuple[int, int]


class Indexer:
    """Fills an index; `run` is its only task, so nothing here happens twice at once."""

    def __init__(self, documents: Documents, index: Index, wanted: Callable[[], bool]) -> None:
        self._documents = documents
        self._index = index
        self._wanted = wanted
        self._grammars = grammars()
        self._parsers: dict[Callable[[], object], Parser] = {}
        self._dirty: dict[str, None] = {}
        self._closed: dict[str, tuple[str, _Stamp]] = {}
        """Language and stamp of the closed files in the index."""
        self._news = asyncio.Event()
        self._touched_at = 0.0

    def family(self, language: str) -> str | None:
        """Return the family of a language; None if it is not understood."""
        grammar = self._grammars.get(language)
        return grammar.family if grammar else None

    def touched(self, uri: str) -> None:
        """A document was opened or changed."""
        self._dirty[uri] = None
        self._touched_at = time.monotonic()
        self._news.set()

    def closed(self, uri: str, language: str) -> None:
        """A document is closed: what counts now is on disk."""
        self._dirty.pop(uri, None)
        self._closed.pop(uri, None)
        if language in self._grammars:
            self._closed[uri] = (language, (0, 0))
            self._news.set()
        while len(self._closed) > KEPT_FILES:
            del self._closed[next(iter(self._closed))]

    def stir(self) -> None:
        """Look again: the gateway may want excerpts now."""
        if self._dirty or self._closed:
            self._news.set()

    async def run(self) -> None:
        """Keep the index up to date, for ever."""
        while True:
            await self._news.wait()
            while (rest_s := self._touched_at + REST_S - time.monotonic()) > 0:
                await asyncio.sleep(rest_s)
            self._news.clear()
            if self._wanted():
                await self._catch_up()

    async def _catch_up(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for uri in dirty:
            await self._open(uri)
        stamps = await apart(partial(_stamps, tuple(self._closed)))
        for uri, stamp in stamps.items():
            language, known = self._closed.get(uri, ("", stamp))
            if stamp != known:
                await self._disk(uri, language, stamp)

    async def _open(self, uri: str) -> None:
        opened = self._documents.get(uri)
        if opened is None:
            return
        self._closed.pop(uri, None)
        grammar = self._grammars.get(opened.document.language)
        if grammar is None or opened.silence:
            self._index.drop(uri)
            return
        lines = opened.document.lines.copy()
        found = await asyncio.to_thread(self._parsed, grammar, lines)
        if self._documents.get(uri) is opened and not opened.silence:
            self._index.put(uri, grammar.family, found)

    async def _disk(self, uri: str, language: str, stamp: _Stamp | None) -> None:
        """Read a closed file that is not as it was."""
        grammar, path = self._grammars.get(language), path_of(uri)
        if grammar is None or path is None or stamp is None or self._documents.place(uri)[1]:
            self._forget(uri)
            return
        found = await apart(partial(self._read, grammar, path))
        if uri not in self._closed or self._documents.get(uri) is not None:
            return
        if found is None:
            self._forget(uri)
            return
        self._index.put(uri, grammar.family, found)
        self._closed[uri] = (language, stamp)

    def _forget(self, uri: str) -> None:
        self._closed.pop(uri, None)
        self._index.drop(uri)

    def _read(self, grammar: Grammar, path: Path) -> list[Definition] | None:
        limit = self._documents.max_bytes
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except OSError:
            return None
        # One that shrinks is as good as any other, so it is not forgotten.
        return self._parsed(
            grammar, [data.decode("utf-8", "replace")] if len(data) <= limit else []
        )

    def _parsed(self, grammar: Grammar, lines: Sequence[str]) -> list[Definition]:
        """Runs in a thread, one at a time."""
        text = normalise("".join(lines))
        if len(text) > MAX_CHARS or "\0" in text:
            return []
        try:
            if grammar.load not in self._parsers:
                self._parsers[grammar.load] = grammar.parser()
            return definitions(grammar, self._parsers[grammar.load], text, lambda: time.sleep(0))
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            # A grammar that is not there, or code nested without end: no reason to end the task.
            log.warning("no definitions: %s", error)
            return []


def _stamps(uris: Sequence[str]) -> dict[str, _Stamp | None]:
    return {uri: _stamp(path_of(uri)) for uri in uris}


def _stamp(path: Path | None) -> _Stamp | None:
    try:
        stat = path.stat() if path else None
    except OSError:
        return None
    # To open a pipe is to wait for whoever writes it.
    return (stat.st_mtime_ns, stat.st_size) if stat and S_ISREG(stat.st_mode) else None

"""Reads files again after their documents were closed, for what is left of accepted suggestions.

Only what is on disk counts then, unless the document is open here again: unsaved changes in
another window are nobody's code yet. An excluded file is never read. A file whose time and size
are as they were is not read again, unless the client reported a change; no report says nothing.
Knows files and when to read them. Does not know what is looked for (that is `lsp.trails`).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from feedback_store.detector import has_key
from feedback_store.events import FeedbackLevel
from lsp.apart import apart
from lsp.document import normalise
from lsp.documents import Documents
from lsp.exclude import path_of
from lsp.findings import Envelope, Survived
from lsp.relocate import place_of
from lsp.trails import Trail, Trails
from lsp.watch import Watch

LOOK_S = 5.0
"""A file that takes longer to read cannot be looked at."""
ReportOn = Callable[[set[str]], None]
"""Asks the client to report changes of these files, and no others."""


@dataclass(frozen=True)
class _Read:
    """What a file held, and its time and size then."""

    stamp: tuple[int, int]
    text: str | None


class Aftermath:
    """What happens to accepted suggestions after their document was closed."""

    def __init__(
        self, documents: Documents, max_bytes: int, emit: Callable[[Survived, Envelope], None]
    ) -> None:
        self.trails = Trails(emit)
        self._ask_to_report: ReportOn = lambda uris: None
        self._documents = documents
        self._max_bytes = max_bytes
        self._read: dict[str, _Read] = {}

    def follow(self, watches: Iterable[Watch], lines: Sequence[str], envelope: Envelope) -> None:
        """Go on observing what was accepted in a document that is being closed."""
        self.trails.add(_trail(watch, lines, envelope) for watch in watches)
        self._watch()

    def resume(self, trails: Iterable[Trail]) -> None:
        """Go on with what an earlier run could not see to its end."""
        self.trails.add(trails)
        self._watch()

    def rely_on(self, ask_to_report: ReportOn) -> None:
        """From now on the client can be asked to report changes of files."""
        self._ask_to_report = ask_to_report
        self._watch()

    def changed_on_disk(self, uri: str) -> None:
        """The client reports that a file changed, appeared or went away."""
        self._read.pop(uri, None)

    async def look(self, now: float) -> None:
        """Do what is due: read the files, off the main thread, and look for the suggestions."""
        texts = {uri: await self._text(uri) for uri in self.trails.wanted(now)}
        # From here on nothing waits: what is said must be remembered as said.
        for uri, text in texts.items():
            self.trails.seen(uri, text, now)
        self._watch()

    def end(self) -> None:
        """The server ends; a later run goes on with what may be kept on disk."""
        self.trails.give_up(unless=FeedbackLevel.FULL)

    async def _text(self, uri: str) -> str | None:
        opened = self._documents.get(uri)
        if opened is not None:
            shown = opened.document.trusted and not opened.document.oversized
            return normalise(opened.document.text) if shown else None
        path = path_of(uri)
        if path is None:
            return None
        try:
            async with asyncio.timeout(LOOK_S):
                if await apart(partial(self._documents.refusal, uri)):
                    return None
                read = partial(_read, path, self._max_bytes, self._read.get(uri))
                self._read[uri] = found = await apart(read)
        except TimeoutError:
            return None
        return found.text

    def _watch(self) -> None:
        uris = {trail.uri for trail in self.trails}
        self._ask_to_report(uris)
        self._read = {uri: read for uri, read in self._read.items() if uri in uris}


def _trail(watch: Watch, lines: Sequence[str], envelope: Envelope) -> Trail:
    place = place_of(lines, watch.region)
    accepted = watch.accepted_text or ""
    # A text with a key in it is not kept on disk for a later run.
    texts = (watch.base, accepted, *place.before, place.text, *place.after)
    return Trail(
        watch.suggestion_id,
        FeedbackLevel.FACTS if has_key("\n".join(texts)) else watch.level,
        watch.uri,
        watch.base,
        accepted,
        place,
        watch.accepted_at or 0.0,
        watch.horizons,
        envelope,
    )


def _read(path: Path, max_bytes: int, known: _Read | None) -> _Read:
    """Read a file, unless it is as it was known."""
    try:
        found = path.stat()
        stamp = (found.st_mtime_ns, found.st_size)
        if known is not None and known.stamp == stamp:
            return known
        if found.st_size > max_bytes or not path.is_file():
            return _Read(stamp, None)
        return _Read(stamp, normalise(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError):
        return _Read((0, 0), None)

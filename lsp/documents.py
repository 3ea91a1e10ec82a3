"""The open documents of all workspace folders, and which of them may be sent.

Knows paths, rules and versions. Does not know what happens to a document's changes.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lsp.config import ExcludeSettings
from lsp.document import Change, Document, Position
from lsp.folders import Folders, Place, Sight
from lsp.indent import Style, shown_by
from lsp.positions import Encoding
from lsp.quirks import same_text

log = logging.getLogger(__name__)

UNKNOWN = "its rules are not known yet"
CLOSED_KEPT = 64
"""More than the history has edits."""


@dataclass(frozen=True)
class Edit:
    """One entry of `contentChanges`; without a range it is the whole text."""

    text: str
    start: Position | None = None
    end: Position | None = None


@dataclass
class Standing:
    """Where a document stands under the rules, as they were last looked at."""

    path: str
    """As it is sent: relative to its workspace folder, with forward slashes."""
    refusal: str | None = UNKNOWN
    """Why nothing of it may be sent; None if it may."""
    sendable: bool = True
    """Whether it could be sent so far, or that was not known: its edits may be remembered."""

    def move(self, place: Place) -> None:
        """Take the place that a new look found."""
        self.path, self.refusal = place
        self.sendable = self.sendable or not self.refusal


@dataclass
class Opened:
    """An open document and where it stands."""

    document: Document
    standing: Standing
    style: Style
    """How it is indented, by the configuration or by itself."""
    touched: int = 0
    """The line in which the newest change ended."""

    @property
    def path(self) -> str:
        """As it is sent."""
        return self.standing.path

    @property
    def refusal(self) -> str | None:
        """Why nothing of it may be sent; None if it may."""
        return self.standing.refusal

    @property
    def silence(self) -> str | None:
        """Why there is no suggestion for it whatever the model says, or None."""
        return self.refusal or self._flaw

    @property
    def remembered(self) -> bool:
        """Whether its edits are: it may be sent, or whether it may is not known yet."""
        return self.refusal in (None, UNKNOWN) and not self._flaw

    @property
    def _flaw(self) -> str | None:
        if self.document.oversized:
            return "it is larger than exclude.max_bytes"
        if self.document.binary:
            return "it is a binary file"
        if not self.document.trusted:
            return "it differs from the editor's; saving or reopening it mends that"
        return None


class Documents:
    """What the editor has open."""

    def __init__(self, settings: ExcludeSettings, environ: Mapping[str, str]) -> None:
        self.encoding: Encoding = "utf-16"
        self.folders = Folders(settings, environ)
        self.differences = 0
        """How often a document turned out to be another than the editor's."""
        self._settings = settings
        self._open: dict[str, Opened] = {}
        self._closed: OrderedDict[str, Standing] = OrderedDict()
        """Of the last closed documents: edits of them are still remembered."""

    @property
    def max_bytes(self) -> int:
        """The size beyond which nothing of a file is looked at."""
        return self._settings.max_bytes

    @property
    def known(self) -> list[str]:
        """The documents that are open or were so lately."""
        return [*self._open, *self._closed]

    @property
    def all(self) -> tuple[Opened, ...]:
        """Return everything that is open."""
        return tuple(self._open.values())

    def get(self, uri: str) -> Opened | None:
        """Return an open document."""
        return self._open.get(uri)

    def document(self, uri: str) -> Document | None:
        """Return an open document's text."""
        opened = self._open.get(uri)
        return opened and opened.document

    def refusal(self, uri: str) -> str | None:
        """Return why nothing of a file may be looked at, whether or not it is open; looks at the
        rules on disk."""
        return self.folders.place(uri)[1]

    def recent(self) -> list[Opened]:
        """Return what is open, what was in use last first."""
        return list(reversed(self._open.values()))

    def used(self, uri: str) -> None:
        """The user looks at a document, or changes it."""
        if opened := self._open.pop(uri, None):
            self._open[uri] = opened

    def open(self, uri: str, language: str, version: int, text: str) -> Opened:
        """Take a document over from the editor; nothing of it may be sent before the rules were
        looked at."""
        limit = self._settings.max_bytes
        document = Document(uri, language, version, text, self.encoding, limit)
        standing = self._closed.pop(uri, None) or Standing(uri)
        # The rules may have changed since it was closed; to look at them may take a while.
        standing.path, standing.refusal = self.folders.path(uri), UNKNOWN
        self._open[uri] = Opened(document, standing, Style().over(shown_by(document.lines)))
        return self._open[uri]

    def close(self, uri: str) -> None:
        """Forget a document, but not at once that it was there."""
        opened = self._open.pop(uri, None)
        if opened is not None and opened.standing.sendable:
            self._closed[uri] = opened.standing
            while len(self._closed) > CLOSED_KEPT:
                self._closed.popitem(last=False)

    def place(self, uri: str) -> Place:
        """Return where a document stands that is open or was so lately; reads no file."""
        if opened := self._open.get(uri):
            return opened.path, opened.silence
        standing = self._closed.get(uri)
        if standing is None:
            return uri, "its rules are not known any more"
        return standing.path, standing.refusal

    def reconsider(self, sight: Sight) -> list[str]:
        """Obey the rules as they were seen, such as after an ignore file was saved; the newly
        refused, among them closed ones."""
        self.folders.adopt(sight)
        refused: list[str] = []
        for uri, place in sight.places.items():
            opened = self._open.get(uri)
            standing = opened.standing if opened else self._closed.get(uri)
            if standing is None:
                continue
            standing.move(place)
            if standing.refusal:
                refused += [uri] if standing.sendable else []
                standing.sendable = False
                self._closed.pop(uri, None)
        for uri, style in sight.styles.items():
            if opened := self._open.get(uri):
                opened.style = style.over(shown_by(opened.document.lines))
        return refused

    def change(
        self, opened: Opened, version: int, edits: Sequence[Edit]
    ) -> Iterator[tuple[Change, list[str]]]:
        """Apply edits one by one; each change comes with the lines as they are right after it."""
        document, trusted = opened.document, opened.document.trusted
        document.version = version
        self.used(document.uri)
        for edit in edits:
            change = None
            if edit.start is None or edit.end is None:
                change = document.replace_all(edit.text)
            else:
                change = document.apply(edit.start, edit.end, edit.text)
            if trusted and not document.trusted:
                self._differs(opened, "an impossible change")
            trusted = document.trusted
            if change is not None:
                opened.touched = change.first + max(len(change.new) - 1, 0)
                yield change, document.lines

    def compare(self, opened: Opened, text: str) -> bool:
        """Whether the editor's text is the one known; if not, that is noted. What is too large
        is not known at all."""
        document = opened.document
        if document.oversized or same_text(text, document.text):
            return not document.oversized
        if document.trusted:
            self._differs(opened, "another text was saved")
        return False

    def missed(self, uri: str) -> None:
        """A change of a document could not be read."""
        opened = self._open.get(uri)
        if opened and opened.document.trusted:
            opened.document.trusted = False
            self._differs(opened, "an unreadable change")

    def _differs(self, opened: Opened, why: str) -> None:
        self.differences += 1
        log.warning("%s differs from the editor's: %s", opened.path, why)

"""The open documents of all workspace folders, and which of them may be sent.

Knows paths, rules and versions. Does not know what happens to a document's changes.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp.config import ConfigError, ExcludeSettings, load_workspace
from lsp.document import Change, Document, Position
from lsp.exclude import Exclusions, path_of
from lsp.gitrules import users_file
from lsp.positions import Encoding
from lsp.quirks import same_text

log = logging.getLogger(__name__)

Place = tuple[str, str | None]
"""A document's path as it is sent, and why it may not be."""
CLOSED_KEPT = 64
"""More than the history has edits."""


@dataclass(frozen=True)
class Edit:
    """One entry of `contentChanges`; without a range it is the whole text."""

    text: str
    start: Position | None = None
    end: Position | None = None


@dataclass
class Opened:
    """An open document and where it stands."""

    document: Document
    path: str
    """As it is sent: relative to its workspace folder, with forward slashes."""
    refusal: str | None
    """Why nothing of it may be sent; None if it may."""
    touched: int = 0
    """The line in which the newest change ended."""

    @property
    def silence(self) -> str | None:
        """Why there is no suggestion for it whatever the model says, or None."""
        if self.refusal:
            return self.refusal
        if self.document.oversized:
            return "it is larger than exclude.max_bytes"
        if self.document.binary:
            return "it is a binary file"
        if not self.document.trusted:
            return "it differs from the editor's; saving or reopening it mends that"
        return None


@dataclass(frozen=True)
class Withdrawn:
    """A document that may no longer be sent."""

    uri: str
    path: str
    """As it was sent so far."""


class Documents:
    """What the editor has open."""

    def __init__(self, settings: ExcludeSettings, environ: Mapping[str, str]) -> None:
        self.encoding: Encoding = "utf-16"
        self.differences = 0
        """How often a document turned out to be another than the editor's."""
        self._settings = settings
        self._environ = environ
        self._folders: list[Exclusions] = []
        self._elsewhere: dict[Path, Exclusions] = {}
        self._open: dict[str, Opened] = {}
        self._closed: OrderedDict[str, str] = OrderedDict()
        """The last closed documents' paths: edits of them are still remembered."""

    def add_folder(self, folder: Path) -> str | None:
        """Take a workspace folder's rules; a message for the user if they cannot be used."""
        problem = None
        patterns = self._settings.patterns
        try:
            patterns += load_workspace(folder).exclude.patterns
        except ConfigError as error:
            problem = str(error)
        git = users_file(folder, self._environ)
        self._folders.append(Exclusions(folder, patterns, self._settings.workspaces, git))
        return problem

    def remove_folder(self, folder: Path) -> None:
        """Forget a workspace folder."""
        self._folders = [known for known in self._folders if known.root != folder]

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
        """Return why nothing of a file may be looked at, whether or not it is open."""
        return self._place(uri)[1]

    def open(self, uri: str, language: str, version: int, text: str) -> Opened:
        """Take a document over from the editor."""
        limit = self._settings.max_bytes
        document = Document(uri, language, version, text, self.encoding, limit)
        path, refusal = self._place(uri)
        self._open[uri] = Opened(document, path, refusal)
        return self._open[uri]

    def close(self, uri: str) -> None:
        """Forget a document."""
        opened = self._open.pop(uri, None)
        if opened is not None and not opened.refusal:
            self._closed[uri] = opened.path
            while len(self._closed) > CLOSED_KEPT:
                self._closed.popitem(last=False)

    def places(self, uris: Sequence[str]) -> dict[str, Place]:
        """Look at the rules for some documents. Reads files; any thread may do it."""
        return {uri: self._place(uri) for uri in uris}

    def reconsider(self, places: Mapping[str, Place] | None = None) -> list[Withdrawn]:
        """Obey the rules as they are now, such as after an ignore file was saved; the newly
        refused, among them closed ones."""
        places = self.places(self.known) if places is None else places
        refused: list[Withdrawn] = []
        for uri, (path, refusal) in places.items():
            opened, before = self._open.get(uri), self._closed.get(uri)
            if opened is not None:
                before = None if opened.refusal else opened.path
                opened.path, opened.refusal = path, refusal
            if refusal and before is not None:
                self._closed.pop(uri, None)
                refused.append(Withdrawn(uri, before))
        return refused

    @property
    def known(self) -> list[str]:
        """The documents that are open or were so lately."""
        return [*self._open, *(uri for uri in self._closed if uri not in self._open)]

    def change(
        self, opened: Opened, version: int, edits: Sequence[Edit]
    ) -> Iterator[tuple[Change, list[str]]]:
        """Apply edits one by one; each change comes with the lines as they are right after it."""
        document, trusted = opened.document, opened.document.trusted
        document.version = version
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

    def _place(self, uri: str) -> Place:
        path = path_of(uri)
        if path is None:
            return uri, "it is not a file on this machine"
        inside = [folder for folder in self._folders if path.is_relative_to(folder.root)]
        rules = max(inside, key=lambda folder: len(folder.root.parts), default=None)
        rules = rules or self._loose(path.parent)
        return rules.relative(path), rules.reason(path)

    def _loose(self, folder: Path) -> Exclusions:
        """Return the rules for files outside all workspace folders."""
        if folder not in self._elsewhere:
            git = users_file(folder, self._environ)
            settings = self._settings
            rules = Exclusions(folder, settings.patterns, settings.workspaces, git)
            self._elsewhere[folder] = rules
        return self._elsewhere[folder]

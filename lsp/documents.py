"""The open documents of all workspace folders, and which of them may be sent.

Knows paths, rules and versions. Does not know what happens to a document's changes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp.config import ConfigError, ExcludeSettings, load_workspace
from lsp.document import Change, Document, Position
from lsp.exclude import Exclusions, path_of
from lsp.positions import Encoding


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


class Documents:
    """What the editor has open."""

    def __init__(self, settings: ExcludeSettings) -> None:
        self.encoding: Encoding = "utf-16"
        self._settings = settings
        self._folders: list[Exclusions] = []
        self._open: dict[str, Opened] = {}

    def add_folder(self, folder: Path) -> str | None:
        """Take a workspace folder's rules; a message for the user if they cannot be used."""
        problem = None
        patterns = self._settings.patterns
        try:
            patterns += load_workspace(folder).exclude.patterns
        except ConfigError as error:
            problem = str(error)
        self._folders.append(Exclusions(folder, patterns))
        return problem

    def remove_folder(self, folder: Path) -> None:
        """Forget a workspace folder."""
        self._folders = [known for known in self._folders if known.root != folder]

    def get(self, uri: str) -> Opened | None:
        """Return an open document."""
        return self._open.get(uri)

    def open(self, uri: str, language: str, version: int, text: str) -> Opened:
        """Take a document over from the editor."""
        limit = self._settings.max_bytes
        document = Document(uri, language, version, text, self.encoding, limit)
        path, refusal = self._place(uri)
        self._open[uri] = Opened(document, path, refusal)
        return self._open[uri]

    def close(self, uri: str) -> None:
        """Forget a document."""
        self._open.pop(uri, None)

    def reconsider(self) -> list[Opened]:
        """Look at the rules again, such as after an ignore file was saved; the newly refused."""
        refused: list[Opened] = []
        for uri, opened in self._open.items():
            before = opened.refusal
            opened.path, opened.refusal = self._place(uri)
            if opened.refusal and not before:
                refused.append(opened)
        return refused

    def change(
        self, opened: Opened, version: int, edits: Sequence[Edit]
    ) -> Iterator[tuple[Change, list[str]]]:
        """Apply edits one by one; each change comes with the lines as they are right after it."""
        document = opened.document
        document.version = version
        for edit in edits:
            change = None
            if edit.start is None or edit.end is None:
                change = document.replace_all(edit.text)
            else:
                change = document.apply(edit.start, edit.end, edit.text)
            if change is not None:
                yield change, document.lines

    def _place(self, uri: str) -> tuple[str, str | None]:
        path = path_of(uri)
        if path is None:
            return uri, "it is not a file on this machine"
        inside = [folder for folder in self._folders if path.is_relative_to(folder.root)]
        rules = max(inside, key=lambda folder: len(folder.root.parts), default=None)
        rules = rules or Exclusions(path.parent, self._settings.patterns)
        return rules.relative(path), rules.reason(path)

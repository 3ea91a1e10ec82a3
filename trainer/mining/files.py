"""From one file's patch to text that may be mined, or the reason why not.

Knows the order of the filters: paths first, then bytes, then text. Does not know commits or
tasks.
"""

from collections import Counter
from dataclasses import dataclass

from trainer.languages import language_of
from trainer.mining import filters
from trainer.mining.config import MineSection
from trainer.mining.patches import (
    BadPatch,
    Group,
    hunk_text,
    is_binary,
    is_submodule,
    parse_groups,
    path_of,
)


@dataclass(frozen=True, slots=True)
class FilePatch:
    """What a commit did to one file."""

    path: str
    language: str
    groups: list[Group]

    @property
    def hunks(self) -> list[tuple[Group, int]]:
        """Where the hunks are, in the file's order: group, and index of the piece."""
        return [
            (group, at)
            for group in self.groups
            for at, piece in enumerate(group.pieces)
            if piece.diff
        ]


class Files:
    """The filters of one repository."""

    def __init__(self, settings: MineSection, generated: set[str], skipped: Counter[str]) -> None:
        self._settings = settings
        self._generated = generated
        self._skipped = skipped

    def read(self, raw: bytes) -> FilePatch | None:
        """Return the patch of a file, or count why it is left out."""
        name = self._name(raw)
        if name is None:
            return None
        path, language = name
        text = self._text(raw)
        if text is None:
            return None
        try:
            groups = parse_groups(text)
        except BadPatch:
            return self._skip("unreadable patch")
        if _says_generated(groups):
            self._generated.add(path)
            return self._skip(filters.GENERATED)
        return FilePatch(path, language, groups)

    def _name(self, raw: bytes) -> tuple[str, str] | None:
        if is_submodule(raw):
            return self._skip("submodule")
        name = path_of(raw)
        if name is None:
            return self._skip("binary file" if is_binary(raw) else "file without changed text")
        try:
            path = name.decode()
        except UnicodeDecodeError:
            return self._skip("path that is not UTF-8")
        reason = filters.path_reason(path, self._settings.exclude)
        if reason is None and path in self._generated:
            reason = filters.GENERATED
        language = language_of(path)
        if reason is None and language is None:
            reason = "unknown kind of file"
        wanted = self._settings.languages
        if reason is None and wanted and language not in wanted:
            reason = "language not asked for"
        return self._skip(reason) if reason or language is None else (path, language)

    def _text(self, raw: bytes) -> str | None:
        """Return the patch from the first hunk on, without people in it."""
        try:
            text = hunk_text(raw).decode()
        except UnicodeDecodeError:
            return self._skip("text that is not UTF-8")
        text = text.replace("\r\n", "\n").removesuffix("\n")
        lines = text.splitlines()
        if filters.is_minified(lines):
            return self._skip(filters.MINIFIED)
        if len(lines) != text.count("\n") + 1:
            # Line ends to some programs and not to git: line numbers would mean two things.
            return self._skip("odd line ends")
        if filters.has_secret(text):
            return self._skip(filters.SECRET)
        return filters.without_people(text)

    def _skip(self, reason: str | None) -> None:
        self._skipped[reason or "unknown kind of file"] += 1


def _says_generated(groups: list[Group]) -> bool:
    if not groups or groups[0].first > 0:
        return False
    head: list[str] = []
    for piece in groups[0].pieces:
        head += piece.new[: filters.HEAD_LINES]
        if len(head) >= filters.HEAD_LINES:
            break
    text = "\n".join(head[: filters.HEAD_LINES]).lower()
    return any(mark in text for mark in filters.GENERATED_MARKS)

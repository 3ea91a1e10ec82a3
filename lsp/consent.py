"""What the user allows to be recorded, here and in this workspace, and whether they were told.

The configuration says the most that may be recorded; the choices for folders and the gateway's
administrator can only lower it. The choice is kept in the user's state folder, never in files of
the workspace. Knows levels and the file. Does not know who asks or how a user is told.
"""

import fcntl
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from feedback_store.events import FeedbackLevel, SuggestRequest
from lsp.files import replace_file
from lsp.findings import Finding
from lsp.workspaces import name_of, names_around

FILE = "consent.json"
LEVELS = (FeedbackLevel.OFF, FeedbackLevel.FACTS, FeedbackLevel.FULL)
RECORDED = {
    FeedbackLevel.FULL: "the code around each suggestion and what became of it",
    FeedbackLevel.FACTS: "what became of each suggestion, but no code",
    FeedbackLevel.OFF: "nothing",
}
NEWS = {
    FeedbackLevel.FULL: (
        "Hone records the code around each suggestion and what became of it at {url}, to learn "
        "from it (feedback.level = full). For less, set feedback.level to facts (no code) or off "
        "in your lsp.toml, or run the command hone.feedback with one of them in this workspace."
    ),
    FeedbackLevel.FACTS: (
        "Hone records what became of each suggestion, but no code, at {url}, to learn from it "
        "(feedback.level = facts). For nothing at all, set feedback.level to off in your "
        "lsp.toml, or run the command hone.feedback with off in this workspace."
    ),
    FeedbackLevel.OFF: (
        "Hone records nothing (feedback.level = off). Suggestions come from {url} all the same, "
        "which is shown the code around the cursor for them."
    ),
}
"""What a user is told at the first start, and when it becomes more."""
ANYWHERE = "*"
"""Stands for the workspaces whose choice is not known."""
UNKNOWN = {ANYWHERE: FeedbackLevel.FACTS.value}
"""What holds after choices that can no longer be read."""
log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


def lowest(*levels: FeedbackLevel) -> FeedbackLevel:
    """Return the level that records least."""
    return min(levels, key=LEVELS.index)


class Consent:
    """The user's choices for the folders of one window; the lowest of them holds. A folder's choice
    holds for all below it. Where the file cannot be written, what is chosen holds for this run;
    where it cannot be read, no code is recorded until the user chooses."""

    def __init__(
        self,
        configured: FeedbackLevel,
        folders: Iterable[Path],
        state: Path,
        allowed: Callable[[], FeedbackLevel],
    ) -> None:
        self.configured = configured
        self._path = state / FILE
        self._allowed = allowed
        self._folders: tuple[Path | None, ...] = ()
        self._choices: Mapping[str, Any] = {}
        """By the names of folders (lsp.workspaces)."""
        self._names: dict[Path | None, tuple[str, ...]] = {}
        self._chosen: FeedbackLevel | None = None
        self._told: tuple[str, FeedbackLevel] | None = None
        self._seen: tuple[int, int] | None = None
        self.work_in(folders)
        self.refresh()

    @property
    def level(self) -> FeedbackLevel:
        """What may be recorded now."""
        return self._within(self._chosen)

    def among(self, files: Iterable[Path]) -> FeedbackLevel:
        """Return what may be recorded where these files take part, which may lie below folders
        with choices of their own."""
        if not self._choices:
            return self.level
        chosen = (self._choice_of(self._around(folder)) for folder in {f.parent for f in files})
        return lowest(self.level, *filter(None, chosen))

    def of(self, names: Iterable[str]) -> FeedbackLevel:
        """Return what may be recorded of another workspace, by the names of its folders and of
        those above them."""
        return self._within(self._choice_of(names))

    def work_in(self, folders: Iterable[Path]) -> None:
        """The window is on these folders from now on."""
        self._folders = tuple(folders) or (None,)
        self._chosen = self._choice()

    def refresh(self) -> None:
        """Take up what was chosen in another window."""
        try:
            found = self._path.stat()
        except OSError:
            return
        # A new content comes as a new file; the number of one that is gone may come again.
        seen = (found.st_mtime_ns, found.st_ino)
        if seen != self._seen:
            self._seen = seen
            kept = self._read()
            # Somebody chose, and perhaps off: until they choose again, no code is recorded.
            self._choices = UNKNOWN if kept is None else kept.get("workspaces", {})
            self._chosen = self._choice()

    def choose(self, level: FeedbackLevel) -> FeedbackLevel:
        """Remember the user's choice for the folders of this window; what it comes to."""
        with self._alone():
            if (kept := self._read()) is None:
                kept = {"workspaces": UNKNOWN}
            chosen = {name_of(folder): level.value for folder in self._folders}
            self._choices = {**self._choices, **kept.get("workspaces", {}), **chosen}
            self._chosen = self._choice()
            self._write(kept | {"workspaces": self._choices})
        return self.level

    def capped(self, emit: Callable[..., None]) -> Callable[..., None]:
        """Return `emit` for what is allowed by then, whatever it was when the suggestion was
        made; what `emit` is told besides the finding is passed on."""

        def emit_less(finding: Finding, *more: object) -> None:
            emit(replace(finding, level=lowest(finding.level, self.level)), *more)

        return emit_less

    def asked(
        self, ask: Callable[[SuggestRequest], Awaitable[Answer]]
    ) -> Callable[[SuggestRequest], Awaitable[Answer]]:
        """Return `ask` for what is allowed when a request leaves, however long it waited."""

        def ask_less(request: SuggestRequest) -> Awaitable[Answer]:
            self.refresh()
            level = lowest(request.level, self.level)
            return ask(request.model_copy(update={"level": level}))

        return ask_less

    def describe(self, url: str) -> dict[str, Any]:
        """Return what is recorded, where it goes, and who decided it."""
        return {
            "level": self.level.value,
            "recorded": RECORDED[self.level],
            "goes_to": url,
            "configured": self.configured.value,
            "workspace": self._chosen and self._chosen.value,
            "gateway_allows": self._allowed().value,
        }

    def news(self, url: str) -> str | None:
        """Return what the user has not been told yet: once per gateway, and again should more
        be recorded than they know of."""
        if self._told == (url, self.level):
            return None
        self._told = (url, self.level)
        with self._alone():
            if (kept := self._read()) is None:
                return (
                    f"Hone cannot read what was chosen in {self._path}, and records no code until "
                    "you choose again by the command hone.feedback (off, facts or full)."
                )
            told = kept.get("told", {})
            known = _level(told.get(url))
            if known is not None and LEVELS.index(known) >= LEVELS.index(self.level):
                return None
            self._write(kept | {"told": told | {url: self.level.value}})
        return NEWS[self.level].format(url=url)

    def _within(self, chosen: FeedbackLevel | None) -> FeedbackLevel:
        return lowest(self.configured, chosen or FeedbackLevel.FULL, self._allowed())

    def _choice(self) -> FeedbackLevel | None:
        around = (self._choice_of(self._around(folder)) for folder in self._folders)
        chosen = [choice for choice in around if choice is not None]
        return lowest(*chosen) if chosen else None

    def _choice_of(self, names: Iterable[str]) -> FeedbackLevel | None:
        """Return the lowest choice for a folder and those above it, by their names."""
        said = [choice for name in names if (choice := _level(self._choices.get(name)))]
        return lowest(*said) if said else _level(self._choices.get(ANYWHERE))

    def _around(self, folder: Path | None) -> tuple[str, ...]:
        if folder not in self._names:
            self._names[folder] = names_around(folder)
        return self._names[folder]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other windows from changing the file between what is read and what is written."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            log.warning("other windows' choices of feedback cannot be waited for: %s", error)
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _read(self) -> dict[str, Any] | None:
        """Return the file's content; None where it cannot be told, which is not to be made up."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("the choices of feedback in %s cannot be read: %s", self._path, error)
            return None
        fits = isinstance(found, dict) and all(isinstance(part, dict) for part in found.values())
        return found if fits else None

    def _write(self, kept: dict[str, Any]) -> None:
        try:
            replace_file(self._path, json.dumps(kept).encode())
        except OSError as error:
            log.warning("the choice of feedback cannot be kept: %s", error)


def _level(value: object) -> FeedbackLevel | None:
    return FeedbackLevel(value) if value in {level.value for level in LEVELS} else None

"""What the user allows to be recorded, here and in this workspace, and whether they were told.

The configuration says the most that may be recorded; a workspace's own choice and the gateway's
administrator can only lower it. The choice is kept in the user's state folder, never in files of
the workspace. Knows levels and the file. Does not know who asks or how a user is told.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from feedback_store.events import FeedbackLevel, SuggestRequest
from lsp.files import replace_file
from lsp.findings import Finding

FILE = "consent.json"
LEVELS = (FeedbackLevel.OFF, FeedbackLevel.FACTS, FeedbackLevel.FULL)
RECORDED = {
    FeedbackLevel.FULL: "the code around each suggestion and what became of it",
    FeedbackLevel.FACTS: "what became of each suggestion, but no code",
    FeedbackLevel.OFF: "nothing",
}
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
    """The user's choice for one workspace. Where the file cannot be written, what is chosen
    holds for this run; where it cannot be read, no code is recorded until the user chooses."""

    def __init__(
        self,
        configured: FeedbackLevel,
        workspace: str,
        folder: Path,
        allowed: Callable[[], FeedbackLevel],
    ) -> None:
        self.configured = configured
        self._workspace = workspace
        self._path = folder / FILE
        self._allowed = allowed
        self._chosen: FeedbackLevel | None = None
        self._seen: tuple[int, int] | None = None
        self.refresh()

    @property
    def level(self) -> FeedbackLevel:
        """What may be recorded now."""
        return lowest(self.configured, self._chosen or FeedbackLevel.FULL, self._allowed())

    def refresh(self) -> None:
        """Take up what was chosen in another window on this workspace."""
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
            choices = UNKNOWN if kept is None else kept.get("workspaces", {})
            chosen = choices.get(self._workspace, choices.get(ANYWHERE))
            self._chosen = _level(chosen) or self._chosen

    def choose(self, level: FeedbackLevel) -> FeedbackLevel:
        """Remember the user's choice for this workspace; what it comes to."""
        self._chosen = level
        if (kept := self._read()) is None:
            kept = {"workspaces": UNKNOWN}
        choices = kept.get("workspaces", {}) | {self._workspace: level.value}
        self._write(kept | {"workspaces": choices})
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
        if (kept := self._read()) is None:
            return (
                f"Hone cannot read what was chosen in {self._path}, and records no code until you "
                "choose again by the command hone.feedback (off, facts or full)."
            )
        told = kept.get("told", {})
        known = _level(told.get(url))
        if known is not None and LEVELS.index(known) >= LEVELS.index(self.level):
            return None
        self._write(kept | {"told": told | {url: self.level.value}})
        return (
            f"Hone records {RECORDED[self.level]} at {url}, to learn from it (feedback.level = "
            f"{self.level.value}). For less, set feedback.level to facts (no code) or off in your "
            "lsp.toml, or run the command hone.feedback with one of them in this workspace."
        )

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
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path, json.dumps(kept).encode())
        except OSError as error:
            log.warning("the choice of feedback cannot be kept: %s", error)


def _level(value: object) -> FeedbackLevel | None:
    return FeedbackLevel(value) if value in {level.value for level in LEVELS} else None

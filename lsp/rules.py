"""What a run does when the rules may have changed of what may be sent: it looks, forgets, and
records less.

Knows when to look again, who remembers something of a document, and what the user was told of
rules that cannot be used. Does not know what the rules say (that is `lsp.folders`).
"""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

from feedback_store.events import FeedbackLevel
from lsp.documents import Documents
from lsp.engine import Engine
from lsp.folders import EDITORCONFIG, Sight
from lsp.history import History
from lsp.observation import Observation

UNNOTICED_S = 1.0
"""How long a file of rules that changed on disk may go unnoticed."""


class Rules:
    """The rules as this run has last seen them."""

    def __init__(
        self, documents: Documents, history: History, engine: Engine, observation: Observation
    ) -> None:
        self._documents = documents
        self._folders = documents.folders
        self._history = history
        self._engine = engine
        self._observation = observation
        self._looked_at = 0.0
        self._warned: set[str] = set()

    async def refresh(self) -> None:
        """Look at the rules again, unless that was just done; files are read off the loop."""
        before = self._looked_at
        if time.monotonic() - before > UNNOTICED_S:
            sight = await asyncio.to_thread(self._folders.look, self._documents.known)
            # Whoever obeyed meanwhile, such as on a save, may have seen later rules.
            if self._looked_at == before:
                self.obey(sight)

    def obey(self, sight: Sight | None = None) -> None:
        """Forget what may no longer be sent, and record no text of what is still observed there;
        without a look's result, look first."""
        self._looked_at = time.monotonic()
        sight = sight or self._folders.look(self._documents.known)
        for refused in self._documents.reconsider(sight):
            self._history.forget(refused)
            self._engine.excluded(refused)
            self._observation.lower(FeedbackLevel.FACTS, refused)

    def saved(self, uri: str) -> None:
        """A file was saved, which may hold rules."""
        styles = uri.endswith(f"/{EDITORCONFIG}")
        self.obey(self._folders.look(self._documents.known, styles=styles))

    def folders_changed(self, added: Iterable[Path], removed: Iterable[Path]) -> None:
        """The workspace has other folders."""
        self._folders.change(added, removed)
        self.obey(self._folders.look(self._documents.known, styles=True))

    def warnings(self) -> list[str]:
        """Return what the user was not told yet."""
        new = [said for said in self._folders.problems if said not in self._warned]
        self._warned.update(new)
        return new

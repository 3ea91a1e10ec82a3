"""What a run does when the rules change of what may be sent: it forgets, and records less.

Knows who remembers something of a document. Does not know the rules (that is `lsp.exclude`).
"""

import asyncio
import time
from collections.abc import Mapping

from feedback_store.events import FeedbackLevel
from lsp.documents import Documents, Place
from lsp.engine import Engine
from lsp.history import History
from lsp.observation import Observation

UNNOTICED_S = 1.0
"""How long an ignore file that changed on disk may go unnoticed."""


class Rules:
    """The rules as this run has last seen them."""

    def __init__(
        self, documents: Documents, history: History, engine: Engine, observation: Observation
    ) -> None:
        self._documents = documents
        self._history = history
        self._engine = engine
        self._observation = observation
        self._looked_at = 0.0

    async def refresh(self) -> None:
        """Look at the rules again, unless that was just done; files are read off the loop."""
        if time.monotonic() - self._looked_at > UNNOTICED_S:
            known = self._documents.known
            self.obey(await asyncio.to_thread(self._documents.places, known))

    def obey(self, places: Mapping[str, Place] | None = None) -> None:
        """Forget what may no longer be sent, and record no text of what is still observed there."""
        self._looked_at = time.monotonic()
        for refused in self._documents.reconsider(places):
            self._history.forget(refused.path)
            self._engine.closed(refused.uri)
            self._observation.lower(FeedbackLevel.FACTS, refused.uri)

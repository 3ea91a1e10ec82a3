"""What a run does when the rules may have changed of what may be sent: it looks, forgets, and
records less.

Files are read apart from the main thread, since that can take any time; whoever is to send
something waits for a look that is new enough. Knows when to look again, who remembers something
of a document, and what the user was told of rules that cannot be used. Does not know what the
rules say (that is `lsp.folders`).
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from feedback_store.events import FeedbackLevel
from lsp.apart import apart
from lsp.documents import UNKNOWN, Documents
from lsp.engine import Engine
from lsp.folders import EDITORCONFIG, Sight
from lsp.history import History
from lsp.observation import Observation

UNNOTICED_S = 1.0
"""How long a file of rules that changed on disk may go unnoticed."""


class Rules:
    """The rules as this run has last seen them."""

    def __init__(
        self,
        documents: Documents,
        history: History,
        engine: Engine,
        observation: Observation,
        admitted: Callable[[str], None],
    ) -> None:
        self._documents = documents
        self._folders = documents.folders
        self._history = history
        self._engine = engine
        self._observation = observation
        self._admitted = admitted
        """Called with each document of which it becomes known that it may be sent."""
        self._called_for = self._seen = 0
        """How often something happened that calls for a look, and how much of it was seen."""
        self._looked_at = -math.inf
        self._unstyled: set[str] = set()
        self._looking: asyncio.Task[None] | None = None
        self._warned: set[str] = set()
        self._warn: Callable[[str], None] | None = None

    async def refresh(self) -> None:
        """Return once all documents were looked at since anything happened that may matter to
        them, and not long ago. May take any time."""
        since = time.monotonic() - UNNOTICED_S
        while self._seen < self._called_for or self._looked_at < since:
            await asyncio.shield(self._begin())

    def look_again(self, unstyled: Iterable[str] = ()) -> None:
        """Something may have changed: begin to look, and let those who ask wait for it."""
        self._called_for += 1
        self._unstyled.update(unstyled)
        self._begin()

    def saved(self, uri: str) -> None:
        """A file was saved, which may hold rules."""
        self.look_again(self._documents.known if uri.endswith(f"/{EDITORCONFIG}") else ())

    def folders_changed(self, added: Iterable[Path], removed: Iterable[Path]) -> None:
        """The workspace has other folders."""
        self._folders.change(added, removed)
        self.look_again(self._documents.known)

    def warn_by(self, warn: Callable[[str], None]) -> None:
        """From now on the user can be told of rules that cannot be used."""
        self._warn = warn
        self._tell()

    def _begin(self) -> asyncio.Task[None]:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
            # What goes wrong concerns whoever waits; but perhaps nobody does.
            self._looking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._looking

    async def _look(self) -> None:
        begun, seen = time.monotonic(), self._called_for
        unstyled = set(self._unstyled)
        look = partial(self._folders.look, self._documents.known, unstyled)
        self._obey(await apart(look))
        self._unstyled -= unstyled
        self._looked_at, self._seen = begun, seen
        if self._seen < self._called_for:
            # Nobody may be waiting for what was called for meanwhile.
            asyncio.get_running_loop().call_soon(self._begin)

    def _obey(self, sight: Sight) -> None:
        """Forget what may no longer be sent, and record no text of what is still observed there."""
        new = [uri for uri in sight.places if self._documents.place(uri)[1] == UNKNOWN]
        for refused in self._documents.reconsider(sight):
            self._history.forget(refused)
            self._engine.excluded(refused)
            self._observation.lower(FeedbackLevel.FACTS, refused)
        for uri in new:
            if not self._documents.place(uri)[1]:
                self._admitted(uri)
        self._tell()

    def _tell(self) -> None:
        """Tell the user what they were not told yet."""
        if self._warn is None:
            return
        for said in self._folders.problems:
            if said not in self._warned:
                self._warned.add(said)
                self._warn(said)

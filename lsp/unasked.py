"""Suggestions for clients that never ask: after an edit and a pause, the session is asked at the
place of the edit, and code actions, hints and lenses find the answer on offer.

Knows what was edited last. Does not know how long a pause is (lsp.pace), nor which clients these
are (lsp.hints).
"""

import asyncio
from collections.abc import Sequence

from feedback_store.events import Trigger
from lsp.document import Position, normalise
from lsp.documents import Edit
from lsp.positions import Encoding, from_code_points
from lsp.session import Session


class Unasked:
    """Asks for the newest edit's place; an older question is given up."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being asked."""
        return self._task is not None and not self._task.done()

    def edited(self, uri: str, edits: Sequence[Edit]) -> None:
        """The user edited a document."""
        opened = self._session.documents.get(uri)
        if edits and opened is not None:
            place = end_of(edits[-1], self._session.documents.encoding) or (opened.touched, 0)
            self.end()
            self._task = asyncio.create_task(self._ask(uri, place))

    def end(self) -> None:
        """Give up what is being asked."""
        if self._task is not None:
            self._task.cancel()

    async def _ask(self, uri: str, place: Position) -> None:
        if await self._session.paused(uri, asked=False):
            await self._session.suggest(uri, None, place, Trigger.AUTOMATIC, anywhere=True)


def end_of(edit: Edit, encoding: Encoding) -> Position | None:
    """Return where an edit ends, in the client's units; None if the client sent a whole text."""
    if edit.start is None:
        return None
    (line, column), lines = edit.start, normalise(edit.text).split("\n")
    width = from_code_points(lines[-1], len(lines[-1]), encoding)
    return line + len(lines) - 1, width + (column if len(lines) == 1 else 0)

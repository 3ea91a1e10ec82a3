"""Suggestions for clients that never ask: after an edit and a pause, the session is asked at the
place of the edit, and code actions, hints and lenses find the answer on offer.

Their menu of code actions can ask as well, but waits for all servers, so it is not kept for long:
what comes later is on offer at the next look. Knows what was edited and asked last. Does not know
how long a pause is (lsp.pace), nor which clients these are (lsp.hints).
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from feedback_store.events import Reason, Trigger
from lsp.document import Position, normalise
from lsp.documents import Edit, Opened
from lsp.gateway import Silence
from lsp.positions import Encoding, from_code_points
from lsp.session import Session
from lsp.watch import Watch

Found = tuple[Opened, Watch] | Silence
Menu = tuple[str, int, Position]
"""Where one was opened: document, version, cursor."""


class Unasked:
    """Asks for the newest edit's place, and for the newest menu's; older questions are given up."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._task: asyncio.Task[None] | None = None
        self._menu: Menu | None = None
        self._answer: asyncio.Task[Found] | None = None
        """What is found for the menu."""
        self._waiting: Counter[asyncio.Task[Found]] = Counter()
        """How many menus wait for an answer: a client may open the same one twice."""

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

    async def in_menu(self, uri: str, place: Position, patience_ms: float) -> Found:
        """Return the edit for a menu that the user opened, asked for now or at an earlier look;
        after `patience_ms` it is looked for without the menu."""
        answer = self._looked_for(uri, place)
        self._waiting[answer] += 1
        try:
            await asyncio.wait({answer}, timeout=patience_ms / 1000.0)
        except asyncio.CancelledError:
            if self._waiting[answer] == 1:
                answer.cancel()
            raise
        finally:
            self._waiting -= Counter({answer: 1})  # those at zero are dropped
        if not answer.done():
            return Silence(Reason.DEADLINE, f"the menu waits no longer than {patience_ms:g} ms")
        if answer.cancelled():
            return Silence(Reason.CANCELLED, "a newer question took its place")
        return answer.result()

    def end(self) -> None:
        """Give up what is being asked."""
        for task in (self._task, self._answer):
            if task is not None:
                task.cancel()

    def _looked_for(self, uri: str, place: Position) -> asyncio.Task[Found]:
        document = self._session.documents.document(uri)
        menu = (uri, document.version if document else 0, place)
        if self._answer is None or menu != self._menu or not self._holds(self._answer):
            if self._answer is not None:
                self._answer.cancel()
            asked = self._session.suggest(uri, None, place, Trigger.INVOKED, anywhere=True)
            self._menu, self._answer = menu, asyncio.create_task(asked)
        return self._answer

    def _holds(self, answer: asyncio.Task[Found]) -> bool:
        """Whether it is still to come, or came and is on offer."""
        if not answer.done():
            return True
        if answer.cancelled() or answer.exception():
            return False
        found = answer.result()
        return not isinstance(found, Silence) and bool(
            self._session.offered(found[1].suggestion_id)
        )

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

"""What goes to the gateway is looked at for keys first, line by line, off the main thread.

Lines are looked at when they are opened or typed, and remembered by hash, so that a request finds
its own known; it waits for those that are not. Knows the texts of requests and which lines hold
keys. Does not know what a key looks like (`feedback_store.detector`), documents, or the gateway.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from feedback_store.detector import bodies, essence, holds_key, texts_in
from feedback_store.events import Reason, SuggestRequest, SuggestResponse
from lsp.gateway import Silence

KEPT = 16_384
"""Lines remembered: a dozen files. One that is forgotten is looked at again."""
SLICE = 32
REST_S = 0.0005
"""After so many lines, half a millisecond's work, the thread lets the main thread run."""
log = logging.getLogger(__name__)

Ask = Callable[[SuggestRequest], Awaitable[SuggestResponse | Silence]]
Report = Callable[[bool], None]


class Screen:
    """Which lines hold keys. Its thread begins with the first line."""

    def __init__(self, holds_key: Callable[[str], bool] = holds_key, kept: int = KEPT) -> None:
        self._holds_key = holds_key
        self._kept = kept
        self._known: dict[int, bool] = {}
        """By the line's hash; only the thread writes."""
        self._urgent: deque[tuple[list[str], Report]] = deque()
        self._idle: deque[str] = deque(maxlen=kept)
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def glance(self, lines: Iterable[str]) -> None:
        """Look at lines when there is time; returns at once."""
        with self._news:
            self._idle.extend(lines)
            self._wake()

    async def holds(self, lines: Iterable[str]) -> bool:
        """Whether one of the lines holds a key; waits until all have been looked at."""
        wanted = list(filter(None, map(essence, lines)))
        verdicts = [self._known.get(hash(line)) for line in wanted]
        if None not in verdicts or True in verdicts:
            return True in verdicts
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()

        def report(verdict: bool) -> None:
            loop.call_soon_threadsafe(_answer, answer, verdict)

        missing = [line for line, known in zip(wanted, verdicts, strict=True) if known is None]
        with self._news:
            self._urgent.append((missing, report))
            self._wake()
        return await answer

    def close(self) -> None:
        """End the thread."""
        with self._news:
            self._closed = True
            self._news.notify()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="screen", daemon=True)
            self._thread.start()
        self._news.notify()

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._closed or self._urgent or self._idle)
                if self._closed:
                    return
                asked = self._urgent.popleft() if self._urgent else None
                some = 0 if asked else min(SLICE, len(self._idle))
                glanced = [self._idle.popleft() for _ in range(some)]
            if asked:
                self._report(*asked)
            else:
                for line in filter(None, map(essence, glanced)):
                    self._look(line)
                time.sleep(REST_S)

    def _report(self, lines: list[str], report: Report) -> None:
        verdict = any(self._look(line) for line in lines)
        try:
            report(verdict)
        except RuntimeError:
            log.debug("whoever asked is gone")

    def _look(self, line: str) -> bool:
        name = hash(line)
        known = self._known.get(name)
        if known is None:
            try:
                known = self._holds_key(line)
            except Exception:
                log.exception("a line cannot be looked at, so it is not sent")
                known = True
            self._known[name] = known
            if len(self._known) > self._kept:
                del self._known[next(iter(self._known))]
        return known


def guarded(screen: Screen, ask: Ask) -> Ask:
    """Return `ask` with every text of the request looked at first. What a request can do
    without is left out; where the code at the cursor holds a key, nothing is asked."""

    async def ask_cleanly(request: SuggestRequest) -> SuggestResponse | Silence:
        context = request.context
        code = context.prefix, context.region, context.suffix
        if await screen.holds(_lines(*code)):
            return Silence(Reason.EXCLUDED, "there is a key in the code around the cursor")
        extras = {
            "recent_edits": [(edit, bodies(edit.diff)) for edit in context.recent_edits],
            "diagnostics": [(one, _lines(one.message)) for one in context.diagnostics],
            "excerpts": [(one, _lines(one.text)) for one in context.excerpts],
        }
        clean: dict[str, Any] = {
            name: tuple([extra for extra, lines in found if not await screen.holds(lines)])
            for name, found in extras.items()
        }
        request = request.model_copy(update={"context": context.model_copy(update=clean)})
        looked_at = {"prefix", "region", "suffix", *extras}
        rest = request.model_dump(exclude={"context": looked_at})
        if await screen.holds(_lines(*texts_in(rest))):
            return Silence(Reason.EXCLUDED, "there is a key in what would be sent")
        return await ask(request)

    return ask_cleanly


def _lines(*texts: str) -> list[str]:
    return [line for text in texts for line in text.split("\n")]


def _answer(future: "asyncio.Future[bool]", verdict: bool) -> None:
    if not future.done():
        future.set_result(verdict)

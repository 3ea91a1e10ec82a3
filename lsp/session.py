"""One run of the language server: what each of its events does.

Knows who needs to hear of what. Does not know how the parts come about (lsp.assembly), LSP's
messages (lsp.app) or any algorithm. No method raises for want of a gateway.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from feedback_store.events import Client, FeedbackLevel, Reason, Trigger
from lsp.alternatives import turn
from lsp.assembly import Assembly
from lsp.config import Settings
from lsp.document import Change, Position
from lsp.documents import Edit, Opened
from lsp.gateway import Gateway, Silence
from lsp.positions import Encoding
from lsp.query import Query
from lsp.quirks import ends_otherwise
from lsp.watch import Watch
from lsp.wish import NOTHING, Wish

EXIT_FLUSH_S = 1.0
log = logging.getLogger(__name__)


class Session:
    """The state behind one editor's connection."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        client: Client,
        folders: Sequence[Path],
        encoding: Encoding,
        clock: Callable[[], float] = time.monotonic,
        gateway: Gateway | None = None,
    ) -> None:
        self.settings = settings
        parts = Assembly(settings, environ, client, folders, encoding, clock, gateway)
        self.gateway = parts.gateway
        self.documents = parts.documents
        self.reporter, self.leftovers = parts.reporter, parts.leftovers
        self.consent, self.pace = parts.consent, parts.pace
        self.observation = parts.observation
        self.tracker, self.aftermath = self.observation.tracker, self.observation.aftermath
        self.history = parts.history
        self.ahead, self.engine = parts.ahead, parts.engine
        self.rules = parts.rules
        self.surroundings = parts.asking.surroundings
        self._asking = parts.asking
        self._elsewhere = parts.elsewhere
        self._screen = parts.screen
        self._clock = clock
        self.silences: Counter[str] = Counter()
        self.last_silence: Silence | None = None
        """Why nothing was shown last; None once something was."""
        self._hear_greetings: Callable[[], None] = lambda: None
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None

    @property
    def level(self) -> FeedbackLevel:
        """What may be recorded: the user's choice, which a gateway may lower."""
        return self.consent.level

    def choose_level(self, level: FeedbackLevel) -> FeedbackLevel:
        """Take the user's choice for this workspace, also for what is being observed."""
        now = self.consent.choose(level)
        self.observation.lower(now)
        self.leftovers.stir()
        return now

    def start(self) -> None:
        """Begin to greet the gateway, to deliver, to look at the rules, and to let time pass."""
        self.rules.look_again()
        loops = (
            self.observation.pass_time(),
            self.observation.watch_branches(),
            self.gateway.stay_in_touch(self._greeted),
            self.reporter.deliver(self.gateway),
            self.leftovers.tend(self.gateway),
            self.reporter.keep_synced(),
            self.surroundings.follow(),
        )
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    def when_greeted(self, hear: Callable[[], None]) -> None:
        """Call `hear` now and after each greeting, whether or not the gateway answered."""
        self._hear_greetings = hear
        hear()

    def opened(self, uri: str, language: str, version: int, text: str) -> None:
        """The editor opened a document; one that it never closed is closed first."""
        if self.documents.get(uri) is not None:
            self.closed(uri)
        self.history.seal()
        opened = self.documents.open(uri, language, version, text)
        self.rules.look_again([uri])
        if opened.remembered:
            self._screen.glance(opened.document.lines)
        self.surroundings.opened(uri)

    def changed(self, uri: str, version: int, edits: Sequence[Edit]) -> None:
        """The editor changed a document."""
        if (opened := self.documents.get(uri)) is None:
            return
        now = self._clock()
        self.pace.typed(now)
        self.tracker.changed(uri, self._recorded(opened, version, edits, now), now)
        self.observation.stir()

    def saved(self, uri: str, text: str | None) -> None:
        """The editor saved a document; its text, if sent, is the truth."""
        opened = self.documents.get(uri)
        if opened and text is not None:
            same = self.documents.compare(opened, text)
            if not same:
                self.tracker.bulk_rewritten(uri)
            if not same or ends_otherwise(text, opened.document.text):
                self.changed(uri, opened.document.version, [Edit(text)])
            opened.document.trusted = True
        self.rules.saved(uri)

    def folders_changed(self, added: Iterable[Path], removed: Iterable[Path]) -> None:
        """The window is on other folders."""
        self.rules.folders_changed(added, removed)
        roots = self.documents.folders.roots
        self.consent.work_in(roots)
        self.reporter.belong_to(roots)
        self.observation.heed()

    def closed(self, uri: str) -> None:
        """The editor closed a document."""
        self.surroundings.closed(self.documents.get(uri))
        self.observation.closed(uri)
        self.documents.close(uri)
        self.engine.closed(uri)
        self.observation.stir()

    def shown(self, suggestion_id: str) -> None:
        """The editor says that it shows a suggestion."""
        self.tracker.shown(suggestion_id)
        self.observation.stir()

    def partly_accepted(self, suggestion_id: str) -> None:
        """The editor says that the user took a part."""
        self.tracker.partly_accepted(suggestion_id)
        self.observation.stir()

    def accepted(self, suggestion_id: str, *, by_client: bool = True) -> bool:
        """The editor reports an accept, or applied one that the server sent."""
        taken = self.tracker.accepted(suggestion_id, self._clock(), by_client=by_client)
        self.observation.stir()
        return taken

    def dismissed(self, suggestion_id: str | None) -> int:
        """The user dismissed one suggestion, or all that are on offer; how many. One that the
        client draws although it has settled does not come back either."""
        every = [watch.suggestion_id for watch in self.tracker.watches if watch.on_offer]
        names = every if suggestion_id is None else [suggestion_id]
        tracker, now = self.tracker, self._clock()
        found = [name for name in names if tracker.dismissed(name, now) or not tracker.taken(name)]
        known = sum([self.engine.dismissed(name) for name in found])
        self.observation.stir()
        return known

    async def suggest(
        self,
        uri: str,
        version: int | None,
        position: Position,
        trigger: Trigger,
        wish: Wish = NOTHING,
        *,
        anywhere: bool = False,
    ) -> tuple[Opened, Watch] | Silence:
        """Return an edit on offer for a cursor in the client's units, or why there is none.

        One from `anywhere` may be away from the cursor, and in another document. Whoever gives
        it to the client says so by `deliver`: not every client can show every edit.
        """
        self.documents.used(uri)
        self.ahead.look(self._asking.level)
        query = await self._asking.query(uri, version, position, trigger, wish)
        found = query if isinstance(query, Silence) else await self._suggest(query, anywhere)
        if isinstance(found, Silence):
            self.silent(found)
        elif self.settings.suggest.ahead:
            self.engine.offered(found[1])
        self.observation.announce()
        # The answer goes first: what is kept on disk may take longer than the whole request.
        asyncio.get_running_loop().call_later(0, self.observation.stir)
        return found

    def deliver(self, watch: Watch) -> None:
        """The client gets this edit."""
        self.last_silence = None
        if not watch.delivered:
            self.tracker.delivered(watch, self._clock())

    def silent(self, silence: Silence) -> None:
        """The client gets nothing, and why: for the status and the log."""
        self.last_silence = silence
        self.silences[silence.reason.value] += 1
        log.info("silent: %s", f"{silence.reason}: {silence.detail}".rstrip(": "))

    def turned(self, watch: Watch, other: Watch) -> None:
        """The user leafs from one alternative to another."""
        turn(watch, other, self._clock())
        self.observation.stir()

    def refused(self, watch: Watch, detail: str) -> None:
        """The editor did not apply an edit: it stays on offer, and its outcome will say so."""
        watch.reason = Reason.EDIT_REFUSED
        self.silent(Silence(Reason.EDIT_REFUSED, detail))
        self.observation.stir()

    async def paused(self, uri: str, *, asked: bool = True) -> bool:
        """Wait as long as the next key may take; whether none came. A client that `asked` may
        have waited already."""
        document = self.documents.document(uri)
        version = document.version if document else 0
        await asyncio.sleep(self.pace.wait_ms(self._clock(), asked=asked) / 1000.0)
        if document is None or document.version == version:
            return True
        self.silent(Silence(Reason.DOCUMENT_MOVED, "the user types on"))
        return False

    def cached(self, uri: str, line: int) -> tuple[Opened, Watch] | None:
        """Return what is on offer at a line already, without asking anybody."""
        opened = self.documents.get(uri)
        if opened is None or opened.silence:
            return None
        watch = self.engine.on_offer(uri, opened.document.version, line)
        return (opened, watch) if watch else None

    def offered(self, suggestion_id: str | None) -> tuple[Opened, Watch] | None:
        """Return a suggestion that is on offer; without an id, the newest one."""
        for watch in reversed(self.tracker.watches):
            if suggestion_id in (None, watch.suggestion_id) and watch.on_offer:
                found = self.cached(watch.uri, watch.region.first)
                if found and found[1] is watch:
                    return found
        return None

    async def shutdown(self) -> None:
        """End in order: settle everything, and give the gateway a moment to take it. An end may
        be told more than once, and nobody who waits for it ends it early."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        self.settle()
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_FLUSH_S):
                await self.reporter.flush(self.gateway)
        await self.gateway.close()
        self._screen.close()

    def settle(self) -> None:
        """Settle everything; no gateway is needed for this."""
        self.ahead.drop()
        self.observation.settle()

    def _greeted(self) -> None:
        self.surroundings.greeted()
        self.leftovers.greeted(self.gateway)
        self._hear_greetings()

    async def _suggest(self, query: Query, anywhere: bool) -> tuple[Opened, Watch] | Silence:
        source = self._elsewhere if anywhere else self.engine
        found = await source.suggest(query)
        if isinstance(found, Silence):
            return found
        opened = self.documents.get(found.uri)
        holds = found.on_offer and self.engine.holds(found)
        if opened is None or opened.silence or not holds:
            return Silence(Reason.DOCUMENT_MOVED, "the document changed meanwhile")
        return opened, found

    def _recorded(
        self, opened: Opened, version: int, edits: Sequence[Edit], now: float
    ) -> Iterator[tuple[Change, list[str]]]:
        """Apply edits and write them into the history, unless the file is none of its business."""
        for change, lines in self.documents.change(opened, version, edits):
            if opened.remembered:
                self._screen.glance(change.new)
                self.history.record(opened.document.uri, opened.path, change, lines, now)
            self.surroundings.changed(opened.document.uri, change)
            yield change, lines

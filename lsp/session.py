"""One run of the language server: what each of its events does.

Knows who needs to hear of what, and the clocks. Does not know LSP's messages (that is
`lsp.app`) or any algorithm. No method raises for want of a gateway.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from feedback_store.events import Client, FeedbackLevel, Reason, Trigger
from lsp.alternatives import turn
from lsp.assembly import assemble
from lsp.branch import BranchWatch
from lsp.config import Settings
from lsp.consent import lowest
from lsp.document import Change, Position
from lsp.documents import Edit, Opened
from lsp.engine import Query
from lsp.gateway import Silence
from lsp.positions import Encoding
from lsp.quirks import same_text
from lsp.watch import Watch
from lsp.wish import NOTHING, Wish

EXIT_FLUSH_S = 1.0
KEEP_S = 0.25
"""How old the texts kept for the case of a crash may be."""
BRANCH_S = 1.0
GREET_AGAIN_S = 5.0


class Session:
    """The state behind one editor's connection."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        client: Client,
        folders: Sequence[Path],
        encoding: Encoding,
    ) -> None:
        self.settings = settings
        parts = assemble(settings, environ, client, folders, encoding)
        self.gateway = parts.gateway
        self.documents = parts.documents
        self.reporter = parts.reporter
        self.consent = parts.consent
        self.tracker = parts.tracker
        self.engine = parts.engine
        self.history = parts.history
        self.rules = parts.rules
        self.surroundings = parts.asking.surroundings
        self._screen = parts.screen
        self._asking = parts.asking
        self._elsewhere = parts.elsewhere
        self.silences: Counter[str] = Counter()
        self.last_silence: Silence | None = None
        self.listeners: list[Callable[[], None]] = []
        """Called whenever something may have changed what is on offer, or where."""
        self._branches = BranchWatch()
        self._wake = asyncio.Event()
        self._kept: tuple[object, ...] = ()
        self._kept_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def level(self) -> FeedbackLevel:
        """What may be recorded: the user's choice, which a gateway may lower."""
        return self.consent.level

    def choose_level(self, level: FeedbackLevel) -> FeedbackLevel:
        """Take the user's choice for this workspace, also for what is being observed."""
        now = self.consent.choose(level)
        for watch in self.tracker.watches:
            watch.level = lowest(watch.level, now)
        self._keep()
        return now

    def start(self) -> None:
        """Begin to greet the gateway, to deliver, and to let time pass."""
        loops = (
            self._pass_time(),
            self._stay_in_touch(),
            self.reporter.deliver(self.gateway),
            self.surroundings.follow(),
        )
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    def opened(self, uri: str, language: str, version: int, text: str) -> None:
        """The editor opened a document; one that it never closed is closed first."""
        if self.documents.get(uri) is not None:
            self.closed(uri)
        self.history.seal()
        opened = self.documents.open(uri, language, version, text)
        if not opened.silence:
            self._screen.glance(opened.document.lines)
        self.surroundings.opened(uri)

    def changed(self, uri: str, version: int, edits: Sequence[Edit]) -> None:
        """The editor changed a document."""
        opened = self.documents.get(uri)
        if opened is None:
            return
        now = time.monotonic()
        self.tracker.changed(uri, self._recorded(opened, version, edits, now), now)
        self._stir()

    def saved(self, uri: str, text: str | None) -> None:
        """The editor saved a document; its text, if sent, is the truth."""
        opened = self.documents.get(uri)
        kept = opened is not None and not opened.document.oversized
        if opened and kept and text is not None:
            if not same_text(text, opened.document.text):
                self.tracker.bulk_rewritten(uri)
                self.changed(uri, opened.document.version, [Edit(text)])
            opened.document.trusted = True
        self.rules.saved(uri)

    def closed(self, uri: str) -> None:
        """The editor closed a document."""
        self.surroundings.closed(self.documents.get(uri))
        self.documents.close(uri)
        self.engine.closed(uri)
        self.tracker.closed(uri, time.monotonic())
        self._stir()

    def accepted(self, suggestion_id: str) -> bool:
        """The editor reports an accept."""
        taken = self.tracker.accepted(suggestion_id, time.monotonic())
        self._stir()
        return taken

    def dismissed(self, suggestion_id: str | None) -> int:
        """The user dismissed one suggestion, or all; how many were on offer."""
        names = (
            [suggestion_id] if suggestion_id else [w.suggestion_id for w in self.tracker.watches]
        )
        found = [w for name in names if (w := self.tracker.dismissed(name, time.monotonic()))]
        for watch in found:
            self.engine.dismissed(watch)
        self._stir()
        return len(found)

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

        One from `anywhere` may be away from the cursor, and in another document.
        """
        self.documents.used(uri)
        query = await self._asking.query(uri, version, position, trigger, wish)
        found = query if isinstance(query, Silence) else await self._suggest(query, anywhere)
        if isinstance(found, Silence):
            self._silent(found)
        self._stir()
        return found

    def turned(self, watch: Watch, other: Watch) -> None:
        """The user leafs from one alternative to another."""
        turn(watch, other, time.monotonic())
        self._stir()

    def refused(self, watch: Watch, detail: str) -> None:
        """The editor did not apply an edit: it stays on offer, and its outcome will say so."""
        watch.reason = Reason.EDIT_REFUSED
        self._silent(Silence(Reason.EDIT_REFUSED, detail))
        self._stir()

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
        """End in order: settle everything, and give the gateway a moment to take it."""
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
        self.tracker.exit(time.monotonic())
        self.reporter.remember(self.tracker.watches)

    async def _suggest(self, query: Query, anywhere: bool) -> tuple[Opened, Watch] | Silence:
        source = self._elsewhere if anywhere else self.engine
        found = await source.suggest(query)
        if isinstance(found, Silence):
            return found
        opened = self.documents.get(found.uri)
        if opened is None or not found.on_offer:
            return Silence(Reason.DOCUMENT_MOVED, "the document changed meanwhile")
        return opened, found

    def _recorded(
        self, opened: Opened, version: int, edits: Sequence[Edit], now: float
    ) -> Iterator[tuple[Change, list[str]]]:
        """Apply edits and write them into the history, unless the file is none of its business."""
        for change, lines in self.documents.change(opened, version, edits):
            if not opened.silence:
                self._screen.glance(change.new)
                self.history.record(opened.path, change, lines, now)
            self.surroundings.changed(opened.document.uri, change)
            yield change, lines

    def _stir(self) -> None:
        """Something happened: keep what matters at once, and look at the clock again."""
        watches = self.tracker.watches
        state = tuple((w.suggestion_id, w.outcome, w.settled, len(w.horizons)) for w in watches)
        if state != self._kept:
            self._keep()
            self._kept = state
        self._wake.set()
        for hear in self.listeners:
            hear()

    def _silent(self, silence: Silence) -> None:
        self.last_silence = silence
        self.silences[silence.reason.value] += 1

    def _keep(self) -> None:
        self._kept_at = time.monotonic()
        self.reporter.remember(self.tracker.watches)

    async def _pass_time(self) -> None:
        looked_at = 0.0
        while True:
            now = time.monotonic()
            if now - looked_at >= BRANCH_S:
                looked_at = now
                if self._branches.switched(self.documents.folders.roots):
                    self.tracker.branch_switched()
            watches, due = self.tracker.watches, self.tracker.due()
            if any(w.changed_at > self._kept_at for w in watches) and now > self._kept_at + KEEP_S:
                self._keep()
            if due is not None and due <= now:
                self.tracker.tick(now)
                self._stir()
                continue
            self._wake.clear()
            rest_s = KEEP_S if watches else BRANCH_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s if due is None else min(due - now, rest_s)):
                    await self._wake.wait()

    async def _stay_in_touch(self) -> None:
        """Greet until somebody answers, and now and then afterwards: the policy may change."""
        wait_s = 0.1
        while True:
            hello = await self.gateway.greet()
            self.surroundings.greeted()
            wait_s = GREET_AGAIN_S if hello else min(wait_s * 2, GREET_AGAIN_S)
            await asyncio.sleep(wait_s)

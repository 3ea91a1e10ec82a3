"""Feedback of other workspaces that no process has in hand any more: nobody may open those again.

Each folder is claimed for a moment: what is in it is closed, held to the level of its workspace as
it is now, held to its bounds, sent, and let go of, so that a window on that workspace finds the
rest. Knows spools. Does not look at files of other workspaces, which have rules of their own: what
was accepted there waits for their next window, and is given up, with its texts, when it is too old.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from feedback_store.events import FeedbackLevel
from lsp.apart import apart
from lsp.bounds import DAY_S
from lsp.config import SpoolSettings
from lsp.findings import Envelope, loss_in
from lsp.gateway import Gateway
from lsp.journal import snapshot_of_trail
from lsp.recovery import names, take_up, write
from lsp.sending import send_all
from lsp.spool import Spool, claim, holds_events, producers

EVERY_S = 600.0
log = logging.getLogger(__name__)


class Leftovers:
    """All that other workspaces' processes left below one folder."""

    def __init__(
        self,
        root: Path,
        envelope: Envelope,
        settings: SpoolSettings,
        level_of: Callable[[Iterable[str]], FeedbackLevel],
        shared: Callable[[list[Path]], None],
    ) -> None:
        self._root = root
        self._envelope = envelope
        self._settings = settings
        self._level_of = level_of
        self._shared = shared
        """Told now and then which folders the room is for."""
        self._news = asyncio.Event()
        self._sent = False
        """Whether the gateway was there for the last look."""

    def greeted(self, gateway: Gateway) -> None:
        """The gateway may be there now."""
        if gateway.hello is not None and not self._sent:
            self._news.set()

    def stir(self) -> None:
        """The user chose another level."""
        self._news.set()

    async def tend(self, gateway: Gateway) -> None:
        """Look after them, for ever."""
        while True:
            self._news.clear()
            # What is sent was held to the level that the gateway's administrator allows.
            self._sent = gateway.hello is not None
            with suppress(OSError):
                await self._look(gateway if self._sent else None)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._news.wait()

    async def _look(self, gateway: Gateway | None) -> None:
        folders, full = await apart(partial(_all_of, self._root))
        self._shared(full)
        # This window's own has a share whether or not anything is in it.
        room = int(self._settings.max_mb * 1e6 / (len(full) + 1))
        for folder in folders:
            if folder.parent.name != self._envelope.workspace:
                spool = await _unless_given_up(partial(self._claimed, folder, room))
                if spool is not None:
                    await _emptied(spool, gateway)

    def _claimed(self, folder: Path, room: int) -> Spool | None:
        """Claim a folder that nobody has, and see to it that nothing is in it that should not be;
        in any thread."""
        spool = claim(folder)
        if spool is None:
            return None
        try:
            level = self._level_of(spool.folders or [folder.parent.name])
            spool.lower(level)
            self._close(spool, level)
            now = time.time()
            loss = partial(loss_in, self._envelope, folder.parent.name, now)
            spool.keep_within(room, self._settings.max_days, now, loss)
        except OSError as error:
            log.warning("cannot look after the feedback in %s: %s", folder, error)
            spool.close()
            return None
        return spool

    def _close(self, spool: Spool, level: FeedbackLevel) -> None:
        """Close what was open, but for what can still be looked for."""
        closing, trails = take_up(spool, names([spool]), level)
        for finding, envelope in closing:
            write(spool, finding, envelope)
        oldest = time.monotonic() - self._settings.max_days * DAY_S
        to_wall, kept = time.time() - time.monotonic(), []
        for trail in trails:
            if trail.level == FeedbackLevel.FULL and trail.accepted_at > oldest:
                kept.append(snapshot_of_trail(trail, to_wall))
                continue
            for finding in trail.give_up():
                write(spool, finding, trail.envelope)
        spool.save_open(kept)


def _all_of(root: Path) -> tuple[list[Path], list[Path]]:
    """Return all producers' folders, and those in which something waits."""
    folders = producers(root)
    return folders, list(filter(holds_events, folders))


async def _unless_given_up(claim: Callable[[], Spool | None]) -> Spool | None:
    """Return what is claimed; let go of it if nobody waits for it any more."""
    claiming = asyncio.ensure_future(apart(claim))
    try:
        return await asyncio.shield(claiming)
    except asyncio.CancelledError:
        claiming.add_done_callback(_let_go)
        raise


def _let_go(claimed: "asyncio.Future[Spool | None]") -> None:
    spool = None if claimed.cancelled() or claimed.exception() else claimed.result()
    if spool is not None:
        spool.close()


async def _emptied(spool: Spool, gateway: Gateway | None) -> None:
    try:
        if gateway is not None:
            await send_all(gateway, spool, lambda taken: None)
    except OSError as error:
        log.warning("cannot send the feedback in %s: %s", spool.folder, error)
    finally:
        spool.close()

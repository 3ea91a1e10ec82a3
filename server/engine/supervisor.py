"""Keeps one engine up: adopts or starts it, asks for its health, restarts it with growing waits.

Knows the life of a managed engine and the fixed address of an unmanaged one. Does not know
what is loaded into it (that is `server.reconciler`).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from server.config import EngineSettings
from server.engine import process
from server.engine import record as records
from server.engine.client import EngineClient
from server.engine.errors import EngineDown, EngineStartError
from server.engine.flags import Launch
from server.engine.record import EngineRecord

logger = logging.getLogger(__name__)

WATCH_S = 0.5
LONGEST_BACKOFF_S = 60.0
STEADY_S = 60.0
"""An engine that was up for so long had not failed at once: the waits begin anew."""


class EngineState(StrEnum):
    """Where the engine stands, for the status."""

    STARTING = "starting"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True)
class EngineFiles:
    """Where the engine's record and log are."""

    record: Path
    log: Path


class ManagedEngine:
    """A vLLM of our own. `run` is a task for the gateway's lifetime."""

    def __init__(
        self,
        settings: EngineSettings,
        launch: Launch,
        files: EngineFiles,
        on_up: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._launch = launch
        self._files = files
        self._on_up = on_up
        self._record: EngineRecord | None = None
        self._client: EngineClient | None = None
        self.state = EngineState.STARTING
        self.restarts = 0
        self.adopted = False
        self.problem = ""

    def client(self) -> EngineClient:
        """Return the client of the running engine.

        Raises:
            EngineDown: it is not up.
        """
        if self._client is None:
            raise EngineDown(self.problem or "the engine is starting")
        return self._client

    async def run(self) -> None:
        """Keep the engine up until cancelled."""
        wait_s = self._settings.restart_backoff_s
        while True:
            try:
                await self._come_up()
                up_since = time.monotonic()
                self.problem = await self._watch()
                # One that dies of its first request comes up well each time.
                if time.monotonic() - up_since >= STEADY_S:
                    wait_s = self._settings.restart_backoff_s
            except EngineStartError as error:
                self.problem = str(error)
            await self._go_down()
            logger.warning("%s; starting it again in %.1f s", self.problem, wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_BACKOFF_S)
            self.restarts += 1
            self.state = EngineState.STARTING

    async def stop(self) -> None:
        """End the engine, unless it shall be kept; for the end of the gateway."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._record is not None and not self._settings.keep_on_exit:
            await process.end(self._record, self._settings.stop_timeout_s)
            self._files.record.unlink(missing_ok=True)

    async def _come_up(self) -> None:
        self._record = await self._adopt() or process.spawn(
            self._launch, self._files.record, self._files.log
        )
        timeout_s = self._settings.start_timeout_s
        await process.wait_ready(self._record, self._files.log, timeout_s)
        await process.warm_up(self._record, self._settings.profile, timeout_s)
        self._client = EngineClient(self._record.url, self._record.key)
        self.state, self.problem = EngineState.UP, ""
        logger.info("engine up, pid %d, port %d", self._record.pid, self._record.port)
        self._on_up()

    async def _adopt(self) -> EngineRecord | None:
        """Take over what an earlier gateway left, or end it where it does not fit."""
        found = records.read(self._files.record)
        if found is None or not records.is_running(found):
            return None
        self.adopted = await process.adoptable(found, self._launch)
        if self.adopted:
            logger.info("adopted the engine with pid %d", found.pid)
            return found
        logger.info("ending the engine with pid %d: other settings, or no answer", found.pid)
        await process.end(found, self._settings.stop_timeout_s)
        return None

    async def _watch(self) -> str:
        """Return why the engine has to be started again, once it ended or hangs."""
        assert self._record is not None
        client, failures = self.client(), 0
        while records.is_running(self._record):
            healthy = await client.healthy()
            failures = 0 if healthy else failures + 1
            self.state = EngineState.UP if healthy else EngineState.DOWN
            self.problem = "" if healthy else "the engine does not answer"
            if failures >= self._settings.health_failures:
                await process.end(self._record, 0.0)
                return f"the engine did not answer {failures} times, and was killed"
            await asyncio.sleep(WATCH_S)
            process.reap(self._record.pid)
        return "the engine ended"

    async def _go_down(self) -> None:
        self.state = EngineState.DOWN
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._record is not None:
            await process.end(self._record, self._settings.stop_timeout_s)
            self._record = None


class RemoteEngine:
    """A vLLM that somebody else runs, at a fixed address."""

    restarts = 0
    adopted = False

    def __init__(self, url: str, key: str, on_up: Callable[[], None]) -> None:
        self._url = url
        self._client = EngineClient(url, key)
        self._on_up = on_up
        self.state = EngineState.STARTING
        self.problem = ""

    def client(self) -> EngineClient:
        """Return the client; requests find out whether anybody answers."""
        return self._client

    async def run(self) -> None:
        """Ask for its health until cancelled."""
        while True:
            healthy = await self._client.healthy()
            before, self.state = self.state, EngineState.UP if healthy else EngineState.DOWN
            if healthy and before is not EngineState.UP:
                logger.info("the engine at %s answers", self._url)
                self._on_up()
            if not healthy and before is not EngineState.DOWN:
                logger.warning("no answer from the engine at %s; asking on", self._url)
            self.problem = "" if healthy else f"no answer from {self._url}"
            await asyncio.sleep(WATCH_S)

    async def stop(self) -> None:
        """Close the connections; the engine is not ours to end."""
        await self._client.close()


Engine = ManagedEngine | RemoteEngine

"""A whole language server in this process, on a clock that stands still until it is moved.

Messages go through the real protocol, handlers and session; only the gateway answers from here.
Knows JSON-RPC and virtual time. Does not know editors.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lsprotocol import types

from feedback_store.events import (
    Client,
    FeedbackAck,
    FeedbackBatch,
    FeedbackEvent,
    Outcome,
    Reason,
    SuggestRequest,
    SuggestResponse,
)
from lsp.app import build
from lsp.config import GatewaySettings, load
from lsp.credentials import Found
from lsp.exclude import path_of
from lsp.gateway import Gateway
from lsp.host import HoneServer
from lsp.session import Session
from tests.lsp.standin import HELLO

CYCLES = 16
"""Turns of the loop after which what a notification has set off is done: nothing waits for real."""
Model = Callable[[SuggestRequest], str | None]
"""From a request to the region rewritten, or None for no edit."""


class Oracle(Gateway):
    """A gateway that asks a function, and keeps the feedback."""

    def __init__(self, model: Model) -> None:
        super().__init__(GatewaySettings(), lambda: Found(None, "nowhere"), "0")
        self.hello = HELLO
        self.events: list[FeedbackEvent] = []
        self.issued = 0
        self._model = model

    async def greet(self):
        """There is no need to ask."""
        return self.hello

    async def suggest(self, request: SuggestRequest) -> SuggestResponse:
        """Answer at once."""
        self.issued += 1
        new = self._model(request)
        return SuggestResponse(
            suggestion_id=f"s{self.issued}",
            policy_version="hone-000001",
            new_region=new,
            outcome=None if new is not None else Outcome.WITHHELD,
            reason=None if new is not None else Reason.NO_EDIT,
        )

    async def feedback(self, batch: FeedbackBatch) -> FeedbackAck:
        """Take it."""
        self.events += batch.events
        stored = len(batch.events)
        mark = batch.events[-1].seq
        return FeedbackAck(high_water=mark, stored=stored, duplicates=0, quarantined=0)


class _Standing(HoneServer):
    """A server whose session does not run by itself."""

    oracle: Oracle
    clock: Callable[[], float]

    def begin(self, params: types.InitializeParams) -> None:
        info = params.client_info
        client = Client(name=info.name if info else "unknown")
        root = path_of(params.root_uri or "")
        encoding: Any = self.workspace.position_encoding
        self._session = Session(
            self.settings,
            self.environ,
            client,
            [root] if root else [],
            getattr(encoding, "value", encoding),
            clock=self.clock,
            gateway=self.oracle,
        )
        self.acquaint(params)


class Line:
    """One connection. Used inside a running event loop."""

    def __init__(self, folder: Path, model: Model, overrides: Mapping[str, str]) -> None:
        self.now = 0.0
        self.oracle = Oracle(model)
        folder.mkdir(parents=True, exist_ok=True)
        names = {"spool.folder": str(folder / "spool"), "suggest.debounce_ms": "0"}
        # What is asked ahead waits in real time.
        names["suggest.ahead"] = "false"
        environ = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
        settings = load(None, names | dict(overrides), environ)
        server = build(settings, environ, _Standing)
        assert isinstance(server, _Standing)
        server.oracle, server.clock = self.oracle, lambda: self.now
        self.server = server
        self.sent: list[dict[str, Any]] = []
        self._begun = False
        server.protocol.set_writer(self, include_headers=False)

    def write(self, data: bytes) -> None:
        """Take what the server sends."""
        self.sent.append(json.loads(data))

    def close(self) -> None:
        """Nothing is open."""

    async def send(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Deliver a client's message; the answer, if it is a request."""
        begun = len(self.sent)
        self._begun = self._begun or message.get("method") == "initialize"
        protocol: Any = self.server.protocol
        protocol.handle_message(protocol.structure_message(message))
        if "id" not in message or "method" not in message:
            for _ in range(CYCLES):
                await asyncio.sleep(0)
            while self._begun and self.server.unasked.busy:
                await asyncio.sleep(0)
            return None
        while True:
            for answer in self.sent[begun:]:
                if answer.get("id") == message["id"] and "method" not in answer:
                    return answer
            await asyncio.sleep(0)

    async def wait(self, seconds: float) -> None:
        """Let time pass: whatever is due happens when it is due."""
        until = self.now + seconds
        if not self._begun:
            self.now = until
            return
        observation = self.server.session.observation
        while (due := observation.due()) is not None and due <= until:
            self.now = max(self.now, due)
            await observation.tick(self.now)
        self.now = until

    async def end(self) -> list[FeedbackEvent]:
        """Settle everything; all feedback there was."""
        session = self.server.session
        self.server.unasked.end()
        session.settle()
        await session.reporter.flush(self.oracle)
        session.reporter.close()
        return self.oracle.events

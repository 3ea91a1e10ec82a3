"""One connection to an editor: pygls' server, and the session that begins with `initialize`.

Knows the order of a connection. Does not know what any later message means.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.exceptions import FeatureRequestError, JsonRpcInvalidRequest
from pygls.lsp.server import LanguageServer

from feedback_store import __version__
from feedback_store.events import Client
from lsp.abilities import Abilities, abilities_of
from lsp.config import Settings
from lsp.disk_watch import DiskWatch, offered
from lsp.exclude import path_of
from lsp.hints import Hints
from lsp.parent import Parent
from lsp.protocol import HoneProtocol, converter
from lsp.session import Session
from lsp.unasked import Unasked

GREETING_S = 3.0
"""How long the user is not told what is recorded for want of a gateway that may lower it."""
log = logging.getLogger(__name__)


class HoneServer(LanguageServer):
    """The language server; from `initialize` on there are `session` and what knows the client."""

    abilities: Abilities
    hints: Hints
    unasked: Unasked
    protocol_class: type[HoneProtocol] = HoneProtocol
    owns_process = True
    """Whether this connection is all that the process is for."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        super().__init__(
            "hone-lsp", __version__, protocol_cls=self.protocol_class, converter_factory=converter
        )
        self.settings = settings
        self.environ = environ
        self._session: Session | None = None
        self._begun_at = 0.0

    @property
    def session(self) -> Session:
        """The run's state."""
        if self._session is None:
            raise RuntimeError("no request may come before initialize")
        return self._session

    def begin(self, params: types.InitializeParams) -> None:
        """Start the run for the client that introduces itself.

        Raises:
            JsonRpcInvalidRequest: it has done so before.
        """
        if self._session is not None:
            raise JsonRpcInvalidRequest("initialize may be sent only once")
        info = params.client_info
        version = (info and info.version) or ""
        client = Client(name=info.name if info else "unknown", version=version)
        folders = [f.uri for f in params.workspace_folders or []]
        folders = folders or ([params.root_uri] if params.root_uri else [])
        paths = [path for uri in folders if (path := path_of(uri))]
        encoding: Any = self.workspace.position_encoding
        encoding = getattr(encoding, "value", encoding)
        self._session = Session(self.settings, self.environ, client, paths, encoding)
        self._session.start()
        self.acquaint(params)
        if self.owns_process:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, self._terminated)
            Parent(params.process_id, self._terminated).watch(loop)

    def acquaint(self, params: types.InitializeParams) -> None:
        """Take in what the client can do."""
        self.abilities = abilities_of(params.capabilities)
        suggest = self.settings.suggest
        self.unasked = Unasked(self.session)
        self.hints = Hints(
            self.session,
            suggest,
            self.abilities,
            self.text_document_publish_diagnostics,
            lambda: self.workspace_code_lens_refresh(None),
        )
        self.session.observation.listeners.append(self.hints.update)

    def begun(self) -> None:
        """The client is ready to be asked: have it report files, if it can."""
        if offered(self.client_capabilities):
            self.session.aftermath.rely_on(DiskWatch(self, self.session.documents.folders.roots))
        self._begun_at = time.monotonic()
        self.session.when_greeted(self._tell_what_is_recorded)
        self.session.rules.warn_by(self._warn)

    def missed(self, params: Any) -> None:
        """A change could not be read; if it says which document it is of, that is known."""
        document = params.get("textDocument") if isinstance(params, dict) else None
        uri = document.get("uri") if isinstance(document, dict) else None
        if self._session is not None and isinstance(uri, str):
            self._session.documents.missed(uri)

    def settle(self) -> None:
        """Settle what is open: the connection is gone."""
        if self._session is not None:
            self._session.settle()

    async def end(self) -> None:
        """End the run of a connection that is gone, in a process that goes on."""
        if self._session is not None:
            self.unasked.end()
            try:
                await self._session.shutdown()
            finally:
                self._session.reporter.close()
        self.shutdown()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log it. A suggestion that fails is no reason to put a message before the user."""
        if source is not FeatureRequestError:
            log.error("%s", error)

    def _warn(self, said: str) -> None:
        shown = types.ShowMessageParams(types.MessageType.Warning, f"hone-lsp: {said}")
        self.window_show_message(shown)

    def _tell_what_is_recorded(self) -> None:
        """Tell the user, once it is known: the gateway may allow less than their settings."""
        session = self.session
        patient = time.monotonic() - self._begun_at < GREETING_S
        if session.gateway.hello is None and patient:
            return
        if news := session.consent.news(self.settings.gateway.url):
            self.window_show_message(types.ShowMessageParams(types.MessageType.Info, news))

    def _terminated(self) -> None:
        try:
            self.settle()
        finally:
            # Nothing that still waits, such as for the user's key command, may hold it up.
            os._exit(128 + signal.SIGTERM)

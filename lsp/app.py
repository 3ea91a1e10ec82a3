"""LSP's messages, each handed to the session in a few lines.

Knows pygls and the order of a connection. Does not know what the session makes of anything.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.exceptions import FeatureRequestError
from pygls.lsp.server import LanguageServer

from feedback_store import __version__
from feedback_store.events import Client, Trigger
from lsp import messages, offers
from lsp.config import Settings
from lsp.documents import Edit
from lsp.exclude import path_of
from lsp.gateway import Silence
from lsp.protocol import HoneProtocol, converter
from lsp.session import Session
from lsp.status import status

log = logging.getLogger(__name__)


class HoneServer(LanguageServer):
    """The language server; `session` exists from `initialize` on."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        super().__init__(
            "hone-lsp", __version__, protocol_cls=HoneProtocol, converter_factory=converter
        )
        self.settings = settings
        self.environ = environ
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The run's state."""
        if self._session is None:
            raise RuntimeError("no request may come before initialize")
        return self._session

    def begin(self, params: types.InitializeParams) -> None:
        """Start the run for the client that introduces itself."""
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
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminated)

    def settle(self) -> None:
        """Settle what is open: the connection is gone."""
        if self._session is not None:
            self._session.settle()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log it. A suggestion that fails is no reason to put a message before the user."""
        if source is not FeatureRequestError:
            log.error("%s", error)

    def _terminated(self) -> None:
        self.settle()
        # The thread that reads standard input cannot be ended in any other way.
        os._exit(128 + signal.SIGTERM)


def build(settings: Settings, environ: Mapping[str, str]) -> HoneServer:
    """Return a server that knows all messages."""
    server = HoneServer(settings, environ)
    for method, handler, options in (
        (types.INITIALIZE, _initialize, None),
        (types.INITIALIZED, _initialized, None),
        (types.SHUTDOWN, _shutdown, None),
        (types.TEXT_DOCUMENT_DID_OPEN, _did_open, None),
        (types.TEXT_DOCUMENT_DID_CHANGE, _did_change, None),
        (types.TEXT_DOCUMENT_DID_CLOSE, _did_close, None),
        (types.TEXT_DOCUMENT_DID_SAVE, _did_save, types.SaveOptions(include_text=True)),
        (types.TEXT_DOCUMENT_INLINE_COMPLETION, _inline_completion, None),
        (messages.INLINE_EDIT, _inline_edit, None),
        (messages.DID_SHOW_INLINE_EDIT, _did_show, None),
        (messages.DID_SHOW_COMPLETION, _did_show, None),
        (messages.DID_PARTIALLY_ACCEPT, _did_partially_accept, None),
        (messages.DID_FOCUS, _did_focus, None),
        (types.TEXT_DOCUMENT_CODE_ACTION, _code_action, _action_options()),
    ):
        server.feature(method, options)(handler)
    for name, command in (
        (messages.ACCEPT, _accept),
        (messages.DISMISS, _dismiss),
        (messages.STATUS, _status),
    ):
        server.command(name)(command)
    return server


def _action_options() -> types.CodeActionOptions:
    return types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.RefactorRewrite])


def _initialize(ls: HoneServer, params: types.InitializeParams) -> None:
    ls.begin(params)


def _initialized(ls: HoneServer, params: types.InitializedParams) -> None:
    for warning in ls.session.warnings:
        message = types.ShowMessageParams(types.MessageType.Warning, f"hone-lsp: {warning}")
        ls.window_show_message(message)


async def _shutdown(ls: HoneServer, params: None) -> None:
    await ls.session.shutdown()


def _did_open(ls: HoneServer, params: types.DidOpenTextDocumentParams) -> None:
    item = params.text_document
    language = getattr(item.language_id, "value", item.language_id)
    ls.session.opened(item.uri, language, item.version, item.text)


def _did_change(ls: HoneServer, params: types.DidChangeTextDocumentParams) -> None:
    document = params.text_document
    ls.session.changed(document.uri, document.version, [_edit(c) for c in params.content_changes])


def _did_close(ls: HoneServer, params: types.DidCloseTextDocumentParams) -> None:
    ls.session.closed(params.text_document.uri)


def _did_save(ls: HoneServer, params: types.DidSaveTextDocumentParams) -> None:
    ls.session.saved(params.text_document.uri, params.text)


async def _inline_completion(
    ls: HoneServer, params: types.InlineCompletionParams
) -> types.InlineCompletionList:
    invoked = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
    if not invoked:
        await asyncio.sleep(ls.settings.suggest.debounce_ms / 1000.0)
    trigger = Trigger.INVOKED if invoked else Trigger.AUTOMATIC
    place = (params.position.line, params.position.character)
    found = await ls.session.suggest(params.text_document.uri, None, place, trigger)
    if isinstance(found, Silence):
        return types.InlineCompletionList([])
    selected = params.context.selected_completion_info
    item = offers.ghost_text(found[0].document, found[1], params.position, selected)
    return types.InlineCompletionList([item] if item else [])


async def _inline_edit(ls: HoneServer, params: Any) -> dict[str, Any]:
    asked = messages.read(messages.InlineEditParams, params)
    place = (asked.position.line, asked.position.character)
    document = asked.textDocument
    found = await ls.session.suggest(document.uri, document.version, place, Trigger.AUTOMATIC)
    if isinstance(found, Silence):
        return {"edits": []}
    return {"edits": offers.next_edits(found[0].document, found[1])}


def _did_show(ls: HoneServer, params: Any) -> None:
    ls.session.tracker.shown(messages.read(messages.ItemParams, params).suggestion_id)


def _did_partially_accept(ls: HoneServer, params: Any) -> None:
    shown = messages.read(messages.ItemParams, params)
    ls.session.tracker.partly_accepted(shown.suggestion_id)


def _did_focus(ls: HoneServer, params: Any) -> None:
    """Say nothing: what is in focus is known by the requests that follow."""


async def _code_action(
    ls: HoneServer, params: types.CodeActionParams
) -> list[types.CodeAction] | None:
    start, only = params.range.start, params.context.only
    wanted = [str(getattr(kind, "value", kind)) for kind in only or ["refactor"]]
    if not any("refactor.rewrite".startswith(kind) for kind in wanted):
        return None
    by_hand = params.context.trigger_kind == types.CodeActionTriggerKind.Invoked
    uri = params.text_document.uri
    found = ls.session.cached(uri, start.line)
    if found is None and by_hand:
        asked = await ls.session.suggest(uri, None, (start.line, start.character), Trigger.INVOKED)
        found = None if isinstance(asked, Silence) else asked
    return offers.code_actions(found[0].document, found[1]) if found else None


def _accept(ls: HoneServer, *arguments: Any) -> bool:
    return ls.session.accepted(_first(arguments) or "")


def _dismiss(ls: HoneServer, *arguments: Any) -> int:
    return ls.session.dismissed(_first(arguments))


def _status(ls: HoneServer, *arguments: Any) -> dict[str, Any]:
    return status(ls.session)


def _first(arguments: tuple[Any, ...]) -> str | None:
    return arguments[0] if arguments and isinstance(arguments[0], str) else None


def _edit(change: types.TextDocumentContentChangeEvent) -> Edit:
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return Edit(change.text)
    begin, end = change.range.start, change.range.end
    return Edit(change.text, (begin.line, begin.character), (end.line, end.character))

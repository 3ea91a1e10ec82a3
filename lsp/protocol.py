"""pygls' protocol with what real clients need beyond it.

- Documents are our own: pygls would split each again on every change.
- Parameters of methods that LSP does not have stay plain JSON, to be checked by `lsp.messages`.
- `workspace/executeCommand` without an id, which copilot.el sends, is a notification.
- A request with parameters that do not fit is answered by an error, not by silence.
- A handled notification leaves nothing behind: pygls keeps the future of each generator's.
- A change that cannot be read is not forgotten: its document differs from the editor's now.

Knows pygls 2.1. Does not know what any message is for.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    LanguageServerProtocol,
    default_converter,
    lsp_method,
)

if TYPE_CHECKING:
    from lsp.host import HoneServer

MsgId = str | int
log = logging.getLogger(__name__)


def converter() -> Converter:
    """Return pygls' converter, with the parameters of unknown methods left as they came."""
    made = default_converter()
    for kind in (JsonRPCNotification, JsonRPCRequestMessage):
        made.register_structure_hook(kind, lambda data, cls: cls(**_known(data, cls)))
    return made


class HoneProtocol(LanguageServerProtocol):
    """What speaks with the editor."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Turn JSON into a message; see the module for what differs from pygls."""
        try:
            method = data.get("method")
            if "jsonrpc" in data and not _well_formed(data):
                raise TypeError("neither a notification, a request nor an answer")
            if "jsonrpc" in data and method == types.WORKSPACE_EXECUTE_COMMAND and "id" not in data:
                params = self._converter.structure(data["params"], types.ExecuteCommandParams)
                return JsonRPCNotification(method, data["jsonrpc"], params)
            return super().structure_message(data)
        except (JsonRpcException, KeyError, TypeError, ValueError) as error:
            identity = data.get("id")
            if data.get("method") == types.TEXT_DOCUMENT_DID_CHANGE:
                cast("HoneServer", self._server).missed(data.get("params"))
            if "method" in data and isinstance(identity, int | str):
                self._send_response(identity, error=JsonRpcInvalidParams().to_response_error())
            raise JsonRpcInvalidParams() from error

    def _execute_handler(
        self,
        msg_id: MsgId,
        handler: Callable[[Any], Any],
        callback: Callable[[Future[Any]], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        super()._execute_handler(msg_id, handler, callback, args, kwargs)
        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(lambda _: self._request_futures.pop(msg_id, None))

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Any:
        """Pass it on."""
        return self.fm.features[types.TEXT_DOCUMENT_DID_OPEN](params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Any:
        """Pass it on."""
        return self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE](params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Any:
        """Pass it on."""
        return self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE](params)


def _known(data: dict[str, Any], cls: type) -> dict[str, Any]:
    wanted = ("id", "method", "jsonrpc", "params") if cls is JsonRPCRequestMessage else None
    names = wanted or ("method", "jsonrpc", "params")
    return {name: data.get(name) for name in names}


def _well_formed(data: dict[str, Any]) -> bool:
    """Whether method and id are of the right type; pygls would answer to an id of any."""
    return isinstance(data.get("method", ""), str) and isinstance(data.get("id", 0), int | str)

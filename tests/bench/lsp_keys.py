"""What one key costs the language server's main thread, beside pygls' own document.

Both servers run in this process on the same messages: bytes in, JSON and types decoded, the change
applied and everything told that hears of it, until the loop has nothing left to do. Counted is the
thread's own processor time. Knows `lsp.app` and pygls. Does not know the other measures.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from lsp.app import build
from lsp.config import Settings, load
from tests.lsp.standin import StandIn

LINES = (100, 1_000, 10_000)
KEYS = 3_000
WARM_UP = 200
URI = "file:///bench/a.py"
TURNS_OF_LOOP = 4


def measure(keys: int) -> dict[str, Any]:
    """Return for each number of lines the milliseconds of a key, ours and pygls' own."""
    gateway = StandIn()
    gateway.start()
    try:
        with tempfile.TemporaryDirectory(prefix="hone-bench-") as spool:
            settings = load(None, {"gateway.url": gateway.url, "spool.folder": spool}, {})
            return {str(lines): asyncio.run(_both(lines, keys, settings)) for lines in LINES}
    finally:
        gateway.stop()


async def _both(lines: int, keys: int, settings: Settings) -> dict[str, Any]:
    messages = list(_typing(lines, keys + WARM_UP))
    hone = build(settings, {})
    ours = await _times(hone, messages)
    hone.settle()
    await hone.session.shutdown()
    theirs = await _times(_plain(), messages)
    return {"hone": _summary(ours), "pygls": _summary(theirs)}


def _plain() -> LanguageServer:
    """Return a server that keeps documents as pygls does and looks at the line typed in."""
    server = LanguageServer("plain", "1")

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def _changed(ls: LanguageServer, params: types.DidChangeTextDocumentParams) -> None:
        _ = ls.workspace.get_text_document(params.text_document.uri).lines[0]

    return server


async def _times(server: LanguageServer, messages: Sequence[bytes]) -> list[float]:
    server.protocol.set_writer(_Nowhere())
    spent: list[float] = []
    for message in messages:
        began = time.thread_time()
        decoded = json.loads(message, object_hook=server.protocol.structure_message)
        server.protocol.handle_message(decoded)
        for _ in range(TURNS_OF_LOOP):
            await asyncio.sleep(0)
        spent.append(1000.0 * (time.thread_time() - began))
    return spent[-(len(messages) - 3 - WARM_UP) :]


def _typing(lines: int, keys: int) -> Iterator[bytes]:
    """Yield the messages of somebody who types words, new lines and corrections here and there."""
    draw = Random(lines)
    text = [f"    value_{n} = compute(other_{n}, {n})  # é" for n in range(lines)]
    capabilities = {"general": {"positionEncodings": ["utf-16"]}}
    folder = {"uri": "file:///bench", "name": "bench"}
    params: dict[str, Any] = {"processId": None, "rootUri": None, "workspaceFolders": [folder]}
    yield _message("initialize", params | {"capabilities": capabilities}, 1)
    yield _message("initialized", {})
    item = {"uri": URI, "languageId": "python", "version": 1, "text": "\n".join(text)}
    yield _message("textDocument/didOpen", {"textDocument": item})
    line, column = 0, 0
    for key in range(keys):
        if key % 40 == 0:
            line, column = draw.randrange(lines), 4
        erase = column > 4 and draw.random() < 0.1
        written = "" if erase else "\n" if draw.random() < 0.02 else draw.choice("abcdefgh _(=")
        start = (line, column - erase)
        places = [{"line": at[0], "character": at[1]} for at in (start, (line, column))]
        change = {"range": {"start": places[0], "end": places[1]}, "text": written}
        document = {"uri": URI, "version": key + 2}
        yield _message(
            "textDocument/didChange", {"textDocument": document, "contentChanges": [change]}
        )
        line, column = (line + 1, 0) if written == "\n" else (line, column + (-1 if erase else 1))


def _message(method: str, params: Any, number: int | None = None) -> bytes:
    identity = {} if number is None else {"id": number}
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params} | identity).encode()


def _summary(spent: list[float]) -> dict[str, float]:
    ordered = sorted(spent)
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)
        for name, share in at.items()
    }


class _Nowhere:
    def write(self, data: bytes) -> None:
        """Answers go nowhere."""

    def close(self) -> None:
        """There is nothing to close."""

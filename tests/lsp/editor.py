"""A plain JSON-RPC client over stdio, as small as an editor plugin's can be.

Keeps the texts of its documents itself, by UTF-16 positions, and applies edits as an editor
does. Knows the protocol; does not know Hone's code.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WAIT_S = 30.0
CAPABILITIES = {
    "textDocument": {"inlineCompletion": {}},
    "workspace": {"workspaceEdit": {"documentChanges": True}},
}
"""An editor that shows ghost text by itself, and so is sent no edits or hints unasked."""


class Editor:
    """One connection to a real `hone-lsp` process."""

    def __init__(self, workspace: Path, environ: dict[str, str], *flags: str) -> None:
        self.workspace = workspace
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self.heard: list[dict[str, Any]] = []
        """What the server sent of its own accord, oldest first, up to where `hear` looked."""
        self._answers: dict[int, dict[str, Any]] = {}
        self._arrived = threading.Condition()
        self._next = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lsp.cli", *flags],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.log: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def initialize(self, **more: Any) -> dict[str, Any]:
        params = {
            "processId": os.getpid(),
            "clientInfo": {"name": "test-editor", "version": "1"},
            "rootUri": self.workspace.as_uri(),
            "capabilities": CAPABILITIES,
        }
        answer = self.request("initialize", params | more)
        self.notify("initialized", {})
        return answer

    def uri(self, name: str) -> str:
        return (self.workspace / name).as_uri()

    def open(self, name: str, text: str, language: str = "python") -> str:
        uri = self.uri(name)
        self.texts[uri], self.versions[uri] = text, 1
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return uri

    def close_documents(self) -> None:
        for uri in list(self.texts):
            self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
            del self.texts[uri]

    def change(self, uri: str, *edits: tuple[tuple[int, int], tuple[int, int], str]) -> None:
        changes = []
        for start, end, text in edits:
            self.texts[uri] = replaced(self.texts[uri], start, end, text)
            changes.append({"range": _range(start, end), "text": text})
        self.versions[uri] += 1
        document = {"uri": uri, "version": self.versions[uri]}
        params = {"textDocument": document, "contentChanges": changes}
        self.notify("textDocument/didChange", params)

    def send_whole(self, uri: str, text: str) -> None:
        """Tell of a change by the whole new text, as simple clients do."""
        self.texts[uri] = text
        self.versions[uri] += 1
        document = {"uri": uri, "version": self.versions[uri]}
        params = {"textDocument": document, "contentChanges": [{"text": text}]}
        self.notify("textDocument/didChange", params)

    def next_edit(self, uri: str, line: int, character: int = 0) -> dict[str, Any] | None:
        answer = self.request("textDocument/copilotInlineEdit", self.at(uri, line, character))
        return answer["edits"][0] if answer["edits"] else None

    def at(self, uri: str, line: int, character: int = 0) -> dict[str, Any]:
        return {
            "textDocument": {"uri": uri, "version": self.versions[uri]},
            "position": {"line": line, "character": character},
        }

    def apply(self, uri: str, edit: dict[str, Any]) -> None:
        start, end = edit["range"]["start"], edit["range"]["end"]
        text = next(str(edit[name]) for name in ("text", "insertText", "newText") if name in edit)
        begin, stop = (start["line"], start["character"]), (end["line"], end["character"])
        self.change(uri, (begin, stop, text))

    def command(self, command: str, *arguments: Any) -> Any:
        params = {"command": command, "arguments": list(arguments)}
        return self.request("workspace/executeCommand", params)

    def status(self) -> dict[str, Any]:
        return self.command("hone.status")

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until the condition holds; its value."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError(f"waited {WAIT_S} s for {what}; log: {self.log}")

    def wait_delivered(self) -> None:
        self.wait(
            lambda: (s := self.status())["pending_events"] == 0 and s["open_suggestions"] == 0,
            "everything to be settled and delivered",
        )

    def hear(self, method: str) -> list[Any]:
        """Return the parameters of what the server sent of its own accord."""
        while not self.messages.empty():
            self.heard.append(self.messages.get())
        return [message.get("params") for message in self.heard if message["method"] == method]

    def asked(self, method: str) -> dict[str, Any]:
        """Wait until the server asks something; the request, which `answer` takes."""
        self.wait(lambda: self.hear(method), f"the server to ask {method}")
        [request] = [message for message in self.heard if message["method"] == method]
        self.heard.remove(request)
        return request

    def answer(self, request: dict[str, Any], result: Any) -> None:
        self._write({"jsonrpc": "2.0", "id": request["id"], "result": result})

    def request(self, method: str, params: Any) -> Any:
        """Return the result; raises RuntimeError with the error's code if there is one."""
        return self.result(self.send(method, params))

    def send(self, method: str, params: Any) -> int:
        self._next += 1
        self._write({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})
        return self._next

    def result(self, number: int) -> Any:
        with self._arrived:
            there = self._arrived.wait_for(lambda: number in self._answers, WAIT_S)
            assert there, f"no answer to request {number}; log: {self.log}"
            answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    def notify(self, method: str, params: Any) -> None:
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def answers(self, numbers: Iterable[int]) -> list[dict[str, Any]]:
        """Return the whole answers to requests, errors too."""
        wanted = set(numbers)
        with self._arrived:
            there = self._arrived.wait_for(lambda: wanted <= self._answers.keys(), WAIT_S)
            assert there, f"no answer to {wanted - self._answers.keys()}; log: {self.log[-20:]}"
            return [self._answers.pop(number) for number in sorted(wanted)]

    def shutdown(self) -> None:
        """End in order, as an editor does."""
        if self.process.poll() is None:
            self.request("shutdown", None)
            self.notify("exit", None)
        self.close()

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(WAIT_S)
        for reader in self._readers:
            reader.join(WAIT_S)
        self.process.stdout.close()
        self.process.stderr.close()

    def raw(self, body: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _write(self, message: dict[str, Any]) -> None:
        self.raw(json.dumps(message).encode())

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream
        while header := stream.readline():
            length = int(header.split(b":")[1]) if header.startswith(b"Content-Length") else 0
            while header not in (b"\r\n", b""):
                header = stream.readline()
            message = json.loads(stream.read(length))
            if isinstance(message.get("id"), int | str) and "method" not in message:
                with self._arrived:
                    self._answers[message["id"]] = message
                    self._arrived.notify_all()
            else:
                self.messages.put(message)

    def _read_log(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.log.append(line.decode())


CODEC = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


def replaced(
    text: str, start: tuple[int, int], end: tuple[int, int], new: str, encoding: str = "utf-16"
) -> str:
    """Replace a range given in code units, straight from the definition in LSP."""
    codec, width = CODEC[encoding]
    units = text.encode(codec, "surrogatepass")
    begin, stop = _offset(units, start, width), _offset(units, end, width)
    changed = units[:begin] + new.encode(codec, "surrogatepass") + units[stop:]
    return changed.decode(codec, "surrogatepass")


def _offset(units: bytes, position: tuple[int, int], width: int) -> int:
    """Return the byte at which a line and column begin, clamped to the line's content."""
    line, at = 0, 0
    cr, lf = b"\r".ljust(width, b"\0"), b"\n".ljust(width, b"\0")
    while line < position[0] and at < len(units):
        unit = units[at : at + width]
        at += width
        if unit == cr and units[at : at + width] == lf:
            at += width
        line += unit in (cr, lf)
    for _ in range(position[1]):
        if at >= len(units) or units[at : at + width] in (cr, lf):
            break
        at += width
    return at


def _range(start: tuple[int, int], end: tuple[int, int]) -> dict[str, Any]:
    return {
        "start": {"line": start[0], "character": start[1]},
        "end": {"line": end[0], "character": end[1]},
    }

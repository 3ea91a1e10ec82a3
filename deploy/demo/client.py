"""A plain JSON-RPC client for a language server over stdio, as an editor without a plug-in.

Knows framing, requests and full-document bookkeeping of versions. Does not know Hone beyond the
method names that its callers pass in.
"""

import json
import queue
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.demo.tasks import LineEdit


class ServerGone(Exception):
    """The language server ended or did not answer in time."""


class LspClient:
    """One language server process and the documents open in it."""

    def __init__(self, command: Sequence[str], env: dict[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=env
            )
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._next_id = 0
        self._versions: dict[str, int] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def initialize(self, root: Path) -> dict[str, Any]:
        """Open a workspace; return the server's capabilities."""
        result = self.request(
            "initialize",
            {
                "processId": None,
                "rootUri": root.as_uri(),
                "workspaceFolders": [{"uri": root.as_uri(), "name": root.name}],
                "clientInfo": {"name": "hone-demo", "version": "1"},
                "capabilities": {"textDocument": {"inlineCompletion": {}}},
            },
        )
        self.notify("initialized", {})
        return result

    def request(self, method: str, params: object, timeout_s: float = 180.0) -> Any:
        """Send a request and return its result.

        Raises:
            ServerGone: no answer within `timeout_s`, or an error for an answer.
        """
        self._next_id += 1
        number = self._next_id
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while True:
            try:
                message = self._answers.get(timeout=timeout_s)
            except queue.Empty as error:
                raise ServerGone(f"no answer to {method} within {timeout_s} s") from error
            if message is None:
                raise ServerGone(f"the language server ended during {method}")
            if message.get("id") == number and "method" not in message:
                if "error" in message:
                    raise ServerGone(f"{method}: {message['error']}")
                return message.get("result")
            self._answer(message)

    def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def open(self, uri: str, text: str, language: str) -> None:
        """Open a document at version 1."""
        self._versions[uri] = 1
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def version(self, uri: str) -> int:
        """The document's current version."""
        return self._versions[uri]

    def replace_lines(self, uri: str, edit: LineEdit) -> None:
        """Replace whole lines, each ended by a newline; the file's last line is out of reach."""
        span = {
            "start": {"line": edit.start, "character": 0},
            "end": {"line": edit.end, "character": 0},
        }
        self.change(uri, span, "".join(line + "\n" for line in edit.lines))

    def change(self, uri: str, span: dict[str, Any], text: str) -> None:
        """Send one incremental change and count the version up."""
        self._versions[uri] += 1
        document = {"uri": uri, "version": self._versions[uri]}
        changes = [{"range": span, "text": text}]
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    def close(self, uri: str) -> None:
        """Close a document."""
        del self._versions[uri]
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def shut_down(self) -> None:
        """Ask the server to end, and make sure of it."""
        try:
            self.request("shutdown", None, timeout_s=30)
            self.notify("exit", None)
            self._process.wait(timeout=15)
        except (ServerGone, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            pipe.flush()
        except BrokenPipeError as error:
            raise ServerGone("the language server closed its input") from error

    def _answer(self, message: dict[str, Any]) -> None:
        """Answer a request of the server's with nothing; ignore its notifications."""
        if "method" in message and "id" in message:
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": None})

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        while True:
            length = 0
            while (line := pipe.readline()).strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if not line:
                self._answers.put(None)
                return
            self._answers.put(json.loads(pipe.read(length)))

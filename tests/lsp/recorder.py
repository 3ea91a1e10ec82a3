"""What an editor and `hone-lsp` say to each other, written down while it is passed on.

    python -m tests.lsp.recorder TRANSCRIPT COMMAND...

stands where the editor starts its language server. Each line of the transcript is one message:
`{"t": seconds since the start, "from": "client" | "server", "message": {...}}`. The script that
presses the keys adds a last line, `{"truth": {SUGGESTION: CLASS}}`, with what it did.

    python -m tests.e2e.editors.record [NAME...]

records real editors again into tests/lsp/traces (Debian packages: see .ci/run).

Knows the framing of JSON-RPC. Does not know what any message means.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any


class Transcript:
    """A file of messages, in the order in which they passed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = time.monotonic()
        self._lock = threading.Lock()

    def write(self, sender: str, message: dict[str, Any]) -> None:
        """Add one message."""
        with self._lock:
            passed_s = round(time.monotonic() - self._start, 3)
            line = {"t": passed_s, "from": sender, "message": message}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def server(transcript: Path) -> list[str]:
    """Return the command by which an editor starts the language server, written down."""
    python = [sys.executable, "-m"]
    return [*python, "tests.lsp.recorder", str(transcript), *python, "lsp.cli"]


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a transcript; one that is being written may end in half a line."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.split("\n") if line]


def pass_on(source: IO[bytes], target: IO[bytes], sender: str, transcript: Transcript) -> None:
    """Pass messages on until there are no more; each is written down first."""
    while head := _head(source):
        length = next(
            int(value)
            for name, _, value in (line.partition(b":") for line in head.split(b"\r\n"))
            if name.lower() == b"content-length"
        )
        body = source.read(length)
        transcript.write(sender, json.loads(body))
        try:
            target.write(head + body)
            target.flush()
        except BrokenPipeError:
            return
    target.close()


def _head(source: IO[bytes]) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = source.readline()
        if not line:
            return b""
        head += line
    return head


def main(arguments: list[str]) -> int:
    """Run the command between standard input and output; its exit code."""
    transcript = Transcript(Path(arguments[0]))
    server = subprocess.Popen(arguments[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin
    assert server.stdout
    signal.signal(signal.SIGTERM, lambda number, frame: server.terminate())
    pipes = (sys.stdin.buffer, server.stdin, "client", transcript)
    # Not waited for: an editor may keep its end open after the server has gone.
    threading.Thread(target=pass_on, args=pipes, daemon=True).start()
    pass_on(server.stdout, sys.stdout.buffer, "server", transcript)
    return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

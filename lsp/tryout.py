"""Start a language server as an editor does, let it introduce itself, and end it.

Knows the order of a connection, from the editor's side. Does not know what anybody makes of it.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

START_S = 30.0


async def introduced(python: str, environ: Mapping[str, str], folder: str) -> str:
    """Return the name under which a server introduces itself, started with a state of its own.

    Raises:
        OSError, ValueError, EOFError, TimeoutError: it does not do that.
    """
    pipe = asyncio.subprocess.PIPE
    silent = asyncio.subprocess.DEVNULL
    command = (python, "-m", "lsp.cli", "--spool.folder", f"{folder}/spool")
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=silent, env=dict(environ)
    )
    try:
        async with asyncio.timeout(START_S):
            answer = await _asked(process, 1, "initialize", {"capabilities": {}})
            await _asked(process, 2, "shutdown", None)
            _send(process, {"method": "exit"})
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return str(answer["result"]["serverInfo"]["name"])


async def _asked(
    process: asyncio.subprocess.Process, number: int, method: str, params: Any
) -> dict[str, Any]:
    """Send a request and return its answer; whatever else it says is passed over."""
    _send(process, {"id": number, "method": method, "params": params})
    assert process.stdout
    while True:
        header = await process.stdout.readuntil(b"\r\n\r\n")
        length = int(header.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        message: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
        if message.get("id") == number and "method" not in message:
            return message


def _send(process: asyncio.subprocess.Process, message: dict[str, Any]) -> None:
    assert process.stdin
    body = json.dumps({"jsonrpc": "2.0"} | message).encode()
    process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

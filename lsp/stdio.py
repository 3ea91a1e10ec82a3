"""`hone-lsp` on standard input and output: messages as they come, without a detour.

pygls reads each line and each body by a call to a pool of threads, three of them a message, each
of which waits for a thread twice. Here one thread reads whatever has come. It blocks, since
making standard input non-blocking does the same to standard output where an editor gives one
socket for both. Knows streams. Does not know what any message means.
"""

import asyncio
import contextlib
import os
import sys
import threading
from typing import BinaryIO

from pygls.io_ import StdoutWriter, run_async

from lsp.host import HoneServer

CHUNK = 1 << 16
LONGEST_LINE = 1 << 30
"""Whatever is no message is skipped line by line, however long a line."""


def serve(server: HoneServer) -> None:
    """Speak with the editor until it hangs up.

    Raises:
        SystemExit: the editor says `exit`; the code is what LSP asks for.
    """
    gone = (KeyboardInterrupt, BrokenPipeError, asyncio.IncompleteReadError)
    with contextlib.suppress(*gone):
        asyncio.run(_converse(server, sys.stdin.buffer, sys.stdout.buffer))


async def _converse(server: HoneServer, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    server.protocol.set_writer(StdoutWriter(outgoing))
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    reading = threading.Thread(
        target=_read, args=(incoming.fileno(), reader, loop), name="stdin", daemon=True
    )
    reading.start()
    await run_async(
        threading.Event(), reader, server.protocol, error_handler=server.report_server_error
    )


def _read(source: int, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    """Hand on what comes, until the end or until nobody listens any more."""
    # The loop is closed: RuntimeError.
    with contextlib.suppress(RuntimeError):
        with contextlib.suppress(OSError):
            while data := os.read(source, CHUNK):
                loop.call_soon_threadsafe(reader.feed_data, data)
        loop.call_soon_threadsafe(reader.feed_eof)

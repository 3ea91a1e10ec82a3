"""The client against connections that an engine closes, answered by a bare little HTTP server."""

import asyncio
from collections import deque
from contextlib import suppress

import pytest

from server.engine.client import EngineClient
from server.engine.errors import EngineDown

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n"
BODY = b'{"data": []}'


class Doors:
    """Answers each connection as often as the queue says, then closes it on the next request."""

    def __init__(self, *answers: int) -> None:
        self.queue = deque(answers)
        self.history: list[str] = []
        self.gone = asyncio.Semaphore(0)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            for _ in range(self.queue.popleft()):
                await reader.readuntil(b"\r\n\r\n")
                self.history.append("answered")
                writer.write(ANSWER + BODY)
            await reader.readuntil(b"\r\n\r\n")
            self.history.append("closed")
        writer.close()
        await writer.wait_closed()
        self.gone.release()


async def asked_twice(doors: Doors) -> list[dict[str, str]]:
    server = await asyncio.start_server(doors.meet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = EngineClient(f"http://127.0.0.1:{port}", "")
    try:
        return [await client.models(), await client.models()]
    finally:
        await client.close()
        server.close()
        for _ in range(2):
            await doors.gone.acquire()


async def test_a_request_lost_with_an_idle_connection_is_sent_again() -> None:
    doors = Doors(1, 1)
    assert await asked_twice(doors) == [{}, {}]
    assert doors.history == ["answered", "closed", "answered"]


async def test_an_engine_that_keeps_closing_is_down() -> None:
    doors = Doors(1, 0)
    with pytest.raises(EngineDown, match="cannot be reached"):
        await asked_twice(doors)
    assert doors.history == ["answered", "closed", "closed"]

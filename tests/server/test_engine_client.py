"""The client against connections that an engine closes, answered by a bare little HTTP server."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from server.engine.client import EngineClient
from server.engine.errors import EngineDown, EngineError

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n"
BODY = b'{"data": []}'
Ask = Callable[[EngineClient], Awaitable[Any]]


class Doors:
    """Answers each connection as often as the queue says, then closes it on the next request."""

    def __init__(self, *answers: int) -> None:
        self.queue = deque(answers)
        self.history: list[str] = []
        self.gone = asyncio.Semaphore(0)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            for _ in range(self.queue.popleft()):
                await receive(reader)
                self.history.append("answered")
                writer.write(ANSWER + BODY)
            await receive(reader)
            self.history.append("closed")
        writer.close()
        await writer.wait_closed()
        self.gone.release()


async def receive(reader: asyncio.StreamReader) -> None:
    """Read one request whole: what is left unread would reset the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    await reader.readexactly(int(length[1]) if length else 0)


async def models(client: EngineClient) -> dict[str, str]:
    return await client.models()


async def streamed(client: EngineClient) -> str:
    return "".join([line async for line in client.stream("/v1/completions", {}, 5.0)])


async def asked_twice(doors: Doors, ask: Ask = models) -> list[Any]:
    server = await asyncio.start_server(doors.meet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = EngineClient(f"http://127.0.0.1:{port}", "")
    try:
        return [await ask(client), await ask(client)]
    finally:
        await client.close()
        server.close()
        for _ in range(2):
            await doors.gone.acquire()


async def test_a_request_lost_with_an_idle_connection_is_sent_again() -> None:
    doors = Doors(1, 1)
    assert await asked_twice(doors) == [{}, {}]
    assert doors.history == ["answered", "closed", "answered"]
    doors = Doors(1, 1)
    assert await asked_twice(doors, streamed) == [BODY.decode()] * 2
    assert doors.history == ["answered", "closed", "answered"]


async def test_only_a_newline_ends_a_line_of_a_stream() -> None:
    """Code may hold what Python calls the end of a line, too, and pieces end anywhere."""
    said = 'data: {"text": "a\u2028b\x85c\x0cd é"}'
    wire = f"{said}\r\n\n{said}\nrest".encode()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await receive(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        for place in range(len(wire)):
            writer.write(wire[place : place + 1])
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        client = EngineClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "")
        lines = [line async for line in client.stream("/v1/completions", {}, 5.0)]
        await client.close()
    assert lines == [said, "", said, "rest"]


@asynccontextmanager
async def stuck(answer: bytes, key: str = "") -> AsyncIterator[EngineClient]:
    """A client of an engine that says no more than this to anybody, and does not hang up."""

    meetings: list[asyncio.Task[None] | None] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        meetings.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError):
            await receive(reader)
            writer.write(answer)
            await reader.read()  # until the other side hangs up
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        client = EngineClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", key)
        try:
            yield client
        finally:
            await client.close()
            await asyncio.gather(*filter(None, meetings))


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        HEAD,
        HEAD + b"content-length: 9\r\n\r\n{",
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz",
    ],
    ids=["no head", "half a head", "half a body", "no chunk"],
)
async def test_no_answer_is_waited_for_longer_than_it_has(answer: bytes) -> None:
    async with asyncio.timeout(10), stuck(answer) as client:
        with pytest.raises(EngineError):
            await client.tokenize("x", 0.2)
        with pytest.raises(EngineError):
            async for _ in client.stream("/v1/completions", {}, 0.2):
                pass


async def test_a_key_that_no_request_can_carry_is_an_engine_that_is_down() -> None:
    async with stuck(b"", key="two\nlines") as client:
        with pytest.raises(EngineDown, match="cannot be reached"):
            await client.models()
        assert not await client.healthy()


async def test_an_engine_that_keeps_closing_is_down() -> None:
    doors = Doors(1, 0)
    with pytest.raises(EngineDown, match="cannot be reached"):
        await asked_twice(doors)
    assert doors.history == ["answered", "closed", "closed"]

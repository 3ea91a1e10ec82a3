"""Connections on which a request's head does not end: by bare sockets, with both of uvicorn's
parsers."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server import heads
from tests.server.serving import STARTUP_S, serve

LIMIT_S = 0.6
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = HEAD + b"Content-Length: 4\r\n\r\nbody"


async def echo(request: Request) -> PlainTextResponse:
    await asyncio.sleep(float(request.headers.get("wait", 0)))
    return PlainTextResponse(await request.body())


async def unread(request: Request) -> PlainTextResponse:
    """Answer before the body is there."""
    return PlainTextResponse("unread")


@pytest.fixture(scope="module", params=[H11Protocol, HttpToolsProtocol])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Where a server listens that echoes bodies."""
    routes = [Route("/", echo, methods=["POST"]), Route("/unread", unread, methods=["POST"])]
    app = Starlette(routes=routes)
    with serve(app, http=heads.bounded(LIMIT_S, request.param)) as url:
        yield httpx.URL(url).port or 0


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=STARTUP_S)


def read(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as file:
        return file.read()


def read_until(connection: socket.socket, end: bytes) -> bytes:
    found = b""
    while not found.endswith(end):
        more = connection.recv(1 << 16)
        assert more, f"the connection ended behind {found!r}"
        found += more
    return found


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    told = json.loads(body)
    assert int(head.split()[1]) == told["status"]
    return told["status"], told["detail"]


@pytest.mark.parametrize("sent", [b"P", HEAD, HEAD + b"X-Long: "])
def test_a_head_that_does_not_end_is_not_waited_for(port: int, sent: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(sent)
        assert problem(read(connection)) == (
            408,
            "the request's head took longer than 0.6 s; see listen.head_timeout_s",
        )


def test_a_head_that_comes_by_and_by_is_not_waited_for_either(port: int) -> None:
    """Each byte resets nothing: it is the whole head that has so much time."""
    with connect(port) as connection:
        connection.sendall(HEAD)
        connection.settimeout(LIMIT_S / 10)
        found = b""
        for _ in range(1000):
            try:
                connection.sendall(b"a: b\r\n")
                found = connection.recv(4096)
                break
            except TimeoutError:
                continue
        connection.settimeout(STARTUP_S)
        assert problem(found)[0] == 408


def test_who_connects_and_says_nothing_is_let_go_of(port: int) -> None:
    with connect(port) as connection:
        assert read(connection) == b""


def test_a_head_without_end_is_not_kept(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(HEAD + b"X-Long: " + b"x" * (heads.LONGEST_HEAD + 1))
        status = int(read(connection).split()[1])
        assert status in (400, 431), "h11 refuses it by itself, with 400"


def test_what_follows_an_answer_has_its_own_time(port: int) -> None:
    with connect(port) as connection:
        for _ in range(2):
            time.sleep(0.6 * LIMIT_S)
            connection.sendall(WHOLE)
            read_until(connection, b"body")
        connection.sendall(b"POST")
        assert problem(read(connection))[0] == 408


def test_bodies_are_none_of_its_business(port: int) -> None:
    long = b"x" * (2 * heads.LONGEST_HEAD)
    with connect(port) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(long) + long[:1000])
        time.sleep(2 * LIMIT_S)
        connection.sendall(long[1000:])
        read_until(connection, long)
        connection.sendall(WHOLE)
        read_until(connection, b"body")


@pytest.mark.parametrize("split", [100, 3 * heads.LONGEST_HEAD])
def test_a_body_that_nobody_read_is_no_head(port: int, split: int) -> None:
    """Nothing is written behind an answer but the next request's."""
    long = b"x" * (4 * heads.LONGEST_HEAD)
    head = HEAD.replace(b" / ", b" /unread ") + b"Content-Length: %d\r\n\r\n" % len(long)
    with connect(port) as connection:
        connection.sendall(head + long[:-split])
        read_until(connection, b"unread")
        connection.sendall(long[-split:])
        connection.sendall(WHOLE)
        answer = read_until(connection, b"body")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.count(b"HTTP/1.1") == 1


def test_a_body_that_nobody_reads_and_that_does_not_end_ends_in_silence(port: int) -> None:
    head = HEAD.replace(b" / ", b" /unread ") + b"Content-Length: 1000\r\n\r\n"
    with connect(port) as connection:
        connection.sendall(head)
        read_until(connection, b"unread")
        connection.sendall(b"x")
        assert read(connection) == b""


def test_what_waits_behind_a_request_waits_as_long_as_that_takes(port: int) -> None:
    slow = WHOLE.replace(b"\r\n\r\n", b"\r\nWait: %g\r\n\r\n" % (3 * LIMIT_S))
    with connect(port) as connection:
        connection.sendall(slow + WHOLE)
        answers = read_until(connection, b"body")
        while answers.count(b"body") < 2:
            answers += read_until(connection, b"body")
        assert answers.count(b"HTTP/1.1 200 ") == 2


def test_no_head_without_end_waits_behind_a_request(port: int) -> None:
    slow = WHOLE.replace(b"\r\n\r\n", b"\r\nWait: 3\r\n\r\n")
    with connect(port) as connection:
        connection.sendall(slow + HEAD + b"X-Long: ")
        connection.settimeout(1.0)
        # httptools goes on reading, so the connection is closed; h11 by itself reads no more.
        with pytest.raises((ConnectionError, TimeoutError)):
            connection.sendall(b"x" * (100 * heads.LONGEST_AHEAD))

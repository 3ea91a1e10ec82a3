"""HTTP to one engine: answers, whole or by the line, and what went wrong in words.

Knows connections, deadlines of a read, and which status means which error. Does not know vLLM's
routes nor what an answer says (server.engine.client).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from server.engine.errors import (
    EngineBusy,
    EngineDown,
    EngineError,
    EngineSlow,
    PromptTooLong,
    Refused,
    UnknownModel,
)
from server.traces import HEADERS

CONNECT_TIMEOUT_S = 2.0
IDLE_S = 2.0
"""An idle connection is not used again after this long: vLLM closes it after 5 s, and a request
sent at that moment is lost."""
DETAIL_CHARS = 300

Body = Mapping[str, Any] | None
Lines = AsyncGenerator[str, None]


class Wire:
    """The connections to one engine. Cancelling a call closes its connection."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    @cached_property
    def _http(self) -> aiohttp.ClientSession:
        """Of the event loop that asks first."""
        return aiohttp.ClientSession(
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # a proxy of the environment must never see prompts
        )

    async def close(self) -> None:
        """Close all connections; whoever asks from now on is told that the engine is down."""
        await self._http.close()

    async def send(self, method: str, path: str, body: Body, timeout_s: float) -> bytes:
        """Return the whole answer.

        Raises:
            EngineError: one of its kinds; `timeout_s` is for its head, and again for the rest.
        """
        async with self._answer(method, path, body, timeout_s) as response:
            return await _rest(response, timeout_s)

    async def stream(self, path: str, body: Body, timeout_s: float) -> Lines:
        """Yield the lines of a streamed answer as they come.

        Raises:
            EngineError: one of its kinds; `timeout_s` is between two pieces.
        """
        async with self._answer("POST", path, body, timeout_s) as response:
            rest = b""
            while piece := await _piece(response, timeout_s):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield text_of(line).removesuffix("\r")
            if rest:
                yield text_of(rest).removesuffix("\r")

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: Body, timeout_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask, and hold the answer open; leaving it unread closes its connection."""
        with _failures(timeout_s):
            async with asyncio.timeout(timeout_s):
                asked = await self._request(method, path, body, timeout_s)
            async with asked as response:
                if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise _refusal(response.status, text_of(await _rest(response, timeout_s)))
                yield response

    async def _request(
        self, method: str, path: str, body: Body, timeout_s: float
    ) -> aiohttp.ClientResponse:
        """Send, and once more where the connection was closed instead of answered.

        A busy machine closes an idle connection while a request is on its way even within IDLE_S.
        Whatever is sent may be sent twice: answers are sampled anew, and a name is loaded once.
        """

        async def send() -> aiohttp.ClientResponse:
            return await self._http.request(
                method,
                self._url + path,
                json=body,
                headers=HEADERS.get(),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(connect=min(CONNECT_TIMEOUT_S, timeout_s)),
            )

        try:
            return await send()
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            # aiohttp has asked again already where nothing is changed by asking.
            if method == "GET" or isinstance(error, aiohttp.ClientConnectorError):
                raise
            return await send()


async def _rest(response: aiohttp.ClientResponse, timeout_s: float) -> bytes:
    # Not aiohttp's own limit of a read, which a broken answer may take away.
    async with asyncio.timeout(timeout_s):
        return await response.read()


async def _piece(response: aiohttp.ClientResponse, timeout_s: float) -> bytes:
    async with asyncio.timeout(timeout_s):
        return await response.content.readany()


@contextmanager
def _failures(timeout_s: float) -> Iterator[None]:
    """Raise what went wrong below HTTP as the error that says what to do."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise EngineDown("the engine does not accept connections") from error
    except TimeoutError as error:
        raise EngineSlow(f"no answer within {timeout_s:.2f} s") from error
    except (aiohttp.ClientError, HttpProcessingError, RuntimeError, ValueError) as error:
        # RuntimeError: the client was closed because the engine just went down. ValueError: the
        # settings name a host or a key that no request can be made of.
        raise EngineDown(f"the engine cannot be reached: {error}") from error


def text_of(answer: bytes) -> str:
    """Return what bytes say; what is no UTF-8 is marked in it."""
    return answer.decode(errors="replace")


def _refusal(status: int, detail: str) -> EngineError:
    """Map a status and vLLM's message to the error that says what to do."""
    detail = detail[:DETAIL_CHARS]
    if status == HTTPStatus.NOT_FOUND and "model" in detail:
        return UnknownModel(detail, status)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return EngineBusy(detail, status)
    if status == HTTPStatus.BAD_REQUEST and "context length" in detail:
        return PromptTooLong(detail, status)
    if status == HTTPStatus.BAD_REQUEST:
        return Refused(detail, status)
    return EngineError(detail, status)

"""What happens to every request before a route sees it: its id, its body's size and pace, whom it
is addressed to.

Knows ASGI and nothing of Hone. Plain ASGI, not starlette's BaseHTTPMiddleware, which hides a
client's disconnect from the routes.
"""

import asyncio
import ipaddress
import logging
import re
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import problem, unexpected
from server.logs import REQUEST, TRACE
from server.traces import trace_of

REQUEST_ID = "x-request-id"
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
OWN_SITE = frozenset({"same-origin", "none"})
"""`none` is what a person typed."""
log = logging.getLogger(__name__)
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class RequestId:
    """Every answer carries an id: the client's, if it sent a harmless one, else a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and stamp the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.get(REQUEST_ID, "")
        request_id = sent if SAFE_ID.fullmatch(sent) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        REQUEST.set(request_id)  # every request is a task of its own, so nobody else sees it
        TRACE.set(trace_of(headers))

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        await self._app(scope, receive, stamped)


class SafeHeaders:
    """Every answer says what a browser may do with it: nothing but show it, once, here."""

    HEADERS: Mapping[str, str] = MappingProxyType(
        {
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
    )
    TRANSPORT = ("strict-transport-security", "max-age=31536000")

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = [*self.HEADERS.items(), *([self.TRANSPORT] if secure else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add what the route did not say itself."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers:
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


class Unexpected:
    """An error that nobody foresaw becomes a problem document, here rather than by starlette's own
    handler, which stands outside of all middleware and knows neither id nor safe headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer for what it raises, unless an answer has begun."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched if scope["type"] == "http" else send)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            await unexpected(error)(scope, receive, send)


class BodyLimit:
    """Refuses bodies above a size, announced or not, and those that take too long to arrive."""

    def __init__(self, app: ASGIApp, limit_bytes: int, limit_s: float) -> None:
        self._app = app
        self._limit = limit_bytes
        self._limit_s = limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what arrives and how long it takes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > self._limit:
            # The rest of the body is not read, so the connection cannot be used again.
            refusal = problem(*self._refusal(), headers={"Connection": "close"})
            await refusal(scope, receive, send)
            return
        arrived, whole = 0, False
        until = asyncio.get_running_loop().time() + self._limit_s

        async def counted() -> Message:
            nonlocal arrived, whole
            try:
                # What comes after the body is that the client hangs up, at whatever time.
                async with asyncio.timeout_at(None if whole else until):
                    message = await receive()
            except TimeoutError:
                text = f"the body took longer than {self._limit_s:g} s; see listen.body_timeout_s"
                status = int(HTTPStatus.REQUEST_TIMEOUT)
                raise HTTPException(status, text, {"Connection": "close"}) from None
            whole = not message.get("more_body", False)
            arrived += len(message.get("body", b""))
            if arrived > self._limit:
                raise HTTPException(*self._refusal())
            return message

        await self._app(scope, counted, send)

    def _refusal(self) -> tuple[int, str]:
        return (
            int(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
            f"the body is larger than {self._limit} bytes; see listen.max_body_bytes",
        )


class KnownHost:
    """Refuses requests that a page of another site makes a browser send.

    Such a page can reach a gateway on loopback under a host name of its own (DNS rebinding), or
    by a plain cross-site request, which then has a foreign Origin.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it is addressed to this gateway and comes from no other site."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host, origin = host_name(headers.get("host", "")), headers.get("origin")
            if self._hosts and host not in self._hosts and host != _arrived_at(scope):
                text = "the Host header names another host; add it to listen.allowed_hosts"
                await problem(HTTPStatus.MISDIRECTED_REQUEST, text)(scope, receive, send)
                return
            same = origin is None or origin.partition("://")[2] == headers.get("host", "")
            if not same or not _from_here(scope["method"], headers):
                text = "requests from pages of other sites are refused"
                await problem(HTTPStatus.FORBIDDEN, text)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _arrived_at(scope: Scope) -> str:
    """Return the address of this machine that a request came to. A name that another site makes
    point here is a name; a browser that sends the address itself is at that address' page."""
    address = (scope.get("server") or ("",))[0]
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)


def _from_here(method: str, headers: Headers) -> bool:
    """Whether a browser says that this comes from the page itself, or that a person follows a link
    here. A page on another port of this host is another site, and sends no Origin with a GET."""
    followed = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return followed or headers.get("sec-fetch-site", "none") in OWN_SITE


def host_name(authority: str) -> str:
    """Return the host of `host:port`, without the brackets of an IPv6 address."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()

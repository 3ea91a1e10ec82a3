"""What routes share: the gateway, the caller, the wire version, and a client that goes away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from feedback_store.events import WIRE_VERSIONS, Scope
from server.auth import Caller
from server.auth.sessions import COOKIE
from server.errors import UnknownWire
from server.gateway import Gateway

Result = TypeVar("Result")
CALLER = "caller"
"""Where a request's state keeps it."""


def gateway_of(request: Request) -> Gateway:
    """Return the gateway that the app was started with."""
    return cast(Gateway, request.app.state.gateway)


def caller_of(request: Request) -> Caller:
    """Return whoever sent the request, by its key, its token or its page's cookie; asked once."""
    known = request.scope.setdefault("state", {})
    if CALLER not in known:
        headers, cookie = request.headers, request.cookies.get(COOKIE)
        known[CALLER] = gateway_of(request).door.caller(headers.get("authorization"), cookie)
    return cast(Caller, known[CALLER])


async def whoever(request: Request) -> Caller:
    """Return the same without holding anybody up: a token may have to be checked by keys that are
    fetched, while a key is looked up at once."""
    if gateway_of(request).door.asks_abroad(request.headers.get("authorization")):
        return await asyncio.to_thread(caller_of, request)
    return caller_of(request)


def limited(scope: Scope | None) -> Callable[[Request], AsyncIterator[Caller]]:
    """Return a dependency that yields the caller if it has `scope`, None being any, and counts the
    request among its credential's."""

    async def caller(request: Request) -> AsyncIterator[Caller]:
        gateway = gateway_of(request)
        found = await whoever(request)
        if scope is not None:
            found.require(scope)
        if gateway.door.open:
            yield found
            return
        with gateway.limits.admit(found.key):
            yield found

    return caller


async def the_gateway(request: Request) -> Gateway:
    """`gateway_of` as a dependency: FastAPI sends those that are not asynchronous to a thread."""
    return gateway_of(request)


TheGateway = Annotated[Gateway, Depends(the_gateway)]
Anyone = Annotated[Caller, Depends(limited(None))]
"""Whoever has a valid credential, whatever its scopes."""
Editor = Annotated[Caller, Depends(limited(Scope.SUGGEST))]
Reporter = Annotated[Caller, Depends(limited(Scope.FEEDBACK))]
Trainer = Annotated[Caller, Depends(limited(Scope.TRAIN))]
Admin = Annotated[Caller, Depends(limited(Scope.ADMIN))]


def check_wire(version: int) -> None:
    """Raise UnknownWire unless this release speaks the version."""
    if version not in WIRE_VERSIONS:
        raise UnknownWire(version)


async def unless_gone(request: Request, work: Awaitable[Result]) -> Result | None:
    """Return what `work` returns, or cancel it and return None once the client hangs up."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return None
    finally:
        for task in (working, watching):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue

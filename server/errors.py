"""Every refusal as a problem document (RFC 9457) that says what to do.

Knows which error means which status. Does not know who raises it. No text of a request is ever
repeated: it may be code.
"""

import logging
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from feedback_store.asking import BadQuestion, QuestionTooLong
from feedback_store.errors import InvalidEntry, StoreUnavailable
from feedback_store.events import WIRE_VERSIONS
from feedback_store.operations import Busy
from feedback_store.people import NobodyYet
from server.adapters import BadAdapter
from server.auth import MissingScope, NotAllowed
from server.book import PolicyConflict, UnknownPolicy
from server.engine.errors import (
    EngineBusy,
    EngineDown,
    EngineError,
    EngineSlow,
    PromptTooLong,
    Refused,
    UnknownModel,
)
from server.exclusions import Withheld
from server.files import DiskTrouble
from server.limits import TooMany
from server.pool import PoolFull

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 2
PROBLEMS_SHOWN = 10


class UnknownWire(Exception):
    """A wire or event version that this release does not speak."""

    def __init__(self, version: object) -> None:
        newest = max(WIRE_VERSIONS)
        newer = isinstance(version, int) and version > newest
        side = "the gateway (hone-server)" if newer else "the client (hone-lsp or hone-trainer)"
        spoken = ", ".join(map(str, WIRE_VERSIONS))
        said = version if isinstance(version, int) else type(version).__name__
        super().__init__(f"wire version {said} is not spoken here (only {spoken}): update {side}")


STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (UnknownWire, HTTPStatus.UPGRADE_REQUIRED),
    (NotAllowed, HTTPStatus.UNAUTHORIZED),
    (MissingScope, HTTPStatus.FORBIDDEN),
    (TooMany, HTTPStatus.TOO_MANY_REQUESTS),
    (UnknownPolicy, HTTPStatus.NOT_FOUND),
    (PolicyConflict, HTTPStatus.CONFLICT),
    (BadAdapter, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InvalidEntry, HTTPStatus.UNPROCESSABLE_ENTITY),
    (BadQuestion, HTTPStatus.UNPROCESSABLE_ENTITY),
    (QuestionTooLong, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Withheld, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Busy, HTTPStatus.CONFLICT),
    (NobodyYet, HTTPStatus.NOT_FOUND),
    (StoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (PoolFull, HTTPStatus.SERVICE_UNAVAILABLE),
    (DiskTrouble, HTTPStatus.SERVICE_UNAVAILABLE),
    (EngineDown, HTTPStatus.SERVICE_UNAVAILABLE),
    (EngineBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (EngineSlow, HTTPStatus.GATEWAY_TIMEOUT),
    (UnknownModel, HTTPStatus.NOT_FOUND),
    (PromptTooLong, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (EngineError, HTTPStatus.BAD_GATEWAY),
)
"""Most specific first."""


_FIELDS = {"type": "string", "title": "string", "status": "integer", "detail": "string"}
_SCHEMA = {
    "type": "object",
    "properties": {name: {"type": kind} for name, kind in _FIELDS.items()},
    "required": list(_FIELDS),
}
_REFUSAL: dict[str, Any] = {
    "description": "A problem document (RFC 9457) that says what to do",
    "content": {"application/problem+json": {"schema": _SCHEMA}},
}
RESPONSES: dict[int | str, dict[str, Any]] = {422: _REFUSAL, "4XX": _REFUSAL, "5XX": _REFUSAL}
"""How the OpenAPI document describes refusals, of every route."""


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return a problem document."""
    body = {"type": "about:blank", "title": _title(status), "status": status, "detail": detail}
    return JSONResponse(body | more, status, headers=headers, media_type="application/problem+json")


def peer(request: Request) -> str:
    """Return the address that a request came from, for the log."""
    return request.client.host if request.client else "the socket"


def install(app: FastAPI) -> None:
    """Make every known error of `app` a problem document (`middleware.Unexpected` has the rest)."""
    for kind, _ in STATUS:
        app.add_exception_handler(kind, refusal)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def _title(status: int) -> str:
    return HTTPStatus(status).phrase


async def refusal(request: Request, error: Exception) -> JSONResponse:
    """Return the problem document of an error that STATUS lists."""
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    if isinstance(error, NotAllowed | MissingScope):
        # Never what was sent; the error is our words, and a line end in it would forge a line.
        place = getattr(request.scope.get("route"), "path", "")
        logger.warning(
            "refused %s %s from %s: %r", request.method, place, peer(request), str(error)
        )
    headers: dict[str, str] = {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(math.ceil(error.retry_s))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, str(error), headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """A body that does not fit: unreadable, of another wire version, or with wrong fields."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        return problem(HTTPStatus.BAD_REQUEST, "the body is not JSON")
    wire = error.body.get("wire") if isinstance(error.body, dict) else None
    if wire is not None and wire not in WIRE_VERSIONS:
        # A newer client's fields are unknown here: say so rather than complain about each.
        return await refusal(request, UnknownWire(wire))
    shown = [_place(entry) for entry in found[:PROBLEMS_SHOWN]]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(shown))


def _place(entry: dict[str, Any]) -> str:
    where: Sequence[object] = entry["loc"]
    path = ".".join(str(step).encode("ascii", "replace").decode() for step in where)
    return f"{path}: {entry['msg']}"


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), dict(error.headers or {}))


def unexpected(error: Exception) -> JSONResponse:
    """Return the problem document of an error that nobody foresaw, without its text."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"an error in hone-server itself ({type(error).__name__}); its log has more",
    )

"""Who sends a body is asked who they are before the body is read.

FastAPI reads and parses a body before a route's dependencies are asked, so strangers could make the
gateway parse megabytes. Knows which routes strangers may post to. Does not know scopes.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from server.auth import NotAllowed
from server.errors import refusal
from server.routes.common import whoever

WITH_BODIES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
OPEN = frozenset({"/login", "/logout"})
"""The sign-in; a form is small."""


class Entrance:
    """Asks for the credential of requests that may bring a body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or refuse it unread."""
        if scope["type"] == "http" and scope["method"] in WITH_BODIES and scope["path"] not in OPEN:
            request = Request(scope)
            try:
                await whoever(request)
            except NotAllowed as error:
                # The body is not read, so the connection cannot be used again.
                answer = await refusal(request, error)
                answer.headers["Connection"] = "close"
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

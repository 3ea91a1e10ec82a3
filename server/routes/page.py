"""The page, and signing in to it: a form that shows no data, a cookie for whoever has a key."""

import logging
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from server.auth import NotAllowed
from server.auth.sessions import COOKIE, LASTS_S
from server.errors import peer
from server.routes.common import Anyone, TheGateway, whoever

logger = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)

PARTS: Mapping[str, str] = MappingProxyType(
    {
        "style.css": "text/css",
        "app.js": "text/javascript",
        "dom.js": "text/javascript",
        "charts.js": "text/javascript",
        "figures.js": "text/javascript",
    }
)
"""What the page consists of, besides itself."""
PAGE_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

FORM_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
SEE_OTHER = 303
LONGEST_FORM = 4096


@router.get("/")
async def page(request: Request) -> Response:
    """Return the page, a shell without data, or the way to the sign-in."""
    try:
        await whoever(request)
    except NotAllowed:
        return RedirectResponse("/login", SEE_OTHER)
    return HTMLResponse(_text("index.html"), headers={"Content-Security-Policy": PAGE_POLICY})


@router.get("/page/{name}")
async def part(name: str, caller: Anyone) -> Response:
    """Return a part of the page."""
    if name not in PARTS:
        raise HTTPException(404, "the page has no such part")
    return Response(_text(name), media_type=PARTS[name])


@router.get("/login")
async def form() -> HTMLResponse:
    """Show the form."""
    return _form(200, "")


@router.post("/login")
async def sign_in(request: Request, gateway: TheGateway) -> Response:
    """Take a key and answer with a cookie; a wrong one gets the form again."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_FORM:
            return _form(413, "That is too long for a key.")
    sent = parse_qs(body.decode("utf-8", "replace"))
    try:
        cookie = gateway.door.sign_in(sent.get("key", [""])[0])
    except NotAllowed:
        logger.warning("sign-in from %s refused: no valid key", peer(request))
        return _form(401, "That is no valid key.")
    answer = RedirectResponse("/", SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=LASTS_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/logout")
async def sign_out() -> Response:
    """End a sign-in in this browser."""
    answer = RedirectResponse("/login", SEE_OTHER)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _form(status: int, problem: str) -> HTMLResponse:
    html = _text("login.html").replace("{problem}", problem)
    return HTMLResponse(html, status, headers={"Content-Security-Policy": FORM_POLICY})


def _text(name: str) -> str:
    return files("server").joinpath("page", name).read_text(encoding="utf-8")

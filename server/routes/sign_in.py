"""Signing in on the page: a form that shows no data, and a cookie for whoever has a key."""

from importlib.resources import files
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from server.auth import NotAllowed
from server.auth.sessions import COOKIE, LASTS_S
from server.routes.common import TheGateway

router = APIRouter(include_in_schema=False)

FORM_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
SEE_OTHER = 303


@router.get("/login")
async def form() -> HTMLResponse:
    """Show the form."""
    return _form(200, "")


@router.post("/login")
async def sign_in(request: Request, gateway: TheGateway) -> Response:
    """Take a key and answer with a cookie; a wrong one gets the form again."""
    sent = parse_qs((await request.body()).decode("utf-8", "replace"))
    try:
        cookie = gateway.door.sign_in(sent.get("key", [""])[0])
    except NotAllowed:
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
    html = files("server").joinpath("login.html").read_text(encoding="utf-8")
    return HTMLResponse(
        html.replace("{problem}", problem), status, headers={"Content-Security-Policy": FORM_POLICY}
    )

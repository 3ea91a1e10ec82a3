"""The page's sign-in: a cookie for whoever has a key, worth what the key is worth."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store.events import Scope
from server.auth import KeyRing, sessions
from tests.server.serving import StandIn, gateway, settings_for

SECRET, NOW = b"s" * 32, 1_700_000_000.0


def test_a_cookie_is_worth_something_until_it_ends() -> None:
    cookie = sessions.issue("abc123", SECRET, NOW)
    assert sessions.read(cookie, SECRET, NOW + sessions.LASTS_S - 1) == "abc123"
    assert sessions.read(cookie, SECRET, NOW + sessions.LASTS_S + 1) is None
    assert sessions.read(cookie, b"t" * 32, NOW) is None


@given(st.text(), st.integers(0, 60), st.characters())
def test_no_other_cookie_is(text: str, at: int, char: str) -> None:
    cookie = sessions.issue("abc123", SECRET, NOW)
    assert sessions.read(text, SECRET, NOW) is None
    forged = cookie[:at] + char + cookie[at + 1 :]
    assert forged == cookie or sessions.read(forged, SECRET, NOW) is None


@pytest.fixture
def guarded(engine: StandIn, tmp_path: Path) -> Iterator[tuple[httpx.Client, KeyRing, str]]:
    """A gateway with one key, for the scope admin."""
    keys = KeyRing(tmp_path / "data")
    (tmp_path / "data").mkdir()
    key = keys.create("ada", "ops", [Scope.ADMIN])
    with gateway(settings_for(tmp_path / "data", engine.url)) as client:
        yield client, keys, key


def test_who_has_a_key_sees_the_page_until_the_key_ends(
    guarded: tuple[httpx.Client, KeyRing, str],
) -> None:
    client, keys, key = guarded
    assert client.get("/").headers["location"] == "/login"
    signed = client.post("/login", data={"key": f" {key} "})
    assert (signed.status_code, signed.headers["location"]) == (303, "/")
    cookie = signed.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert key.lower() not in cookie
    assert client.get("/").status_code == httpx.codes.OK
    assert client.get("/v1/status").status_code == httpx.codes.OK
    keys.revoke(keys.records()[0].id)
    assert client.get("/v1/status").status_code == httpx.codes.UNAUTHORIZED
    assert client.get("/").headers["location"] == "/login"


def test_a_wrong_key_gets_the_form_again_and_signing_out_ends_it(
    guarded: tuple[httpx.Client, KeyRing, str],
) -> None:
    client, _, key = guarded
    for wrong in ({"key": "hone_x_y"}, {}, {"other": key}):
        answer = client.post("/login", data=wrong)
        assert answer.status_code == httpx.codes.UNAUTHORIZED
        assert "no valid key" in answer.text
        assert "set-cookie" not in answer.headers
    client.post("/login", data={"key": key})
    assert client.get("/v1/status").status_code == httpx.codes.OK
    client.post("/logout")
    assert client.get("/v1/status").status_code == httpx.codes.UNAUTHORIZED


def test_a_page_of_another_site_cannot_use_the_cookie(
    guarded: tuple[httpx.Client, KeyRing, str],
) -> None:
    client, _, key = guarded
    client.post("/login", data={"key": key})
    foreign = client.post("/v1/rollback", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == httpx.codes.FORBIDDEN
    own = client.post("/v1/rollback", headers={"Origin": str(client.base_url).rstrip("/")})
    assert own.status_code == httpx.codes.CONFLICT


def test_odd_cookies_and_forms_are_refused_and_nothing_more(
    guarded: tuple[httpx.Client, KeyRing, str],
) -> None:
    client, _, _ = guarded
    for cookie in ("x." + "9" * 5000 + ".y", "..", "x.-1.y"):
        answer = client.get("/v1/status", headers={"Cookie": f"{sessions.COOKIE}={cookie}"})
        assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert client.post("/login", content=b"a=1&" * 2000).status_code == 413


def test_a_page_on_another_port_of_this_host_is_another_site(client: httpx.Client) -> None:
    for headers in (
        {"Origin": "http://127.0.0.1:3000"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ):
        assert client.post("/v1/rollback", headers=headers).status_code == httpx.codes.FORBIDDEN
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=followed).status_code == httpx.codes.OK
    assert client.post("/v1/rollback").status_code == httpx.codes.CONFLICT

"""Clients that are slow, close half of a connection, or have no business here: by bare sockets."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback_store.events import Scope
from server.auth import KeyRing
from tests.server.samples import ANSWER, event, feedback, suggestion
from tests.server.serving import STARTUP_S, StandIn, gateway, settings_for, wait_for

LIMIT_S = 1.0


@pytest.fixture
def client(engine: StandIn, tmp_path: Path) -> Iterator[httpx.Client]:
    """A gateway that waits a second for a body."""
    soon = {"body_timeout_s": LIMIT_S}
    with gateway(settings_for(tmp_path / "data", engine.url, listen=soon)) as running:
        yield running


def head(path: str, length: int, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    return "\r\n".join([*lines, f"Content-Length: {length}", *more, "", ""]).encode()


def connect(client: httpx.Client) -> socket.socket:
    port = client.base_url.port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), timeout=STARTUP_S)


def read(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Read until the gateway closes; return the status and the problem document."""
    with connection.makefile("rb") as file:
        answer = file.read()
    told, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in told
    return int(told.split()[1]), json.loads(body)


@pytest.mark.parametrize("path", ["/v1/suggest", "/v1/feedback", "/v1/completions", "/login"])
@pytest.mark.parametrize("sent", [b"", b'{"wire": 1'])
def test_a_body_that_does_not_come_is_not_waited_for(
    client: httpx.Client, path: str, sent: bytes
) -> None:
    with connect(client) as connection:
        connection.sendall(head(path, 1000) + sent)
        status, said = read(connection)
    assert status == httpx.codes.REQUEST_TIMEOUT
    assert "listen.body_timeout_s" in said["detail"]


def test_an_answer_may_take_longer_than_a_body(client: httpx.Client, engine: StandIn) -> None:
    engine.answer(text=ANSWER, delay_s=2 * LIMIT_S)
    asked = suggestion(deadline_ms=9000.0)
    assert client.post("/v1/suggest", json=asked).json()["new_region"] is not None


def test_feedback_of_a_connection_half_closed_is_stored(
    client: httpx.Client, engine: StandIn
) -> None:
    engine.answer(text=ANSWER)
    known = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
    body = json.dumps(feedback(event(known, 1))).encode()
    with connect(client) as connection:
        connection.sendall(head("/v1/feedback", len(body)) + body)
        connection.shutdown(socket.SHUT_WR)
        wait_for(lambda: client.get("/v1/status").json()["store"]["outcomes"] == 1)
    again = client.post("/v1/feedback", json=feedback(event(known, 1))).json()
    assert (again["stored"], again["duplicates"]) == (0, 1)


def test_a_suggestion_of_a_connection_half_closed_is_written_down_as_cancelled(
    client: httpx.Client, engine: StandIn
) -> None:
    """HTTP allows it, yet to a server it looks like hanging up, which ends the work."""
    engine.answer(text=ANSWER, delay_s=20.0)
    body = json.dumps(suggestion()).encode()
    with connect(client) as connection:
        connection.sendall(head("/v1/suggest", len(body)) + body)
        connection.shutdown(socket.SHUT_WR)

        def cancelled() -> bool:
            status = client.get("/v1/status").json()
            return status["in_flight"] == 0 and any(
                one["reason"] == "cancelled" for one in status["silences"]
            )

        wait_for(cancelled)


@pytest.mark.parametrize("key", [None, "hone_0123_4567", "a.b.c"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/suggest"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/feedback"),
        ("POST", "/v1/rollouts"),
        ("PUT", "/v1/routing"),
        ("POST", "/v1/nothing"),
    ],
)
def test_a_stranger_is_refused_before_the_body_is_read(
    engine: StandIn, tmp_path: Path, method: str, path: str, key: str | None
) -> None:
    KeyRing(tmp_path).create("ada", "compilers", [Scope.SUGGEST])
    shown = [f"Authorization: Bearer {key}"] if key else []
    with gateway(settings_for(tmp_path, engine.url)) as client, connect(client) as connection:
        # Nothing of the body comes, so whoever answers has not waited for it.
        connection.sendall(head(path, 1_000_000, *shown).replace(b"POST", method.encode(), 1))
        status, said = read(connection)
        assert status == httpx.codes.UNAUTHORIZED
        assert "valid key" in said["detail"]
        json_type = {"content-type": "application/json"}
        garbled = client.request(method, path, content=b"{bad", headers=json_type)
        assert garbled.status_code == httpx.codes.UNAUTHORIZED
        assert garbled.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("time", [-1.0, 1e300, -1e300, 253_402_300_800.0])
def test_what_is_no_time_is_refused(client: httpx.Client, time: float) -> None:
    asked = client.post("/v1/suggest", json=suggestion(client_time=time))
    told = client.post("/v1/feedback", json=feedback(event("x", 1, client_time=time)))
    for answer in (asked, told):
        assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert "client_time" in answer.json()["detail"]


@pytest.mark.parametrize("time", [0.0, 1.0, 4e9, 253_402_300_799.0])
def test_a_clock_may_be_wrong_by_years(client: httpx.Client, time: float) -> None:
    asked = client.post("/v1/suggest", json=suggestion(client_time=time))
    assert asked.status_code == httpx.codes.OK
    known = event(asked.json()["suggestion_id"], 1, client_time=time, outcome="withheld")
    told = client.post("/v1/feedback", json=feedback(known))
    assert told.json()["stored"] == 1

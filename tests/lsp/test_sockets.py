"""`hone-lsp --ws`: who may connect, and what those get that may."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.lsp.conftest import user
from tests.lsp.editor import CAPABILITIES, ROOT, WAIT_S
from tests.lsp.scenes import CODE, rewrite
from tests.lsp.standin import StandIn

PAGE = Origin("http://localhost:8080")
TOKEN = "a token that is long enough"


class Listening:
    """A `hone-lsp --ws` process, with its address as it printed it."""

    def __init__(self, environ: dict[str, str], *flags: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lsp.cli", "--ws", *flags],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()

    def end(self) -> str:
        """End it as a service manager does; what it wrote after the address."""
        self.process.terminate()
        out, errors = self.process.communicate(timeout=WAIT_S)
        return out + errors


@pytest.fixture(scope="module")
def listening(standin: StandIn, house: Path) -> Iterator[Listening]:
    started = Listening(user(standin, house), "--ws.origins", PAGE, "--log.level", "warning")
    yield started
    assert started.end() == ""
    assert started.process.returncode == 0


class Page:
    """What a page in a browser does with a connection, as far as a test needs it."""

    def __init__(self, socket: ClientConnection, workspace: Path) -> None:
        self.socket = socket
        self.uri = (workspace / "a.py").as_uri()
        about: dict[str, Any] = {"rootUri": workspace.as_uri(), "capabilities": CAPABILITIES}
        self.request("initialize", {"processId": None} | about)
        self.notify("initialized", {})
        item = {"uri": self.uri, "languageId": "python", "version": 1, "text": CODE}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def notify(self, method: str, params: Any) -> None:
        self.socket.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    def request(self, method: str, params: Any) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.socket.send(json.dumps(message))
        while True:
            answer = self.socket.recv(WAIT_S)
            assert isinstance(answer, str), "a browser reads text frames"
            answer = json.loads(answer)
            if "method" not in answer:
                return answer["result"]

    def next_edit(self) -> list[dict[str, Any]]:
        """Make an edit, and ask for the next one."""
        spot = {"line": 2, "character": 0}
        document = {"uri": self.uri, "version": 2}
        change = {"range": {"start": spot, "end": {"line": 2, "character": 7}}, "text": "total_2"}
        params = {"textDocument": document, "contentChanges": [change]}
        self.notify("textDocument/didChange", params)
        place = {"textDocument": document, "position": {"line": 4, "character": 0}}
        return self.request("textDocument/copilotInlineEdit", place)["edits"]

    def hang_up_in_order(self) -> None:
        self.request("shutdown", None)
        self.notify("exit", None)
        with pytest.raises(ConnectionClosedOK):
            self.socket.recv(WAIT_S)


def test_a_page_with_the_token_gets_a_suggestion(
    listening: Listening, gateway: StandIn, workspace: Path
) -> None:
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    with connect(listening.address, origin=PAGE) as socket:
        [edit] = Page(socket, workspace).next_edit()
        assert edit["text"] == "total"


def test_every_connection_has_a_session_of_its_own(
    listening: Listening, gateway: StandIn, workspace: Path
) -> None:
    with connect(listening.address, origin=PAGE) as first:
        page = Page(first, workspace)
        with connect(listening.address, origin=PAGE) as second:
            other = Page(second, workspace)
            assert other.next_edit() == []
            assert page.next_edit() == []
            other.hang_up_in_order()
        assert page.request("workspace/executeCommand", {"command": "hone.status"})
    sessions = [request.session for request in gateway.requests]
    assert len(sessions) == len(set(sessions)) == 2


def test_a_connection_that_breaks_settles_its_suggestions(
    listening: Listening, gateway: StandIn, workspace: Path
) -> None:
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    with connect(listening.address, origin=PAGE) as socket:
        assert Page(socket, workspace).next_edit()
        socket.socket.close()
    with connect(listening.address, origin=PAGE) as socket:
        Page(socket, workspace).hang_up_in_order()
    kinds = {event.kind for event in gateway.events}
    assert kinds == {"outcome", "settled"}


def held(spools: Path) -> list[Path]:
    """The folders of feedback that somebody has."""
    found: list[Path] = []
    for path in spools.glob("*/*/lock"):
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(path)
    return found


def test_an_end_without_a_gateway_lets_go_of_the_feedback(gateway: StandIn, tmp_path: Path) -> None:
    started = Listening(user(gateway, tmp_path), "127.0.0.1:0", "--ws.origins", PAGE)
    spools = tmp_path / "state" / "hone" / "spool"
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    try:
        with connect(started.address, origin=PAGE) as socket:
            page = Page(socket, tmp_path)
            assert page.next_edit()
            assert held(spools)
            gateway.stop()
            page.hang_up_in_order()
        until = time.monotonic() + WAIT_S
        while held(spools):
            assert time.monotonic() < until, "the spool is still held"
            time.sleep(0.02)
    finally:
        said = started.end()
    assert "Traceback" not in said
    assert [path for path in spools.glob("*/*/events-*") if "settled" in path.read_text()]


Change = Callable[[str], str]


def keep(address: str) -> str:
    return address


@pytest.mark.parametrize(
    ("change", "origin", "headers", "status"),
    [
        (lambda address: address[:-4], PAGE, {}, 401),
        (lambda address: address.partition("?")[0], PAGE, {}, 401),
        (lambda address: address + "&token=other", PAGE, {}, 401),
        (keep, None, {}, 403),
        (keep, Origin("http://evil.example"), {}, 403),
        (keep, Origin("http://localhost:8081"), {}, 403),
        (keep, Origin("null"), {}, 403),
        (keep, PAGE, {"Origin": PAGE}, 403),
        (keep, PAGE, {"Host": "rebound.example"}, 403),
    ],
)
def test_everybody_else_is_refused(
    listening: Listening,
    change: Change,
    origin: Origin | None,
    headers: dict[str, str],
    status: int,
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(change(listening.address), origin=origin, additional_headers=headers)
    assert refused.value.response.status_code == status


def test_a_name_that_was_rebound_to_loopback_is_refused(listening: Listening) -> None:
    place = urlsplit(listening.address)
    assert place.port
    address = listening.address.replace("127.0.0.1", "rebound.example")
    sock = create_connection(("127.0.0.1", place.port))
    with closing(sock), pytest.raises(InvalidStatus) as refused:
        connect(address, sock=sock, origin=PAGE, proxy=None)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.168.1.5:0", "example.com:80", "[::]:0", "x"])
def test_only_loopback_is_listened_on(address: str) -> None:
    done = run(address, "--ws.origins", PAGE)
    assert done.returncode == 2
    assert "--ws" in done.stderr
    assert done.stdout == ""


def test_it_takes_origins_and_a_token_worth_its_name() -> None:
    done = run("127.0.0.1:0")
    assert (done.returncode, "ws.origins" in done.stderr) == (2, True)
    done = run("127.0.0.1:0", "--ws.origins", PAGE, HONE_LSP_WS__TOKEN="short")
    assert (done.returncode, "ws.token" in done.stderr) == (2, True)
    assert "short" not in done.stderr.replace("too short", "")


def test_a_token_of_the_settings_is_not_printed(gateway: StandIn, tmp_path: Path) -> None:
    environ = user(gateway, tmp_path) | {"HONE_LSP_WS__TOKEN": TOKEN}
    started = Listening(environ, "localhost:0", "--ws.origins", f"{PAGE},https://ide.example")
    try:
        assert "token" not in started.address
        address = started.address + "?token=" + TOKEN.replace(" ", "%20")
        with connect(address, origin=Origin("https://ide.example")) as socket:
            assert Page(socket, tmp_path).next_edit() == []
    finally:
        said = started.end()
    assert TOKEN not in said


def run(*flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lsp.cli", "--ws", *flags],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, **environ},
        text=True,
        timeout=WAIT_S,
    )

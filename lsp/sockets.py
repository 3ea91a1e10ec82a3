"""`hone-lsp --ws`: the language server for editors that live in a browser.

Any page that the user visits can open a connection to this machine, so the door has four locks:
it listens on loopback only, and before anything is upgraded it checks the Host (a rebound name),
the Origin (the page) and a token. Every connection has a session of its own. Knows sockets and
who may connect. Does not know what any message means.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import secrets
import signal
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import lsp_method
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from lsp.app import build
from lsp.config import ConfigError, Settings
from lsp.connection import is_loopback
from lsp.host import HoneServer
from lsp.protocol import HoneProtocol

MAX_MESSAGE_BYTES = 16 << 20
"""A didOpen holds a whole file; far more than exclude.max_bytes is no editor's."""
MIN_TOKEN = 16
log = logging.getLogger(__name__)


class SocketProtocol(HoneProtocol):
    """Speaks with one of several editors: `exit` ends its connection, not the process."""

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: Any) -> Any:
        """Hang up."""
        if self.writer is not None:
            self.writer.close()


class SocketServer(HoneServer):
    """The server of one connection."""

    protocol_class = SocketProtocol
    owns_process = False


class _Writer:
    """What pygls writes to. Text frames: a browser hands binary ones over as blobs."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._sending: set[asyncio.Task[None]] = set()

    def write(self, data: bytes) -> None:
        """Send a message after those before it."""
        self._keep(self._send(data))

    def close(self) -> None:
        """Hang up after what was written."""
        self._keep(self._connection.close())

    def _keep(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, data: bytes) -> None:
        # Whoever hung up does not want it any more.
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(data, text=True)


class Door:
    """Who may connect."""

    def __init__(self, token: str, origins: tuple[str, ...]) -> None:
        self._token = token.encode()
        self._origins = frozenset(origins)

    def refusal(self, request: Request) -> tuple[HTTPStatus, str] | None:
        """Return why a request is turned away, or None if it may come in."""
        if not is_loopback(_host(request)):
            return HTTPStatus.FORBIDDEN, "the Host is not this machine's loopback"
        if request.headers.get_all("Origin") not in [[origin] for origin in self._origins]:
            return HTTPStatus.FORBIDDEN, "the Origin is not in ws.origins"
        given = parse_qs(urlsplit(request.path).query).get("token", [])
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), self._token):
            return HTTPStatus.UNAUTHORIZED, "the token is missing or wrong"
        return None


def run(settings: Settings, environ: Mapping[str, str], address: str) -> int:
    """Serve until a signal ends it; 0.

    Raises:
        ConfigError: an address that is not loopback's or is taken, no origins, or a weak token.
    """
    host, port = parse_address(address)
    token = _token(settings)
    if not settings.ws.origins:
        raise ConfigError(
            "--ws needs ws.origins: the origins of the pages that may connect, "
            "such as --ws.origins http://localhost:8080"
        )
    door = Door(token, settings.ws.origins)
    # A token from the settings is known to whoever needs it.
    query = "" if settings.ws.token else f"?token={token}"
    asyncio.run(_serve(settings, environ, door, (host, port), query))
    return 0


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT.

    Raises:
        ConfigError: it is no address, or others could reach it.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isdigit() or int(port) > 65535 or not host:
        raise ConfigError(f"--ws: not HOST:PORT: {address!r}; such as --ws 127.0.0.1:0")
    if not is_loopback(host):
        raise ConfigError(
            f"--ws: {host} can be reached from outside; only loopback may be: 127.0.0.1:{port}"
        )
    # The name is whatever a hosts file says; the number is loopback.
    return ("127.0.0.1" if host == "localhost" else host), int(port)


async def _serve(
    settings: Settings,
    environ: Mapping[str, str],
    door: Door,
    address: tuple[str, int],
    query: str,
) -> None:
    def admit(connection: ServerConnection, request: Request) -> Response | None:
        refusal = door.refusal(request)
        return connection.respond(refusal[0], refusal[1] + "\n") if refusal else None

    async def connected(connection: ServerConnection) -> None:
        await _converse(build(settings, environ, SocketServer), connection)

    try:
        server = await serve(
            connected,
            *address,
            process_request=admit,
            max_size=MAX_MESSAGE_BYTES,
            compression=None,
        )
    except OSError as error:
        raise ConfigError(f"--ws: cannot listen on {address[0]}:{address[1]}: {error}") from None
    async with server:
        _say_where(server, query)
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()


async def _converse(server: HoneServer, connection: ServerConnection) -> None:
    """Let one editor speak until it hangs up."""
    server.protocol.set_writer(_Writer(connection), include_headers=False)
    try:
        async for data in connection:
            try:
                message = json.loads(data, object_hook=server.protocol.structure_message)
                server.protocol.handle_message(message)
            except Exception as error:  # as pygls does on standard input: the next may be fine
                server.report_server_error(error, JsonRpcException)
    except ConnectionClosed:
        log.info("the connection broke")
    finally:
        await server.end()


def _say_where(server: Server, query: str) -> None:
    """Print the address, once: this line is all that a launcher needs to read."""
    host, port = server.sockets[0].getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"ws://{shown}:{port}/{query}", flush=True)


def _token(settings: Settings) -> str:
    if settings.ws.token is None:
        return secrets.token_urlsafe(32)
    token = settings.ws.token.get_secret_value()
    if len(token) < MIN_TOKEN:
        raise ConfigError(f"ws.token is too short: at least {MIN_TOKEN} characters")
    return token


def _host(request: Request) -> str:
    """Return the name that the client believes it speaks to, or an empty string."""
    found = request.headers.get_all("Host")
    try:
        return urlsplit(f"//{found[0]}").hostname or "" if len(found) == 1 else ""
    except ValueError:
        return ""

"""The operations, asked of the gateway that owns the data folder.

Knows the gateway's address and its routes under /v1/store. Does not know what they do
(feedback_store.operations). Speaks to nobody but the gateway of the configuration.
"""

import http.client
import json
import socket
import time
import urllib.parse
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from feedback_store.config import GatewaySettings
from feedback_store.errors import StoreError

TOKEN_HEADER = "X-Hone-Folder"
IMPORT_AT_ONCE = 500
"""Entries that one request carries."""
TOO_MANY = 429
WAITS_S = (0.2, 0.5, 1.0, 2.0, 2.0)
"""An import's requests may come faster than the gateway lets one key ask."""


class GatewayRefused(StoreError):
    """The gateway is away, or answered with a refusal, whose text this is."""


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Remote:
    """Asks the gateway; each method returns the JSON of the answer."""

    def __init__(self, settings: GatewaySettings, token: str) -> None:
        """`token` is the owner's, from the folder's LOCK: another folder's gateway refuses it."""
        self._settings = settings
        self._token = token

    def stats(self) -> dict[str, Any]:
        """See Operations.stats."""
        return self._call("GET", "stats")

    def do(self, operation: str, **body: Any) -> dict[str, Any]:
        """Have an operation done, with what it needs to know."""
        return self._call("POST", operation, body)

    def take_in(self, entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Send entries in order, some at a time; sending them again does no harm."""
        total: dict[str, int] = {}
        for part in _parts(entries, IMPORT_AT_ONCE):
            for name, count in self._call("POST", "import", {"entries": part}).items():
                total[name] = total.get(name, 0) + count
        return total

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", TOKEN_HEADER: self._token}
        if self._settings.key:
            headers["Authorization"] = f"Bearer {self._settings.key}"
        text = None if body is None else json.dumps(body)
        status, answer = self._once(method, path, text, headers)
        for wait_s in WAITS_S:
            if status != TOO_MANY:
                break
            # It says so before it does anything, so nothing is done twice.
            time.sleep(wait_s)
            status, answer = self._once(method, path, text, headers)
        if status >= 400:
            raise GatewayRefused(str(answer.get("detail", f"status {status}")))
        return answer

    def _once(
        self, method: str, path: str, text: str | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        connection = self._connection()
        try:
            connection.request(method, f"/v1/store/{path}", text, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            where = self._settings.socket or self._settings.url
            raise GatewayRefused(
                f"the data folder is owned by a gateway, and {where} does not answer: {error}; "
                "set --gateway.url or --gateway.socket"
            ) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        timeout = self._settings.timeout_s
        if self._settings.socket is not None:
            return _SocketConnection(str(self._settings.socket), timeout)
        url = urllib.parse.urlsplit(self._settings.url)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        return kind(url.hostname or "localhost", url.port, timeout=timeout)


def _parts(entries: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    rest = iter(entries)
    while part := list(islice(rest, size)):
        yield part

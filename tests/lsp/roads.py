"""Real roads for tests: a gateway behind TLS with an authority of its own, and a real proxy."""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from tests.lsp.standin import HELLO

HOST = "gateway.example"
"""A name that nobody knows, so that only a proxy can lead to it."""


class Secure:
    """What answers hello over TLS."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                data = HELLO.model_dump_json().encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Stay quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that does not trust the certificate hangs up."""

            def finish_request(self, request: Any, client_address: Any) -> None:
                # Here and not at accept, so that one bad handshake keeps nobody waiting.
                with context.wrap_socket(request, server_side=True) if context else request as safe:
                    super().finish_request(safe, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Proxy:
    """An HTTP proxy that leads every CONNECT to one port, and keeps a history of its requests."""

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        self.status = "200 OK"
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        with client:
            asked = b""
            while b"\r\n\r\n" not in asked and (more := client.recv(4096)):
                asked += more
            self.asked.append(asked.split(b"\r\n")[0].decode())
            client.sendall(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
            if self.status.startswith("200"):
                with socket.create_connection(("127.0.0.1", self._target)) as gateway:
                    _join(client, gateway)


def _join(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until one side ends."""
    while True:
        for ready in select.select([one, other], [], [])[0]:
            with contextlib.suppress(OSError):
                if data := ready.recv(65_536):
                    (other if ready is one else one).sendall(data)
                    continue
            return


@contextlib.contextmanager
def secure_gateway(authority: trustme.CA, host: str = HOST, days: float = 90.0) -> Iterator[Secure]:
    """Run a gateway with a certificate of the authority's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    until = datetime.now(UTC) + timedelta(days=days)
    since = until - timedelta(days=365)
    authority.issue_cert(host, not_before=since, not_after=until).configure_cert(context)
    running = Secure(context)
    try:
        yield running
    finally:
        running.stop()


def ca_file(authority: trustme.CA, folder: Path) -> Path:
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path

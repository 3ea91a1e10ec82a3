"""The way to the gateway: which socket, proxy and certificates, and what went wrong in words.

Loopback and sockets are never proxied; elsewhere HTTPS_PROXY, HTTP_PROXY and NO_PROXY say. A
certificate is checked against `gateway.ca_file` alone where that is set, else against what this
machine and certifi trust. Knows ways and errors. Does not know what is said on them.
"""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from lsp.config import GatewaySettings

if TYPE_CHECKING:
    import aiohttp

EXPIRED, NOT_YET, OTHER_NAME = 10, 9, 62
UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's numbers for why a certificate is not trusted."""


@dataclass(frozen=True)
class Route:
    """How the gateway is reached."""

    url: str
    host: str
    encrypted: bool
    socket: str | None = None
    proxy: str | None = None
    """Its address, with the password if it has one."""
    ca_file: Path | None = None

    @property
    def local(self) -> bool:
        """Whether it ends on this machine."""
        return self.socket is not None or is_loopback(self.host)

    @property
    def proxy_name(self) -> str:
        """The proxy without user and password."""
        parts = urlsplit(self.proxy or "")
        return f"{parts.scheme}://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")


def route_to(settings: GatewaySettings) -> Route:
    """Return the way to the configured gateway; the proxy is the environment's or system's."""
    url = urlsplit(settings.url)
    if url.scheme == "unix":
        return Route(settings.url, "", False, socket=url.path)
    host, encrypted = url.hostname or "", url.scheme == "https"
    proxy = None
    if not is_loopback(host) and not proxy_bypass(url.netloc.rpartition("@")[2]):
        proxies = getproxies()
        proxy = proxies.get(url.scheme) or proxies.get("all")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    return Route(settings.url, host, encrypted, None, proxy, settings.ca_file)


def is_loopback(host: str) -> bool:
    """Whether a host's name can only mean this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def trusted(route: Route) -> ssl.SSLContext | None:
    """Return whose certificates are believed on the way; None where none is shown. Reads files.

    Raises:
        OSError: the certificates cannot be read.
    """
    if not route.encrypted:
        return None
    if route.ca_file is not None:
        return ssl.create_default_context(cafile=str(route.ca_file))
    import certifi

    context = ssl.create_default_context()
    # Some systems' Pythons come without any authority.
    context.load_verify_locations(certifi.where())
    return context


def watched(context: ssl.SSLContext) -> list[dict[str, Any]]:
    """Return a list which every certificate that the context is shown is added to."""
    shown: list[dict[str, Any]] = []

    class Watched(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            shown.append(self.getpeercert() or {})

    context.sslobject_class = Watched
    return shown


def open_client(
    route: Route, trust: ssl.SSLContext | None, version: str
) -> "aiohttp.ClientSession":
    """Return a client for the route, with paths relative to it. Connects to nothing yet; belongs
    to the running loop.

    Raises:
        ValueError: the proxy is of a kind that cannot be used.
    """
    import aiohttp

    if route.proxy and urlsplit(route.proxy).scheme not in ("http", "https"):
        raise ValueError("only proxies of http:// and https:// can be used")
    connector = (
        aiohttp.UnixConnector(route.socket)
        if route.socket
        else aiohttp.TCPConnector(ssl=True if trust is None else trust)
    )
    return aiohttp.ClientSession(
        "http://hone/" if route.socket else route.url.rstrip("/") + "/",
        headers={"Content-Type": "application/json", "User-Agent": f"hone-lsp/{version}"},
        connector=connector,
        proxy=route.proxy,
        # What the environment says was read above, so that `doctor` says what really happens.
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def exchange(
    client: "aiohttp.ClientSession",
    method: str,
    path: str,
    headers: dict[str, str],
    content: bytes | None = None,
) -> tuple[int, bytes]:
    """Ask once; the status and the whole answer. Wherever that points to, nobody goes there."""
    asking = client.request(method, path, headers=headers, data=content, allow_redirects=False)
    async with asking as response:
        return response.status, await response.read()


def in_words(error: Exception, route: Route) -> str:
    """Return what went wrong, and where, for a person."""
    import aiohttp

    causes = list(_causes(error))
    for cause in reversed(causes):  # aiohttp's own is of that kind too, and knows less
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {route.host} {_distrust(cause, route)}"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        if route.ca_file is not None and not isinstance(error, aiohttp.ClientError):
            return f"gateway.ca_file {route.ca_file} holds no certificates"
        return f"{route.url} does not speak TLS as it should ({error}); is http:// meant?"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        said = f"{error.status} {error.message}"
        return f"the proxy {route.proxy_name} does not let through to {route.host}: {said}"
    where = f"the proxy {route.proxy_name}" if route.proxy else route.url
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return f"{where} cannot be reached: nobody knows that name"
    if isinstance(error, FileNotFoundError) and route.ca_file is not None:
        return f"gateway.ca_file {route.ca_file} cannot be read"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    return f"{where} cannot be reached: {error or type(error).__name__}"


def _distrust(error: ssl.SSLCertVerificationError, route: Route) -> str:
    if error.verify_code == EXPIRED:
        return "has expired: it must be renewed there, or this machine's clock is wrong"
    if error.verify_code == NOT_YET:
        return "is not valid yet: is this machine's clock right?"
    if error.verify_code == OTHER_NAME:
        return f"is for another name than {route.host}"
    if error.verify_code in UNKNOWN_AUTHORITY:
        known = f"gateway.ca_file {route.ca_file} holds" if route.ca_file else "this machine trusts"
        return f"is signed by nobody that {known}"
    return f"is not accepted: {error.verify_message}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

"""Private authorities and proxies, with real ones; and what is said when they stand in the way."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

from lsp.checkup import Check, Checkup, State
from lsp.config import load
from lsp.connection import is_loopback, route_to
from lsp.credentials import Found
from lsp.gateway import Gateway
from tests.lsp.roads import HOST, Proxy, Secure, ca_file, secure_gateway
from tests.lsp.standin import StandIn

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> str:
    return str(ca_file(authority, tmp_path))


@contextlib.contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.stop()


def trouble(url: str, **more: str) -> str:
    """Greet a gateway; what stood in the way, or an empty string."""

    async def greet() -> str:
        settings = load(None, {"gateway.url": url} | more, {}).gateway
        gateway = Gateway(settings, lambda: Found(None, "nowhere"), "0")
        hello = await gateway.greet()
        await gateway.close()
        return "" if hello else gateway.trouble.detail

    return asyncio.run(greet())


def examined(folder: Path, url: str, **more: str) -> dict[str, Check]:
    settings = load(None, {"gateway.url": url} | more, {})
    checks = asyncio.run(Checkup(settings, {"HOME": str(folder)}, folder).run())
    return {check.name: check for check in checks}


def on_loopback(secure: Secure) -> str:
    return f"https://localhost:{secure.port}"


def test_a_private_authority(authority: trustme.CA, trusted: str) -> None:
    with secure_gateway(authority, "localhost") as secure:
        assert trouble(on_loopback(secure), **{"gateway.ca_file": trusted}) == ""
        assert "signed by nobody that this machine trusts" in trouble(on_loopback(secure))


def test_another_authority(authority: trustme.CA, tmp_path: Path) -> None:
    other = str(ca_file(trustme.CA(), tmp_path))
    with secure_gateway(authority, "localhost") as secure:
        said = trouble(on_loopback(secure), **{"gateway.ca_file": other})
    assert "signed by nobody that gateway.ca_file" in said
    assert other in said


@pytest.mark.parametrize(
    ("host", "days", "words"),
    [
        ("localhost", -1.0, "has expired"),
        ("localhost", 400.0, "not valid yet"),
        ("elsewhere.example", 90.0, "for another name than localhost"),
    ],
)
def test_a_certificate_that_does_not_fit(
    authority: trustme.CA, trusted: str, host: str, days: float, words: str
) -> None:
    with secure_gateway(authority, host, days) as secure:
        assert words in trouble(on_loopback(secure), **{"gateway.ca_file": trusted})


def test_certificates_that_are_none(authority: trustme.CA, tmp_path: Path) -> None:
    with secure_gateway(authority, "localhost") as secure:
        missing = {"gateway.ca_file": str(tmp_path / "missing.pem")}
        assert "missing.pem cannot be read" in trouble(on_loopback(secure), **missing)
        (tmp_path / "empty.pem").write_text("nothing\n")
        empty = {"gateway.ca_file": str(tmp_path / "empty.pem")}
        assert "empty.pem holds no certificates" in trouble(on_loopback(secure), **empty)


def test_no_tls_where_it_is_expected(gateway: StandIn) -> None:
    assert "is http:// meant?" in trouble(gateway.url.replace("http", "https"))


def test_a_proxy_leads_to_the_gateway(
    authority: trustme.CA, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, ca = f"https://{HOST}", {"gateway.ca_file": trusted}
    with secure_gateway(authority) as secure, proxy_to(secure.port) as proxy:
        assert "nobody knows that name" in trouble(url, **ca)
        assert proxy.asked == []
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert trouble(url, **ca) == ""
        assert proxy.asked == [f"CONNECT {HOST}:443 HTTP/1.1"]
        monkeypatch.setenv("NO_PROXY", "other.example,.example")
        assert "nobody knows that name" in trouble(url, **ca)
        assert len(proxy.asked) == 1


def test_loopback_is_never_proxied(
    authority: trustme.CA, trusted: str, gateway: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secure_gateway(authority, "localhost") as secure, proxy_to(secure.port) as proxy:
        for name in VARIABLES[:3]:
            monkeypatch.setenv(name, proxy.url)
        assert trouble(on_loopback(secure), **{"gateway.ca_file": trusted}) == ""
        assert trouble(gateway.url) == ""
        assert proxy.asked == []


def test_a_proxy_that_stands_in_the_way(
    authority: trustme.CA, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, ca = f"https://{HOST}", {"gateway.ca_file": trusted}
    with secure_gateway(authority) as secure, proxy_to(secure.port) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//user:pass@"))
        proxy.status = "403 Forbidden"
        said = trouble(url, **ca)
    assert f"the proxy {proxy.url} does not let through to {HOST}" in said
    assert "pass" not in said
    said = trouble(url, **ca)
    assert f"the proxy {proxy.url} cannot be reached" in said
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    said = trouble(url, **ca)
    assert "socks5://127.0.0.1:1" in said
    assert "only proxies of http:// and https://" in said


def test_the_doctor_explains_the_way(
    authority: trustme.CA, trusted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, ca = f"https://{HOST}", {"gateway.ca_file": trusted}
    with secure_gateway(authority, days=10) as secure, proxy_to(secure.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        found = examined(tmp_path, url, **ca)
        assert f"through the proxy {proxy.url}" in found["way"].said
        assert "NO_PROXY" in found["way"].advice
        assert found["certificate"].state == State.NOTE
        assert "good for 10 days" in found["certificate"].said
        assert trusted in found["certificate"].said
        assert "renewed" in found["certificate"].advice
        found = examined(tmp_path, url)
        assert found["gateway"].state == State.BAD
        assert "signed by nobody" in found["gateway"].said
        assert "gateway.ca_file" in found["gateway"].advice


def test_the_doctor_warns_of_an_open_way(tmp_path: Path) -> None:
    found = examined(tmp_path, f"http://{HOST}")
    assert found["encryption"].state == State.NOTE
    assert "encryption" not in examined(tmp_path, "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_what_is_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) == local


def test_an_answer_that_points_elsewhere_is_not_followed(gateway: StandIn) -> None:
    class Pointing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(307)
            self.send_header("Location", f"{gateway.url}/v1/hello")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    with HTTPServer(("127.0.0.1", 0), Pointing) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        said = trouble(f"http://127.0.0.1:{server.server_port}")
    assert "the gateway answered 307" in said
    assert gateway.greetings == 0


def test_a_socket_has_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    settings = load(None, {"gateway.url": "unix:///run/hone.sock"}, {}).gateway
    assert route_to(settings).proxy is None
    assert route_to(settings).socket == "/run/hone.sock"

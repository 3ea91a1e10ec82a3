"""The running gateway, asked from a shell on its machine.

Knows where the settings say that it listens, and that it must show the certificate they name. Does
not know what it is asked.
"""

import ipaddress
import re
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from server.config import ListenSettings

TIMEOUT_S = 30.0
FIRST_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL
)


class Unanswered(ValueError):
    """The gateway is away, or refuses; the text says which and what to do."""


def ask(listen: ListenSettings, key: str | None, method: str, path: str, body: Any = None) -> Any:
    """Return the JSON of the gateway's answer.

    Raises:
        Unanswered: there is none, or it is a refusal.
        OSError: the certificate cannot be read.
    """
    url = address(listen)
    transport = httpx.HTTPTransport(
        uds=str(listen.socket) if listen.socket else None,
        verify=trusting(listen.tls_cert) if listen.tls_cert else True,
    )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(transport=transport, timeout=TIMEOUT_S, headers=headers) as client:
            answer = client.request(method, url + path, json=body)
    except httpx.HTTPError as error:
        raise Unanswered(f"no gateway answers at {listen.socket or url}: {error}") from error
    try:
        found = answer.json()
    except ValueError as error:
        raise Unanswered(f"what answers at {listen.socket or url} is no gateway") from error
    if answer.is_error:
        raise Unanswered(str(found.get("detail", answer.text)))
    return found


def address(listen: ListenSettings) -> str:
    """Return the URL of what listens by these settings, as seen from this machine. Pure."""
    host = listen.host
    with suppress(ValueError):  # a name is asked for as it is
        one = ipaddress.ip_address(host)
        # Bound to every address, it answers on this machine's own.
        anywhere = {4: "127.0.0.1", 6: "::1"}
        host = anywhere[one.version] if one.is_unspecified else host
    scheme = "https" if listen.tls_cert else "http"
    return (
        f"{scheme}://[{host}]:{listen.port}" if ":" in host else f"{scheme}://{host}:{listen.port}"
    )


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return what trusts the one certificate that the gateway serves, and no other.

    Then neither an authority of the company's nor the name that it is made out to matters: the
    gateway is asked by an address of its machine.

    Raises:
        Unanswered: the file holds no certificate.
        OSError: it cannot be read.
    """
    found = FIRST_CERTIFICATE.search(certificate.read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise Unanswered(f"listen.tls_cert {certificate} holds no certificate (PEM)")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=found[0])
    return context

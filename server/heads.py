"""The heads of requests: how long one may take to arrive, and how long it may be.

uvicorn waits for the end of a head for good and, with httptools, keeps whatever comes of it. Knows
uvicorn's protocols. Does not know bodies (server.middleware), whose requests have a route already.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from server.errors import problem

LONGEST_HEAD = 64 * 1024
"""In bytes; as h11 has it by itself. The requests of Hone's own programs have a few hundred."""
LONGEST_AHEAD = 1024 * 1024
"""Of what is sent behind a request that is still at work, in bytes: it may hold a body too."""


def bounded(
    limit_s: float, protocol: type[asyncio.Protocol] = AutoHTTPProtocol
) -> type[asyncio.Protocol]:
    """Return one of uvicorn's protocols so that it ends connections whose next head takes longer
    than `limit_s`, or is longer than LONGEST_HEAD."""
    return type("Bounded", (_BoundedHeads, protocol), {"limit_s": limit_s})


class _BoundedHeads(asyncio.Protocol):
    """Goes before uvicorn's own class. A head is awaited from the connection's beginning, or from
    the first byte behind a body, until uvicorn has made a request of it.

    Where a request was answered before its body was there, nobody can tell from here where that
    ends and the next head begins: then both together have the time of one head, and it ends in
    silence, since an answer that nobody waits for would be taken for the next request's.
    """

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    cycle: Any
    """uvicorn's: the request under way, or the last one; None before the first."""
    limit_s = 0.0
    _giving_up: asyncio.TimerHandle | None = None
    _arrived = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        in_body = before is not None and before.more_body
        if in_body and not self._is_idle:
            super().data_received(data)
            return
        if self._giving_up is None:
            self._arrived = 0
        self._arrived += 0 if in_body else len(data)
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting()
        elif self._arrived > (LONGEST_HEAD if self._is_idle else LONGEST_AHEAD):
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._refuse(status, f"the request's head is longer than {LONGEST_HEAD} bytes")
        elif self._giving_up is None:  # only now: nearly all heads come in one piece
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _is_idle(self) -> bool:
        """Whether no request is at work."""
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._giving_up = self.loop.call_later(self.limit_s, self._give_up, self.cycle)

    def _stop_waiting(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _give_up(self, before: Any) -> None:
        self._giving_up = None
        if self.cycle is not before:
            return  # h11 takes up what has waited when the request before is answered
        if not self._is_idle:
            self._giving_up = self.loop.call_later(self.limit_s, self._give_up, before)
            return
        text = f"the request's head took longer than {self.limit_s:g} s; see listen.head_timeout_s"
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, text)

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """End the connection, with a problem document where somebody waits for one."""
        self._stop_waiting()
        if self._arrived and self._is_idle and not self.transport.is_closing():
            body = bytes(problem(status, detail).body)
            head = (
                f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: application/problem+json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()

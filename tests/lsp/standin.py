"""A small real gateway: HTTP, with a queue of answers to give and a history of what it got.

Knows the wire types. Does not know models: a test says what to answer. Feedback is acknowledged
like the real one does, by a high-water mark per producer.
"""

import json
import select
import socket
import threading
import uuid
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from feedback_store.events import (
    FeedbackAck,
    FeedbackBatch,
    FeedbackLevel,
    Hello,
    Outcome,
    Reason,
    SuggestRequest,
    SuggestResponse,
)

Answer = Callable[[str], str | None] | Reason
"""Rewrites the region (None: no edit), or the reason to withhold."""

HELLO = Hello(
    version="0",
    wire_versions=(1,),
    policy_version="hone-000001",
    base_model="hone-tiny",
    region_lines=10,
    prefix_lines=12,
    suffix_lines=6,
    recent_edits=3,
    feedback_level=FeedbackLevel.FULL,
)


class _Handler(BaseHTTPRequestHandler):
    gateway: "StandIn"
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    """An answer leaves in one piece: in two, the second waits for the first's receipt."""

    def do_GET(self) -> None:
        status = self.gateway.seen(dict(self.headers))
        if self.gateway.greeted(self._gone):
            self._reply(status, self.gateway.hello.model_dump_json())
        else:
            self.close_connection = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.gateway.seen(dict(self.headers))
        self._reply(*self.gateway.post(self.path, body.decode(), self._gone))

    def _gone(self, wait_s: float) -> bool:
        """Wait; whether the client hangs up meanwhile."""
        news, _, _ = select.select([self.connection], [], [], wait_s)
        return bool(news) and not self.connection.recv(1, socket.MSG_PEEK)

    def _reply(self, status: int, text: str) -> None:
        data = text.encode()
        try:
            if self.gateway._server is None:
                # A stopped gateway's connections break.
                raise BrokenPipeError
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


class StandIn:
    """One gateway. Start and stop it as often as a test likes; it keeps its port and memory."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.requests: list[SuggestRequest] = []
        self.given: list[str] = []
        """The ids of the suggestions answered with, in order."""
        self.events: list[Any] = []
        """Feedback events of all kinds, in the order in which they were stored."""
        self.bodies: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.key: str | None = None
        """What must be shown, or 401."""
        self.hangups: list[SuggestRequest] = []
        """Requests whose client went away before they were answered."""
        self.greetings = 0
        self.muted = False
        """Whether greetings wait for their answer."""
        self.delay_s = 0.0
        self.status = 200
        self.confidence: float | None = None
        self.refuses: set[str] = set()
        """Suggestion ids whose feedback is answered by 422."""
        self.hello = HELLO
        self._high: dict[str, int] = {}
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Forget what a test said and saw; not the high-water marks."""
        with self._lock:
            self.answers.clear()
            self.requests.clear()
            self.events.clear()
            self.bodies.clear()
            self.headers.clear()
            self.hangups.clear()
            self.given.clear()
        self.delay_s, self.status, self.confidence, self.key = 0.0, 200, None, None
        self.greetings, self.muted = 0, False
        self.refuses.clear()
        self.hello = HELLO

    def start(self) -> None:
        if self._server is not None:
            return
        handler = type("_Bound", (_Handler,), {"gateway": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        # A client that hangs up is no error of this server's.
        self._server.handle_error = lambda request, client_address: None
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def seen(self, headers: dict[str, str]) -> int:
        """Note a request's headers; the status of the answer."""
        with self._lock:
            self.headers.append(headers)
        missing = self.key and headers.get("Authorization") != f"Bearer {self.key}"
        return 401 if missing else self.status

    def greeted(self, gone: Callable[[float], bool]) -> bool:
        """Whether a greeting may be answered; False if the client hung up before."""
        self.greetings += 1
        while self.muted:
            if gone(0.02):
                return False
        return True

    def post(self, path: str, body: str, gone: Callable[[float], bool]) -> tuple[int, str]:
        """Answer one request."""
        with self._lock:
            self.bodies.append(body)
        if self._server is None or not body:
            # Stopped, or the client gave up while it was still asking.
            return 500, ""
        if self.status != 200:
            return self.status, json.dumps({"title": "no", "detail": "told to refuse"})
        if path == "/v1/suggest":
            return 200, self._suggest(SuggestRequest.model_validate_json(body), gone)
        batch = FeedbackBatch.model_validate_json(body)
        if any(event.suggestion_id in self.refuses for event in batch.events):
            return 422, json.dumps({"title": "unprocessable", "detail": "cannot read that"})
        return 200, self._feedback(batch).model_dump_json()

    def _suggest(self, request: SuggestRequest, gone: Callable[[float], bool]) -> str:
        with self._lock:
            self.requests.append(request)
            answer = self.answers.popleft() if self.answers else Reason.NO_EDIT
        if gone(self.delay_s):
            with self._lock:
                self.hangups.append(request)
            return "{}"
        reason = answer if isinstance(answer, Reason) else None
        name = uuid.uuid4().hex
        with self._lock:
            self.given.append(name)
        new = None if isinstance(answer, Reason) else answer(request.context.region)
        return SuggestResponse(
            suggestion_id=name,
            policy_version="hone-000001",
            new_region=new,
            outcome=None if new is not None else Outcome.WITHHELD,
            reason=None if new is not None else reason or Reason.NO_EDIT,
            confidence=self.confidence,
        ).model_dump_json()

    def _feedback(self, batch: FeedbackBatch) -> FeedbackAck:
        with self._lock:
            high = self._high.get(batch.producer, 0)
            fresh = [event for event in batch.events if event.seq > high]
            self.events += fresh
            high = max([high, *(event.seq for event in batch.events)])
            self._high[batch.producer] = high
        old = len(batch.events) - len(fresh)
        return FeedbackAck(high_water=high, stored=len(fresh), duplicates=old, quarantined=0)

    def of(self, suggestion_id: str, kind: str) -> list[Any]:
        """Return the stored events of one kind on a suggestion."""
        with self._lock:
            found = list(self.events)
        return [e for e in found if e.suggestion_id == suggestion_id and e.kind == kind]

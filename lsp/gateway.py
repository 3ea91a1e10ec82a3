"""The gateway as the language server sees it: hello, suggestions, feedback.

Every call returns within its time and none raises: what went wrong is a `Silence` with a reason,
or None. After some failures in a row nobody waits for the gateway until it answers a greeting
again. Knows HTTP. Does not know when to call, nor what to do with the answers.
"""

import asyncio
import importlib
import json
import logging
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from feedback_store.events import (
    WIRE_VERSION,
    FeedbackAck,
    FeedbackBatch,
    FeedbackLevel,
    Hello,
    Reason,
    SuggestRequest,
    SuggestResponse,
)
from lsp.config import GatewaySettings
from lsp.connection import exchange, in_words, open_client, route_to, trusted
from lsp.credentials import Found

if TYPE_CHECKING:
    import aiohttp

DEADLINE_SLACK_S = 1.0
"""What the gateway may take beyond a suggestion's deadline to say that it is over."""
GREET_AGAIN_S = 5.0
FAILURES = 3
"""After so many in a row the gateway counts as gone."""
log = logging.getLogger(__name__)
Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class Silence:
    """There is no suggestion, and why."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class Refused:
    """The gateway read the request and will never take it."""

    detail: str


class Gateway:
    """One gateway. `hello` is None until it has answered and speaks a known wire version."""

    def __init__(
        self, settings: GatewaySettings, find_key: Callable[[], Found], version: str
    ) -> None:
        self.settings = settings
        self.route = route_to(settings)
        self.hello: Hello | None = None
        self.trouble = Silence(Reason.GATEWAY_DOWN, "the gateway has not been asked yet")
        self._find_key = find_key
        self._found = Found(None, "nowhere")
        self._version = version
        self._opening: asyncio.Task[aiohttp.ClientSession] | None = None
        self._greeting: asyncio.Task[None] | None = None
        self._failures = 0
        self._allowed = FeedbackLevel.FULL

    @property
    def gone(self) -> bool:
        """Whether waiting for an answer is no use: only a greeting can change that."""
        return self._failures >= FAILURES

    def allows(self) -> FeedbackLevel:
        """Return the most that its administrator lets it record, by what it said last."""
        return self.hello.feedback_level if self.hello else self._allowed

    async def greet(self) -> Hello | None:
        """Ask who is there. Several callers at once share one request."""
        await asyncio.shield(self.greet_soon())
        return self.hello

    def greet_soon(self) -> asyncio.Task[None]:
        """Ask who is there, without waiting for the answer."""
        if self._greeting is None or self._greeting.done():
            self._greeting = asyncio.create_task(self._greet())
        return self._greeting

    async def stay_in_touch(self, greeted: Callable[[], None]) -> None:
        """Greet until somebody answers, and now and then afterwards: the policy may change."""
        wait_s = 0.1
        while True:
            hello = await self.greet()
            greeted()
            wait_s = GREET_AGAIN_S if hello else min(wait_s * 2, GREET_AGAIN_S)
            await asyncio.sleep(wait_s)

    async def suggest(self, request: SuggestRequest) -> SuggestResponse | Silence:
        """Ask for a suggestion. Whoever calls has a deadline and cancels at it."""
        deadline_s = request.deadline_ms / 1000.0
        begun = time.monotonic()
        try:
            answer = await self._call("POST", "v1/suggest", deadline_s + DEADLINE_SLACK_S, request)
        except asyncio.CancelledError:
            if time.monotonic() - begun >= deadline_s:
                # Even its "too late" has not come.
                self._failed(Silence(Reason.DEADLINE, "the gateway does not answer in time"))
            raise
        if not isinstance(answer, Silence | Refused):
            self._failures = 0
            found = _parsed(SuggestResponse, answer)
            return found or Silence(Reason.UNPARSABLE, "the gateway's answer cannot be read")
        if isinstance(answer, Refused):
            return Silence(Reason.UNPARSABLE, answer.detail)
        if answer.reason == Reason.GATEWAY_DOWN:
            self.hello = None
        if answer.reason in (Reason.GATEWAY_DOWN, Reason.DEADLINE):
            self._failed(answer)
        return answer

    async def feedback(self, batch: FeedbackBatch) -> FeedbackAck | Refused | None:
        """Send events. None means: keep them and try again later."""
        answer = await self._call("POST", "v1/feedback", self.settings.timeout_s, batch)
        if isinstance(answer, Refused):
            return answer
        if isinstance(answer, Silence):
            self.trouble = answer
            return None
        return _parsed(FeedbackAck, answer)

    async def close(self) -> None:
        """Close the connections."""
        if self._greeting is not None:
            self._greeting.cancel()
        if self._opening is not None:
            if not self._opening.done():
                self._opening.cancel()  # a key's command may still run
            elif not _in_vain(self._opening):
                await self._opening.result().close()

    def _failed(self, why: Silence) -> None:
        """Count it; the gateway that failed too often has to introduce itself anew."""
        self._failures += 1
        self.trouble = why
        if self.gone:
            self.hello = None

    async def _greet(self) -> None:
        if self.hello is None and self.trouble.reason == Reason.NOT_ALLOWED:
            await self._look_for_another_key()
        answer = await self._call("GET", "v1/hello", self.settings.timeout_s, None)
        if isinstance(answer, Refused):
            answer = Silence(Reason.GATEWAY_DOWN, answer.detail)
        if isinstance(answer, Silence):
            self.hello = None
            self._failed(answer)
            return
        self._failures = 0
        hello = _parsed(Hello, answer)
        if hello is None:
            detail = (
                f"what answers at {self.settings.url} is no Hone gateway that this hone-lsp knows"
            )
            self.hello, self.trouble = None, Silence(Reason.GATEWAY_DOWN, detail)
        elif WIRE_VERSION not in hello.wire_versions:
            older = min(hello.wire_versions, default=0) > WIRE_VERSION
            side = "hone-lsp" if older else "the gateway"
            detail = (
                f"hone-lsp speaks wire version {WIRE_VERSION}, the gateway "
                f"{', '.join(map(str, hello.wire_versions))}: update {side}"
            )
            self.hello, self.trouble = None, Silence(Reason.GATEWAY_DOWN, detail)
        else:
            self.hello, self._allowed = hello, hello.feedback_level

    async def _call(
        self, method: str, path: str, timeout_s: float, body: BaseModel | None
    ) -> Any | Silence | Refused:
        content = body.model_dump_json().encode() if body else None
        try:
            async with asyncio.timeout(timeout_s):
                client = await self._connected()
                status, answer = await exchange(client, method, path, self._headers(), content)
        except TimeoutError:
            return Silence(Reason.DEADLINE, f"no answer within {timeout_s:g} s")
        except Exception as error:
            return self._unreachable(error)
        if status == 401 and self._found.trouble:
            return Silence(Reason.NOT_ALLOWED, self._found.trouble)
        return _judged(status, answer)

    def _unreachable(self, error: Exception) -> Silence:
        """Return why nobody answered; what is no trouble of the way is raised again."""
        import aiohttp

        # A client that was closed meanwhile raises RuntimeError.
        ways = (aiohttp.ClientError, OSError, ValueError, RuntimeError)
        if not isinstance(error, ways):
            raise error
        return Silence(Reason.GATEWAY_DOWN, in_words(error, self.route))

    def _headers(self) -> dict[str, str]:
        """Begin a trace (W3C Trace Context): the gateway's spans, where it sends any, go on from
        it. And show the key."""
        headers = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
        return headers | authorization(self._found.key)

    async def _connected(self) -> "aiohttp.ClientSession":
        """Return the client, which is opened once for all who wait, and goes on being opened
        when they give up."""
        if self._opening is None or _in_vain(self._opening):
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._opening)

    async def _open(self) -> "aiohttp.ClientSession":
        trust = await asyncio.to_thread(self._prepare)
        return open_client(self.route, trust, self._version)

    def _prepare(self) -> ssl.SSLContext | None:
        """Do off the loop what takes long: ask the user's command or keyring for the key, read
        certificates, import the client."""
        self._found = self._find_key()
        importlib.import_module("aiohttp")
        return trusted(self.route)

    async def _look_for_another_key(self) -> None:
        """Take up what `hone-lsp login` has stored since. A command is not run again: it may
        ask its owner each time."""
        if not self.settings.key_command:
            await self._connected()
            self._found = await asyncio.to_thread(self._find_key)


def _in_vain(task: "asyncio.Task[Any]") -> bool:
    """Whether it is done and came to nothing."""
    return task.done() and (task.cancelled() or task.exception() is not None)


def authorization(key: str | None) -> dict[str, str]:
    """Return the header that shows the key, if there is one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def _judged(status: int, answer: bytes) -> Any | Silence | Refused:
    if status < 300:
        try:
            return json.loads(answer)
        except ValueError:
            return Silence(Reason.GATEWAY_DOWN, "the gateway's answer is not JSON")
    detail = _detail(status, answer)
    if status in (401, 403):
        return Silence(Reason.NOT_ALLOWED, f"{detail}; run `hone-lsp login`")
    if status == 429:
        return Silence(Reason.OVERLOADED, detail)
    if status in (503, 504):
        return Silence(Reason.ENGINE_DOWN, detail)
    if status in (400, 413, 422):
        return Refused(detail)
    return Silence(Reason.GATEWAY_DOWN, detail)


def _detail(status: int, answer: bytes) -> str:
    """Return what a problem document says, or the status."""
    try:
        problem = json.loads(answer)
    except ValueError:
        problem = None
    said = problem.get("detail") if isinstance(problem, dict) else None
    return str(said or f"the gateway answered {status}")


def _parsed(model: type[Answer], answer: Any) -> Answer | None:
    """Read an answer; fields that a newer gateway adds within a wire version are left out."""
    if not isinstance(answer, dict):
        return None
    try:
        return model.model_validate({k: v for k, v in answer.items() if k in model.model_fields})
    except ValidationError:
        log.warning("the gateway's answer is no %s", model.__name__)
        return None

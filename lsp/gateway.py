"""The gateway as the language server sees it: hello, suggestions, feedback.

Every call returns within its time and none raises: what went wrong is a `Silence` with a reason,
or None. Knows HTTP. Does not know when to call, nor what to do with the answers.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from feedback_store.events import (
    WIRE_VERSION,
    FeedbackAck,
    FeedbackBatch,
    Hello,
    Reason,
    SuggestRequest,
    SuggestResponse,
)
from lsp.config import GatewaySettings

if TYPE_CHECKING:
    import httpx

DEADLINE_SLACK_S = 1.0
"""What the gateway may take beyond a suggestion's deadline to say that it is over."""
log = logging.getLogger(__name__)
Answer = TypeVar("Answer", bound=BaseModel)
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


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

    def __init__(self, settings: GatewaySettings, key: str | None, version: str) -> None:
        self.settings = settings
        self.hello: Hello | None = None
        self.trouble = Silence(Reason.GATEWAY_DOWN, "the gateway has not been asked yet")
        self._key = key
        self._version = version
        self._client: httpx.AsyncClient | None = None
        self._greeting: asyncio.Task[None] | None = None

    async def greet(self) -> Hello | None:
        """Ask who is there. Several callers at once share one request."""
        if self._greeting is None or self._greeting.done():
            self._greeting = asyncio.create_task(self._greet())
        await asyncio.shield(self._greeting)
        return self.hello

    async def suggest(self, request: SuggestRequest) -> SuggestResponse | Silence:
        """Ask for a suggestion. Whoever calls has a deadline and cancels at it."""
        deadline_s = request.deadline_ms / 1000.0 + DEADLINE_SLACK_S
        answer = await self._call("POST", "/v1/suggest", deadline_s, request)
        if not isinstance(answer, Silence | Refused):
            found = _parsed(SuggestResponse, answer)
            return found or Silence(Reason.UNPARSABLE, "the gateway's answer cannot be read")
        if isinstance(answer, Refused):
            return Silence(Reason.UNPARSABLE, answer.detail)
        if answer.reason == Reason.GATEWAY_DOWN:
            self.hello, self.trouble = None, answer
        return answer

    async def feedback(self, batch: FeedbackBatch) -> FeedbackAck | Refused | None:
        """Send events. None means: keep them and try again later."""
        answer = await self._call("POST", "/v1/feedback", self.settings.timeout_s, batch)
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
        if self._client is not None:
            await self._client.aclose()

    async def _greet(self) -> None:
        answer = await self._call("GET", "/v1/hello", self.settings.timeout_s, None)
        if isinstance(answer, Refused):
            answer = Silence(Reason.GATEWAY_DOWN, answer.detail)
        if isinstance(answer, Silence):
            self.hello, self.trouble = None, answer
            return
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
            self.hello = hello

    async def _call(
        self, method: str, path: str, timeout_s: float, body: BaseModel | None
    ) -> Any | Silence | Refused:
        import httpx

        content = body.model_dump_json() if body else None
        try:
            async with asyncio.timeout(timeout_s):
                client = await self._connected()
                response = await client.request(method, path, content=content)
        except (TimeoutError, httpx.TimeoutException):
            return Silence(Reason.DEADLINE, f"no answer within {timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            detail = f"{self.settings.url} cannot be reached: {error or type(error).__name__}"
            return Silence(Reason.GATEWAY_DOWN, detail)
        return _judged(response)

    async def _connected(self) -> "httpx.AsyncClient":
        """Return the client; building one reads certificates, so it happens off the loop."""
        if self._client is None:
            self._client = await asyncio.to_thread(_client, self.settings, self._key, self._version)
        return self._client


def _client(settings: GatewaySettings, key: str | None, version: str) -> "httpx.AsyncClient":
    import ssl

    import httpx

    url = urlsplit(settings.url)
    headers = {"Content-Type": "application/json", "User-Agent": f"hone-lsp/{version}"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    socket = url.path if url.scheme == "unix" else None
    local = socket is not None or url.hostname in LOOPBACK
    # Loopback is never proxied. Elsewhere the user's proxy and certificates apply.
    verify: ssl.SSLContext | bool = True
    if settings.ca_file:
        verify = ssl.create_default_context(cafile=str(settings.ca_file))
    elif url.scheme != "https":
        verify = False
    transport = httpx.AsyncHTTPTransport(uds=socket) if socket else None
    return httpx.AsyncClient(
        base_url="http://hone" if socket else settings.url,
        headers=headers,
        trust_env=not local,
        verify=verify,
        transport=transport,
        timeout=None,
        follow_redirects=False,
    )


def _judged(response: "httpx.Response") -> Any | Silence | Refused:
    status = response.status_code
    if status < 300:
        try:
            return response.json()
        except ValueError:
            return Silence(Reason.GATEWAY_DOWN, "the gateway's answer is not JSON")
    detail = _detail(response)
    if status in (401, 403):
        return Silence(Reason.NOT_ALLOWED, f"{detail}; run `hone-lsp login`")
    if status == 429:
        return Silence(Reason.OVERLOADED, detail)
    if status in (503, 504):
        return Silence(Reason.ENGINE_DOWN, detail)
    if status in (400, 413, 422):
        return Refused(detail)
    return Silence(Reason.GATEWAY_DOWN, detail)


def _detail(response: "httpx.Response") -> str:
    """Return what a problem document says, or the status."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    said = problem.get("detail") if isinstance(problem, dict) else None
    return str(said or f"the gateway answered {response.status_code}")


def _parsed(model: type[Answer], answer: Any) -> Answer | None:
    """Read an answer; fields that a newer gateway adds within a wire version are left out."""
    if not isinstance(answer, dict):
        return None
    try:
        return model.model_validate({k: v for k, v in answer.items() if k in model.model_fields})
    except ValidationError:
        log.warning("the gateway's answer is no %s", model.__name__)
        return None

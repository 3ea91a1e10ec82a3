"""Speaks to one vLLM: completions with token ids and log-probabilities, adapters, health.

Knows vLLM's HTTP routes and how its refusals map to typed errors. Does not know prompts,
policies or deadlines' origins.
"""

import math
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from server.engine.answer import CONVERGED, Answer, Completion, whole
from server.engine.errors import (
    EngineBusy,
    EngineDown,
    EngineError,
    EngineSlow,
    PromptTooLong,
    Refused,
    UnknownModel,
    understood,
)
from server.traces import HEADERS

CONNECT_TIMEOUT_S = 2.0
ADMIN_TIMEOUT_S = 60.0
HEALTH_TIMEOUT_S = 5.0
IDLE_S = 2.0
"""An idle connection is not used again after this long: vLLM closes it after 5 s, and a request
sent at that moment is lost."""
DETAIL_CHARS = 300
PROBE = "def probe():\n"
STREAMED = {"stream": True, "stream_interval": 4}
"""A chunk each few tokens: each costs engine and gateway a little."""

Lines = AsyncGenerator[str, None]
Enough = Callable[[str], bool]
"""Whether an answer's text so far says all that there is to say."""


@dataclass(frozen=True)
class Sampling:
    """How to generate. top_p is 1 and top_k off, always."""

    max_tokens: int
    temperature: float = 0.0
    samples: int = 1
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    seed: int | None = None
    priority: int = 0
    """Lower goes first; suggestions have 0."""


@dataclass(frozen=True)
class Queue:
    """Requests that an engine works on, and those that wait; None where it does not say."""

    running: int | None = None
    waiting: int | None = None


class EngineClient:
    """One vLLM. Cancelling a call closes its connection, which makes vLLM abort the work."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(ADMIN_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=64, keepalive_expiry=IDLE_S
            ),
            trust_env=False,  # a proxy of the environment must never see prompts
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def complete(
        self,
        model: str,
        prompt: str | Sequence[int],
        sampling: Sampling,
        timeout_s: float,
    ) -> list[Completion]:
        """Return `sampling.samples` answers to one prompt.

        Raises:
            EngineError: one of its kinds says what to do.
        """
        body = _completion_body(model, prompt, sampling)
        answer = await self._post("/v1/completions", body, timeout_s)
        with understood():
            choices = sorted(answer["choices"], key=lambda choice: choice["index"])
            return [whole(choice) for choice in choices]

    async def complete_until(
        self, model: str, prompt: str, sampling: Sampling, timeout_s: float, enough: Enough
    ) -> Completion:
        """Return one answer, or what stands of it when `enough` says so: by then the connection is
        closed, which ends the work, and the finish reason is CONVERGED.

        Raises:
            EngineError: one of its kinds.
        """
        body = _completion_body(model, prompt, sampling) | STREAMED
        answer = Answer()
        async with aclosing(self.stream("/v1/completions", body, timeout_s)) as lines:
            async for line in lines:
                answer.add(line)
                if not answer.finish_reason and enough(answer.text):
                    return answer.completion(CONVERGED)
        return answer.completion()

    async def tokenize(self, text: str, timeout_s: float) -> tuple[int, ...]:
        """Return the token ids that the engine makes of a prompt."""
        answer = await self._post("/tokenize", {"prompt": text}, timeout_s)
        with understood():
            return tuple(answer["tokens"])

    async def load_adapter(self, name: str, folder: Path) -> None:
        """Load an adapter under its immutable name; done when it can serve.

        Raises:
            EngineError: the engine refuses it.
        """
        body = {"lora_name": name, "lora_path": str(folder.resolve())}
        await self._send("POST", "/v1/load_lora_adapter", body, ADMIN_TIMEOUT_S)

    async def probe(self, name: str) -> None:
        """Answer one token with a freshly loaded adapter: what is loaded may still not compute.

        Raises:
            EngineError: it does not answer, or not by numbers.
        """
        (one,) = await self.complete(name, PROBE, Sampling(max_tokens=1), ADMIN_TIMEOUT_S)
        if not all(map(math.isfinite, one.logprobs)):
            raise EngineError(f"{name} answers with log-probabilities that are not finite")

    async def unload_adapter(self, name: str) -> None:
        """Forget an adapter's name; answers in flight finish."""
        await self._send("POST", "/v1/unload_lora_adapter", {"lora_name": name}, ADMIN_TIMEOUT_S)

    async def models(self) -> dict[str, str]:
        """Return what is loaded: name to path, the base model included."""
        response = await self._send("GET", "/v1/models", None, HEALTH_TIMEOUT_S)
        try:
            return {model["id"]: model["root"] for model in response.json()["data"]}
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError("what answers there is no vLLM") from error

    async def queue(self, timeout_s: float) -> Queue:
        """Return how much the engine works on and how much waits.

        Raises:
            EngineError: it does not say so in time.
        """
        return queue_of((await self._send("GET", "/metrics", None, timeout_s)).text)

    async def healthy(self) -> bool:
        """Whether the engine answers and calls itself healthy."""
        try:
            await self._send("GET", "/health", None, HEALTH_TIMEOUT_S)
        except EngineError:
            return False
        return True

    async def _post(self, path: str, body: Mapping[str, Any], timeout_s: float) -> Any:
        response = await self._send("POST", path, body, timeout_s)
        try:
            return response.json()
        except ValueError as error:
            raise EngineError(f"the engine's answer on {path} is not JSON") from error

    async def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float
    ) -> httpx.Response:
        with _failures(timeout_s):
            response = await self._request(method, path, body, _timeout(timeout_s))
        if response.is_error:
            raise _refusal(response)
        return response

    async def stream(self, path: str, body: Mapping[str, Any], timeout_s: float) -> Lines:
        """Yield the lines of a streamed answer as they come.

        Raises:
            EngineError: one of its kinds; `timeout_s` is between two lines.
        """
        with _failures(timeout_s):
            sending = self._request("POST", path, body, _timeout(timeout_s), stream=True)
            async with aclosing(await sending) as response:
                if response.is_error:
                    await response.aread()
                    raise _refusal(response)
                async for line in response.aiter_lines():
                    yield line

    async def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        timeout: httpx.Timeout,
        *,
        stream: bool = False,
    ) -> httpx.Response:
        """Send, and once more where the connection was closed instead of answered.

        A busy machine closes an idle connection while a request is on its way even within IDLE_S.
        Whatever is sent may be sent twice: answers are sampled anew, and a name is loaded once.
        """
        request = self._http.build_request(
            method, path, json=body, timeout=timeout, headers=HEADERS.get()
        )
        try:
            return await self._http.send(request, stream=stream)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return await self._http.send(request, stream=stream)


@contextmanager
def _failures(timeout_s: float) -> Iterator[None]:
    """Raise what went wrong below HTTP as the error that says what to do."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise EngineDown("the engine does not accept connections") from error
    except httpx.TimeoutException as error:
        raise EngineSlow(f"no answer within {timeout_s:.2f} s") from error
    except (httpx.TransportError, RuntimeError) as error:
        # RuntimeError: the client was closed because the engine just went down.
        raise EngineDown(f"the engine cannot be reached: {error}") from error


def queue_of(text: str) -> Queue:
    """Return what vLLM's metrics say of its queue, over all of its engine cores. Pure."""

    def total(name: str) -> int | None:
        found = re.findall(rf"^vllm:{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        return round(sum(map(float, found))) if found else None

    return Queue(total("num_requests_running"), total("num_requests_waiting"))


def _timeout(timeout_s: float) -> httpx.Timeout:
    return httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))


def _completion_body(model: str, prompt: str | Sequence[int], sampling: Sampling) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "prompt": prompt if isinstance(prompt, str) else list(prompt),
        "n": sampling.samples,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "logprobs": 0,
        "return_token_ids": True,
        # A marker inside an answer must stay visible, or the parser could not refuse it.
        "skip_special_tokens": False,
        "priority": sampling.priority,
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.stop_token_ids:
        body["stop_token_ids"] = list(sampling.stop_token_ids)
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    return body


def _refusal(response: httpx.Response) -> EngineError:
    """Map a status and vLLM's message to the error that says what to do."""
    detail = response.text[:DETAIL_CHARS]
    status = response.status_code
    if status == httpx.codes.NOT_FOUND and "model" in detail:
        return UnknownModel(detail, status)
    if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        return EngineBusy(detail, status)
    if status == httpx.codes.BAD_REQUEST and "context length" in detail:
        return PromptTooLong(detail, status)
    if status == httpx.codes.BAD_REQUEST:
        return Refused(detail, status)
    return EngineError(detail, status)

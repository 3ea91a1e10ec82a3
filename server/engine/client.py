"""Speaks to one vLLM: completions with token ids and log-probabilities, adapters, health.

Knows vLLM's HTTP routes and how its refusals map to typed errors. Does not know prompts,
policies or deadlines' origins.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.engine.answer import CONVERGED, Answer, Completion, whole
from server.engine.errors import EngineError, understood
from server.engine.wire import Lines, Wire, text_of

ADMIN_TIMEOUT_S = 60.0
HEALTH_TIMEOUT_S = 5.0
PROBE = "def probe():\n"
STREAMED = {"stream": True, "stream_interval": 4}
"""A chunk each few tokens: each costs engine and gateway a little."""

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
        self._wire = Wire(url, key)

    async def close(self) -> None:
        """Close all connections."""
        await self._wire.close()

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
        await self._wire.send("POST", "/v1/load_lora_adapter", body, ADMIN_TIMEOUT_S)

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
        body = {"lora_name": name}
        await self._wire.send("POST", "/v1/unload_lora_adapter", body, ADMIN_TIMEOUT_S)

    async def models(self) -> dict[str, str]:
        """Return what is loaded: name to path, the base model included."""
        answer = await self._wire.send("GET", "/v1/models", None, HEALTH_TIMEOUT_S)
        try:
            return {model["id"]: model["root"] for model in json.loads(answer)["data"]}
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError("what answers there is no vLLM") from error

    async def queue(self, timeout_s: float) -> Queue:
        """Return how much the engine works on and how much waits.

        Raises:
            EngineError: it does not say so in time.
        """
        return queue_of(text_of(await self._wire.send("GET", "/metrics", None, timeout_s)))

    async def healthy(self) -> bool:
        """Whether the engine answers and calls itself healthy."""
        try:
            await self._wire.send("GET", "/health", None, HEALTH_TIMEOUT_S)
        except EngineError:
            return False
        return True

    def stream(self, path: str, body: Mapping[str, Any], timeout_s: float) -> Lines:
        """Yield the lines of a streamed answer as they come.

        Raises:
            EngineError: one of its kinds; `timeout_s` is between two lines.
        """
        return self._wire.stream(path, body, timeout_s)

    async def _post(self, path: str, body: Mapping[str, Any], timeout_s: float) -> Any:
        answer = await self._wire.send("POST", path, body, timeout_s)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise EngineError(f"the engine's answer on {path} is not JSON") from error


def queue_of(text: str) -> Queue:
    """Return what vLLM's metrics say of its queue, over all of its engine cores. Pure."""

    def total(name: str) -> int | None:
        found = re.findall(rf"^vllm:{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        return round(sum(map(float, found))) if found else None

    return Queue(total("num_requests_running"), total("num_requests_waiting"))


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

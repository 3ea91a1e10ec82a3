"""The OpenAI-compatible face: plain completions for editors that speak nothing else.

The model's name is `hone`, whatever version answers; only the parameters below are passed on.
Nothing is recorded: such editors say nothing of what became of an answer. Knows the shape of
OpenAI's completions. Does not know HTTP's part of it, nor Hone's prompts: the editor makes its own.
"""

from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from server.auth import Caller
from server.engine.answer import chunk_of
from server.engine.errors import EngineBusy
from server.gateway import Gateway
from server.routing import Asker

NAME = "hone"


class CompletionRequest(BaseModel):
    """What is taken of a request; other fields, which clients send by habit, are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str = Field(default=NAME, max_length=100)
    """`hone`, or anything: there is one."""
    prompt: str = Field(max_length=400_000)
    max_tokens: int = Field(default=256, ge=1)
    """Bounded by the profile's longest answer."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    stop: str | Annotated[tuple[str, ...], Field(max_length=16)] | None = None
    stream: bool = False


@contextmanager
def _room(gateway: Gateway, policy: str) -> Any:
    """Count a request among those in flight.

    Raises:
        EngineBusy: there are too many, or the gateway ends.
    """
    if gateway.draining or gateway.in_flight >= gateway.settings.suggest.max_in_flight:
        raise EngineBusy("too many requests at once; try again")
    gateway.in_flight += 1
    try:
        with gateway.flights.count(policy):
            yield
    finally:
        gateway.in_flight -= 1


async def complete(
    gateway: Gateway, caller: Caller, request: CompletionRequest
) -> AsyncIterator[dict[str, Any]]:
    """Yield the answer in OpenAI's shape, in one piece or as a stream's chunks.

    It is bound to the version that answers this caller's team when it is asked.

    Raises:
        EngineError: one of its kinds; before the first piece, so that it can still be a refusal.
    """
    policy = gateway.policy_for(Asker(caller.team, "", caller.user))
    body = _body(request, policy, gateway.profile.budget.answer_tokens)
    timeout_s = gateway.settings.suggest.max_deadline_ms / 1000
    with _room(gateway, policy):
        client = gateway.fleet.client(policy, caller.user)
        async for line in client.stream("/v1/completions", body, timeout_s):
            if (found := chunk_of(line)) is not None:
                yield found | {"model": NAME}


def joined(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a stream's chunks as one answer."""
    last = pieces[-1] if pieces else {"id": "", "object": "text_completion", "created": 0}
    choices = [choice for piece in pieces for choice in piece["choices"]]
    reason = next((c["finish_reason"] for c in reversed(choices) if c.get("finish_reason")), None)
    text = "".join(choice["text"] for choice in choices)
    choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
    return last | {"object": "text_completion", "model": NAME, "choices": [choice]}


def _body(request: CompletionRequest, policy: str, longest: int) -> dict[str, Any]:
    """Always a stream: hanging up ends the work between two tokens."""
    stop = (request.stop,) if isinstance(request.stop, str) else request.stop or ()
    return {
        "model": policy,
        "prompt": request.prompt,
        "max_tokens": min(request.max_tokens, longest),
        "temperature": request.temperature,
        "stop": list(stop),
        "stream": True,
        "stream_options": {"include_usage": True},
    }

"""The OpenAI-compatible face: plain completions for editors that speak nothing else.

The model's name is `hone`, whatever version answers; which it was is the answer's
`system_fingerprint`, OpenAI's field for that. Only the parameters below are passed on. Nothing is
recorded: such editors say nothing of what became of an answer. Knows the shape of OpenAI's
completions. Does not know HTTP's part of it, nor Hone's prompts: the editor makes its own.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from feedback_store.events import Reason
from server.auth import Caller
from server.engine.answer import chunk_of
from server.engine.errors import EngineBusy, EngineError, EngineSlow, understood
from server.exclusions import Withheld
from server.gateway import Gateway
from server.judging import failure
from server.routing import Asker

NAME = "hone"

Pieces = asyncio.Queue[dict[str, Any] | Exception | None]


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


async def complete(
    gateway: Gateway, caller: Caller, request: CompletionRequest, headers: Mapping[str, str]
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the answer in OpenAI's shape, in one piece or as a stream's chunks.

    It is bound to the version that answers this caller's team when it is asked, and stamped with
    it. `headers` are the editor's, for the trace. Closing this ends the engine's work.

    Raises:
        Withheld: the prompt holds a key.
        EngineError: one of its kinds; mostly before the first piece, so that it can still be a
            refusal.
    """
    policy = gateway.policy_for(Asker(caller.team, "", caller.user))
    try:
        await gateway.exclusions.check(request.prompt)
    except Withheld:
        gateway.metrics.completion(policy, Reason.EXCLUDED, 0.0)
        raise
    pieces: Pieces = asyncio.Queue()
    # A task of its own: a reader that is slow holds neither the engine nor a place up, and spans
    # and deadlines belong to the task that they begin in, which whoever iterates this need not be.
    working = asyncio.create_task(_work(gateway, caller, request, policy, headers, pieces))
    try:
        while (found := await pieces.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found | {"model": NAME, "system_fingerprint": policy}
    finally:
        working.cancel()


async def _work(
    gateway: Gateway,
    caller: Caller,
    request: CompletionRequest,
    policy: str,
    headers: Mapping[str, str],
    pieces: Pieces,
) -> None:
    """Put the answer's pieces into the queue as they come; last the error, or None."""
    started, reason = time.perf_counter(), Reason.CANCELLED
    with gateway.traces.span("complete", headers) as span:
        span.set_attribute("hone.policy", policy)
        try:
            await _answer(gateway, caller, request, policy, pieces)
            reason = None
            pieces.put_nowait(None)
        except EngineError as error:
            reason = failure(error).reason
            pieces.put_nowait(error)
        except Exception as error:
            reason = Reason.ENGINE_DOWN
            pieces.put_nowait(error)
        finally:
            span.set_attribute("hone.reason", str(reason or ""))
            gateway.metrics.completion(policy, reason, time.perf_counter() - started)


async def _answer(
    gateway: Gateway, caller: Caller, request: CompletionRequest, policy: str, pieces: Pieces
) -> None:
    body = _body(request, policy, gateway.profile.budget.answer_tokens)
    timeout_s = gateway.settings.suggest.max_deadline_ms / 1000
    some = False
    try:
        # The client's timeout is per read; the deadline is for the whole answer.
        with _room(gateway, policy):
            async with (
                asyncio.timeout(timeout_s),
                aclosing(gateway.fleet.stream(policy, body, timeout_s, caller.user)) as lines,
            ):
                async for line in lines:
                    if (found := chunk_of(line)) is not None:
                        pieces.put_nowait(found)
                        some = True
    except TimeoutError:
        raise EngineSlow(f"no whole answer within {timeout_s:g} s") from None
    if not some:
        raise EngineError("the engine ended its answer before it began")


@contextmanager
def _room(gateway: Gateway, policy: str) -> Iterator[None]:
    """Count a request among those in flight.

    Raises:
        EngineBusy: there are too many.
    """
    if gateway.in_flight >= gateway.settings.suggest.max_in_flight:
        raise EngineBusy("too many requests at once; try again")
    gateway.in_flight += 1
    try:
        with gateway.flights.count(policy):
            yield
    finally:
        gateway.in_flight -= 1


def joined(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a stream's chunks, of which there is at least one, as one answer.

    Raises:
        EngineError: they are no chunks.
    """
    with understood():
        choices = [choice for piece in pieces for choice in piece["choices"]]
        reasons = [choice.get("finish_reason") for choice in choices]
        text = "".join(choice["text"] for choice in choices)
    reason = next((reason for reason in reversed(reasons) if reason), None)
    choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
    return pieces[-1] | {"object": "text_completion", "choices": [choice]}


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

"""Load on a gateway: requests at a fixed rate whatever the answers do, streams, and swaps.

Knows how to ask and what to write down of each answer. Does not know what figures are made of it.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from feedback_store.events import SuggestRequest
from server.engine.client import EngineClient, Sampling
from server.engine.errors import EngineError
from server.prompts.profile import ModelProfile
from tests.server.samples import suggestion

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Asked:
    """One request: when it was sent and answered (monotonic seconds), and what came."""

    sent: float
    answered: float
    failed: bool
    policy: str

    @property
    def ms(self) -> float:
        """Milliseconds until the answer."""
        return 1000 * (self.answered - self.sent)


@dataclass(frozen=True)
class Swap:
    """One version going live: when that was begun and done."""

    name: str
    began: float
    done: float


Ask = Callable[[int], Awaitable[Asked]]


def at_gateway(client: httpx.AsyncClient, sessions: int = 40) -> Ask:
    """Return what asks a gateway for a suggestion."""

    async def ask(number: int) -> Asked:
        body = suggestion(session=f"session-{number % sessions}", deadline_ms=10_000)
        sent = time.perf_counter()
        try:
            answer = await client.post("/v1/suggest", json=body)
        except httpx.HTTPError:
            return Asked(sent, time.perf_counter(), True, "")
        answered, found = time.perf_counter(), answer.json()
        failed = answer.is_error or found["outcome"] in ("failed", "invalid")
        return Asked(sent, answered, failed, found.get("policy_version", ""))

    return ask


def at_engine(client: httpx.AsyncClient, body: dict[str, Any]) -> Ask:
    """Return what asks the engine for the same, as the gateway does."""

    async def ask(number: int) -> Asked:
        sent = time.perf_counter()
        answer = await client.post("/v1/completions", json=body)
        return Asked(sent, time.perf_counter(), answer.is_error, "")

    return ask


def at_vllm(engine: EngineClient, profile: ModelProfile) -> Ask:
    """Return what asks a real vLLM for what the gateway asks it for `at_gateway`'s requests."""
    context = SuggestRequest.model_validate(suggestion()).context
    prompt = profile.format.render(context, profile.budget)
    assert isinstance(prompt, str)
    sampling = Sampling(profile.budget.answer_tokens, stop=profile.format.stop)

    async def ask(number: int) -> Asked:
        sent = time.perf_counter()
        try:
            await engine.complete(profile.name, prompt, sampling, TIMEOUT_S)
        except EngineError:
            return Asked(sent, time.perf_counter(), True, "")
        return Asked(sent, time.perf_counter(), False, "")

    return ask


async def at_rate(ask: Ask, per_s: float, until: Callable[[int], bool]) -> list[Asked]:
    """Ask `per_s` times a second, however long answers take, until `until(number)`."""
    began, running = time.perf_counter(), []
    for number in itertools.count():
        if until(number):
            break
        await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
        running.append(asyncio.ensure_future(ask(number)))
    return list(await asyncio.gather(*running))


async def streams(client: httpx.AsyncClient, amount: int, chunks: int) -> dict[str, float]:
    """Read `amount` streams at once; how many broke, and how long all took."""
    body = {"prompt": "def f(", "stream": True, "max_tokens": 400}

    async def read() -> bool:
        try:
            async with client.stream("POST", "/v1/completions", json=body) as answer:
                lines = [line async for line in answer.aiter_lines() if line]
        except httpx.HTTPError:
            return False
        return len(lines) == chunks + 2 and lines[-1] == "data: [DONE]"

    began = time.perf_counter()
    whole = await asyncio.gather(*(read() for _ in range(amount)))
    return {
        "streams": amount,
        "broken": amount - sum(whole),
        "seconds": time.perf_counter() - began,
    }


async def swaps(client: httpx.AsyncClient, names: list[str], pause_s: float) -> list[Swap]:
    """Register and promote one version after the other."""
    found: list[Swap] = []
    for name in names:
        await asyncio.sleep(pause_s)
        began = time.perf_counter()
        for path, body in (("", {"name": name}), (f"/{name}/promote", None)):
            answer = await client.post(f"/v1/policies{path}", json=body)
            assert answer.is_success, answer.text
        found.append(Swap(name, began, time.perf_counter()))
    return found


async def rollbacks(client: httpx.AsyncClient, amount: int) -> list[float]:
    """Go back and forth; milliseconds from the order to the first answer by the other version."""
    found: list[float] = []
    ask = at_gateway(client)
    for _ in range(amount):
        before = (await ask(0)).policy
        began = time.perf_counter()
        assert (await client.post("/v1/rollback")).is_success
        found.append(1000 * (time.perf_counter() - began))
        assert (await ask(0)).policy != before
    return found


def misstamped(asked: list[Asked], turns: list[Swap], first: str) -> int:
    """Return how many answers carry a version that was not live when they were sent.

    While a swap is under way either version may be; the answer's own version counts, then.
    """
    wrong = 0
    for one in asked:
        done = [swap for swap in turns if swap.done <= one.sent]
        live = done[-1].name if done else first
        under_way = {
            swap.name for swap in turns if swap.began <= one.answered and swap.done > one.sent
        }
        wrong += not one.failed and one.policy not in {live} | under_way
    return wrong

"""The trainer's sampling, passed on to the engine at low priority.

Knows how a request becomes one engine call per prompt (n samples each, so that a prompt is
computed once). Does not know HTTP or what the samples are for.
"""

import asyncio

from feedback_store.events import Rollout, RolloutRequest, RolloutResponse
from server.engine.answer import Completion
from server.engine.client import Sampling
from server.gateway import Gateway


async def sample(gateway: Gateway, request: RolloutRequest) -> RolloutResponse:
    """Return `samples` answers to each prompt, in the order asked.

    Raises:
        UnknownPolicy: there is no version or snapshot of that name.
        EngineError: one of its kinds; the whole request fails, nothing is half answered.
    """
    if request.policy is not None:
        gateway.registry.book.get(request.policy)
    model = gateway.profile.name if request.policy is None else request.policy
    limits = gateway.settings.rollouts
    room = asyncio.Semaphore(limits.prompts_in_flight)

    async def group(index: int, prompt: tuple[int, ...]) -> tuple[Rollout, ...]:
        sampling = Sampling(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            samples=request.samples,
            stop_token_ids=request.stop_token_ids,
            # vLLM gives the i-th sample of a prompt seed + i; no two samples share a seed.
            seed=None if request.seed is None else request.seed + index * request.samples,
            priority=limits.priority,
        )
        async with room:
            key = str(index)  # prompts of one request are spread over the replicas
            found = await gateway.fleet.complete(model, prompt, sampling, limits.timeout_s, key)
        return tuple(map(_rollout, found))

    with gateway.flights.count(model):
        tasks = [asyncio.ensure_future(group(i, p)) for i, p in enumerate(request.prompts)]
        try:
            groups = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
    return RolloutResponse(policy=request.policy, engine="vllm", groups=tuple(groups))


def _rollout(completion: Completion) -> Rollout:
    return Rollout(
        token_ids=completion.token_ids,
        logprobs=completion.logprobs,
        text=completion.text,
        finish_reason=completion.finish_reason,
    )

"""Samples through the gateway: vLLM at low priority, the prompt of a group computed once.

Knows the rollout route and the shapes of its answers. Does not know what they are used for.
Seeds are not passed on, see below: fresh rollouts are equal in distribution only.
"""

from collections.abc import Sequence
from pathlib import Path

from feedback_store.events import Rollout, RolloutRequest
from trainer.gateway import Gateway
from trainer.sampler import SamplerError, Sampling

PROMPTS_PER_REQUEST = 64


class GatewaySampler:
    """The product's sampler."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.engine = "vllm"

    def offer(self, folder: Path) -> str:
        """Let the engine load a published snapshot."""
        self._gateway.load_snapshot(folder.name)
        return folder.name

    def withdraw(self, name: str) -> None:
        """Let the engine unload it."""
        self._gateway.drop_snapshot(name)

    def sample(
        self, policy: str | None, prompts: Sequence[Sequence[int]], sampling: Sampling
    ) -> list[list[Rollout]]:
        """Return the answers, in the prompts' order."""
        groups: list[list[Rollout]] = []
        for first in range(0, len(prompts), PROMPTS_PER_REQUEST):
            part = prompts[first : first + PROMPTS_PER_REQUEST]
            request = RolloutRequest(
                policy=policy,
                prompts=tuple(tuple(prompt) for prompt in part),
                samples=sampling.samples,
                max_tokens=sampling.max_tokens,
                temperature=sampling.temperature,
                # No seed: on a CPU, a seeded request whose prompt is computed in parts ends vLLM
                # 0.32 ("CPU Generator does not use offset"). What was sampled is recorded, and a
                # run is reproducible from its records.
                stop_token_ids=sampling.stop_token_ids,
            )
            response = self._gateway.rollouts(request)
            self.engine = response.engine
            groups += [list(group) for group in response.groups]
        _check(groups, len(prompts), sampling.samples)
        return groups


def _check(groups: Sequence[Sequence[Rollout]], prompts: int, samples: int) -> None:
    if len(groups) != prompts or any(len(group) != samples for group in groups):
        raise SamplerError(f"asked for {prompts} groups of {samples} answers, got other shapes")
    for index, group in enumerate(groups):
        for answer in group:
            if len(answer.token_ids) != len(answer.logprobs):
                raise SamplerError(
                    f"an answer of group {index} has {len(answer.token_ids)} tokens and "
                    f"{len(answer.logprobs)} log-probabilities"
                )

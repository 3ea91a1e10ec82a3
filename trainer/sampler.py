"""What the trainer needs of whoever samples: prompts in, tokens and log-probabilities out.

Knows the contract. There are two implementations: `gateway_sampler` (vLLM, always used in the
product) and `torch_sampler` (in-process, where vLLM is absent). Every result says which one
made it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from feedback_store.events import Rollout

TEMPERATURE = 1.0
"""Of every rollout: engines report untempered log-probabilities, which are the sampling
distribution's only at 1."""


@dataclass(frozen=True)
class Sampling:
    """How to sample; top_p is 1 and top_k off, always."""

    samples: int
    max_tokens: int
    temperature: float = TEMPERATURE
    """0 is greedy."""
    seed: int | None = None
    stop_token_ids: tuple[int, ...] = ()


class SamplerError(Exception):
    """Sampling failed for good; the message says what to do."""


class Sampler(Protocol):
    """Samples answers to token-level prompts under a named policy."""

    @property
    def engine(self) -> str:
        """Which implementation samples: `vllm` or `torch`."""
        ...

    def offer(self, folder: Path) -> str:
        """Make a published snapshot folder available for sampling; return its name."""
        ...

    def withdraw(self, name: str) -> None:
        """Forget a snapshot that `offer` made available."""
        ...

    def sample(
        self, policy: str | None, prompts: Sequence[Sequence[int]], sampling: Sampling
    ) -> list[list[Rollout]]:
        """Return `sampling.samples` answers to each prompt, in their order; None is the base."""
        ...

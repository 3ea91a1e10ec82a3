"""How much memory a model takes to serve and to train, estimated from its published size.

Weights in bfloat16. Serving: caches for as many requests as a team has in flight. Training: layers
computed twice (`[train] checkpointing`), one group of the longest kind at a time. Estimates, to
choose a machine by: they leave a tenth of a card free, and no card was there to confirm them.

Knows sizes. Does not know what a machine has.
"""

from dataclasses import dataclass

from server.prompts.base import Budget
from server.prompts.profile import ModelProfile, Size

GIB = 1 << 30
CARDS = (24, 48, 80, 141)
"""GiB of the GPUs that are told about."""
USABLE = 0.9
HALF, FULL = 2, 4
REQUESTS = 8
"""Whose keys and values are held at once."""
ADAPTERS = 4
RUNTIME_GIB = 1.5
"""CUDA's own, and what the libraries keep."""
SAMPLES, HEAD_CHUNK = 8, 2048


@dataclass(frozen=True)
class Needs:
    """GiB that a model takes."""

    serve: float
    train: float

    def on(self, card: float) -> str:
        """Return what a card of this many GiB can do."""
        room = USABLE * card
        if self.serve + self.train <= room:
            return "both"
        if max(self.serve, self.train) <= room:
            return "in turns"
        return "serve" if self.serve <= room else "no"


def needs(profile: ModelProfile) -> Needs:
    """Return what a profile's model takes.

    Raises:
        ValueError: the profile has no size.
    """
    size = profile.size
    if size is None:
        raise ValueError(f"{profile.name} is small: memory is no concern")
    weights = size.billions * 1e9 * HALF
    adapter = adapter_parameters(size, profile.lora.rank)
    cache = 2 * size.layers * size.kv_width * HALF * profile.context_tokens
    serve = weights + REQUESTS * cache + ADAPTERS * adapter * HALF
    # The adapter with gradient, two moments of AdamW and the frozen parent.
    learnt = 5 * adapter * FULL
    kept = size.layers * kept_per_layer(size, profile.budget) * HALF
    answers = SAMPLES * profile.budget.answer_tokens
    widest = max(profile.budget.prompt_tokens, answers)
    layer = widest * (12 * size.hidden + 6 * size.intermediate) * HALF
    head = (2 * HEAD_CHUNK + size.hidden) * size.vocabulary * FULL
    train = weights + learnt + kept + layer + head
    return Needs(serve / GIB + RUNTIME_GIB, train / GIB + RUNTIME_GIB)


def kept_per_layer(size: Size, budget: Budget, samples: int = SAMPLES) -> int:
    """Return how many numbers a layer keeps for the way back, of one group of the longest kind.

    Every token's input, the prompt's keys and values, and a copy of those for each answer.
    """
    answers = samples * budget.answer_tokens
    copies = (1 + samples) * budget.prompt_tokens
    return (budget.prompt_tokens + answers) * size.hidden + 2 * copies * size.kv_width


def adapter_parameters(size: Size, rank: int) -> int:
    """Return how many numbers an adapter of all seven linear maps of each layer has."""
    queries = size.heads * size.head
    attention = 2 * (size.hidden + queries) + 2 * (size.hidden + size.kv_width)
    return size.layers * rank * (attention + 3 * (size.hidden + size.intermediate))

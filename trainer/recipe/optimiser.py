"""Muon for the matrices, AdamW for the rest, and a schedule that warms up, stays and decays.

Muon (Jordan 2024; scaled as in arXiv 2502.16982) makes a matrix's momentum orthogonal before it is
applied. Deviation: the Newton-Schulz steps run in float32, since CPUs without bfloat16 units
emulate it, and on matrices this small precision costs nothing. Matrices of one shape go through
them together.

Knows parameters and gradients. Does not know data.
"""

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
VECTOR_SHARE = 0.05
"""Learning rate of norms and biases, as a share of that of embeddings, which are as large."""
MATCH_ADAMW = 0.2
"""RMS of an AdamW step; Muon's are scaled to it, so that both take one learning rate's order."""


class Muon(Optimizer):
    """Momentum, made orthogonal; for matrices that map hidden states to hidden states."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters, {"lr": learning_rate, "momentum": momentum, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step."""
        for group in self.param_groups:
            shapes: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[tuple(parameter.shape)].append(parameter)
            for alike in shapes.values():
                updates = orthogonal(torch.stack([self._nesterov(p, group) for p in alike]))
                scale = MATCH_ADAMW * math.sqrt(max(alike[0].shape))
                for parameter, update in zip(alike, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-group["lr"] * scale)

    def _nesterov(self, parameter: nn.Parameter, group: dict[str, float]) -> Tensor:
        assert parameter.grad is not None
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        kept = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
        return parameter.grad.lerp(kept, group["momentum"])


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Return matrices (n, rows, columns) with singular values near 1 (0.7 to 1.2), same bases."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


def optimisers(
    model: nn.Module, rate: float, embedding_rate: float, adapter_rate: float
) -> list[Optimizer]:
    """Return Muon for a model's matrices, AdamW for embeddings, norms, biases and adapters.

    The two factors of an adapter are too thin to be made orthogonal.
    """
    sorts: dict[str, list[nn.Parameter]] = {
        "matrix": [], "embedding": [], "vector": [], "adapter": []
    }  # fmt: skip
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            sorts[_sort(name, parameter)].append(parameter)
    made: list[Optimizer] = []
    if sorts["matrix"]:
        made.append(Muon(sorts["matrix"], rate, weight_decay=0.01))
    rates = {
        "embedding": embedding_rate,
        "vector": VECTOR_SHARE * embedding_rate,
        "adapter": adapter_rate,
    }
    for name, given in rates.items():
        if sorts[name]:
            made.append(AdamW(sorts[name], lr=given, betas=(0.9, 0.95), weight_decay=0.0))
    return made


def _sort(name: str, parameter: nn.Parameter) -> str:
    if "lora_" in name:
        return "adapter"
    if parameter.dim() != 2:
        return "vector"
    return "embedding" if "embed" in name or "lm_head" in name else "matrix"


def schedule(step: int, done: float, warmup: int, decay_share: float) -> float:
    """Return the factor of the learning rate: up over `warmup` steps, 1, then linearly to 0.02.

    Warm-up, stable, decay (arXiv 2404.06395): training can be continued from before the decay.

    Args:
        done: share of the run's budget that is spent, in [0, 1].
    """
    rising = min(1.0, (step + 1) / warmup)
    falling = (1 - done) / decay_share if decay_share else 1.0
    return rising * max(0.02, min(1.0, falling))


def set_rates(optimisers: Iterable[Optimizer], factor: float) -> None:
    """Set every learning rate to `factor` times the one its optimiser was made with."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = factor * group.setdefault("initial_lr", group["lr"])

"""Gradient checkpointing that keeps the cache: layers are computed again on the way back.

transformers' own gives up the cache, which is what lets a group share its prompt. Here every
layer keeps its input, and the keys and values that it adds; all else is computed twice.

Knows transformers' decoder layers and caches. Does not know losses.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


@contextmanager
def checkpointed(backbone: Any) -> Iterator[None]:
    """Let every layer of the transformer compute twice, for the length of the block."""
    layers = list(backbone.layers)
    for number, layer in enumerate(layers):
        layer.forward = partial(_forward, layer.forward, number)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


class _Ends:
    """Takes a layer's new keys and values, and shows it those before them."""

    def __init__(self, keys: Tensor | None, values: Tensor | None) -> None:
        self._before = (keys, values)
        self.added: tuple[Tensor, Tensor] | None = None

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Return all keys and values up to here, (batch, heads, tokens, width)."""
        self.added = (keys, values)
        old_keys, old_values = self._before
        if old_keys is None or old_values is None:
            return keys, values
        return torch.cat([old_keys, keys], 2), torch.cat([old_values, values], 2)


def _forward(
    compute: Callable[..., Any], number: int, hidden: Tensor, *args: Any, **kwargs: Any
) -> Any:
    cache = kwargs.pop("past_key_values", None)
    if not torch.is_grad_enabled():
        return compute(hidden, *args, past_key_values=cache, **kwargs)
    if cache is None:
        return checkpoint(compute, hidden, *args, use_reentrant=False, **kwargs)
    known = cache.layers[number] if number < len(cache.layers) else None
    before = (known.keys, known.values) if known is not None and known.is_initialized else None

    def run(hidden: Tensor, keys: Tensor | None, values: Tensor | None) -> Any:
        ends = _Ends(keys, values)
        out = compute(hidden, *args, past_key_values=ends, **kwargs)
        assert ends.added is not None
        return out, *ends.added

    out, keys, values = checkpoint(run, hidden, *(before or (None, None)), use_reentrant=False)
    cache.update(keys, values, number)
    return out

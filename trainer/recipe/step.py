"""One step of likelihood training: the loss of some rows, and what it looks like on held-out ones.

Knows a causal model of transformers, token ids and weights. Does not know where rows come from or
when to stop.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.recipe.buckets import Batch
from trainer.recipe.examples import Example

PROMPT_SHARE = 0.5
"""Of a prompt's tokens, the share that is predicted in one pass: half the head's work teaches as
much, since neighbouring tokens teach alike."""


@dataclass(frozen=True)
class Losses:
    """Mean negative log-likelihoods in nats per token; None where there were no such tokens."""

    answer: Tensor | None
    prompt: Tensor | None

    def total(self, prompt_weight: float) -> Tensor:
        """What is minimised: answers count 1, prompts `prompt_weight`, whatever their lengths."""
        parts = [self.answer] if self.answer is not None else []
        parts += [prompt_weight * self.prompt] if self.prompt is not None else []
        return torch.stack(parts).sum()


def autocast(model: Any) -> AbstractContextManager[object]:
    """Compute in bfloat16 where that is faster: on CUDA, and on CPUs with units for it."""
    device = next(model.parameters()).device.type
    if device == "cuda" or (device == "cpu" and torch.cpu._is_avx512_bf16_supported()):
        return torch.autocast(device, torch.bfloat16)
    return nullcontext()


def losses(
    model: Any, batch: Batch, generator: torch.Generator, prompt_share: float = PROMPT_SHARE
) -> Losses:
    """Return the losses of a batch; plain text counts as prompt.

    Every answer counts its weight, however long it is; of prompts, every token that was drawn.
    Answers are divided by their number, not by their weights: in a batch of silent rows alone
    silence would otherwise count as much as edits.
    """
    inner, device = inner_model(model), next(model.parameters()).device
    ids, is_answer, is_prompt = _rows(batch)
    drawn = torch.rand(is_prompt.shape, generator=generator) < prompt_share
    is_prompt &= drawn
    hidden = inner.model(input_ids=ids.to(device), use_cache=False).last_hidden_state[:, :-1]
    targets = ids[:, 1:]
    # A choice of two tokens must not drown among answers that write lines.
    counts = torch.tensor([row.weight for row in batch])[:, None]
    by_row = counts * is_answer / is_answer.sum(1, keepdim=True).clamp(min=1)
    found: list[Tensor | None] = []
    rows = is_answer.any(1).sum()
    parts = ((is_answer, by_row, rows), (is_prompt, is_prompt.float(), is_prompt.sum()))
    for where, weights, amount in parts:
        if not bool(where.any()):
            found.append(None)
            continue
        logits = inner.lm_head(hidden[where.to(device)]).float()
        each = F.cross_entropy(logits, targets[where].to(device), reduction="none")
        found.append((weights[where].to(device) * each).sum() / amount)
    return Losses(*found)


@torch.no_grad()
def greedy_matches(model: Any, batch: Batch) -> list[bool]:
    """Whether greedy decoding would give each row's answer exactly.

    It does if and only if every token of the answer is the likeliest after those before it, so
    one pass over the known answer tells.
    """
    inner, device = inner_model(model), next(model.parameters()).device
    ids, is_answer, _ = _rows(batch)
    hidden = inner.model(input_ids=ids.to(device), use_cache=False).last_hidden_state[:, :-1]
    likeliest = inner.lm_head(hidden[is_answer.to(device)]).argmax(-1).cpu()
    right = torch.ones_like(is_answer)
    right[is_answer] = likeliest == ids[:, 1:][is_answer]
    return right.all(1).tolist()


def _rows(batch: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids (rows, longest), and per predicted position (rows, longest - 1) its part.

    Padding stands on the right, where a causal model's other tokens do not see it.
    """
    longest = max(len(example.ids) for example in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    is_answer = torch.zeros(len(batch), longest - 1, dtype=torch.bool)
    is_prompt = torch.zeros_like(is_answer)
    for row, example in enumerate(batch):
        length = len(example.ids)
        ids[row, :length] = torch.tensor(example.ids)
        if example.answer < length:
            is_answer[row, length - example.answer - 1 : length - 1] = True
            is_prompt[row, : length - example.answer - 1] = True
        else:
            is_prompt[row, : length - 1] = True
    return ids, is_answer, is_prompt


def inner_model(model: Any) -> Any:
    """The transformers model, inside an adapter or not; adapted layers are in their places."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model

"""Log-probabilities of answers, computed with the prompt of a group run once.

The prompt of each group runs once (groups side by side, padded on the right); its keys and values
stay in the graph and are expanded to the group's answers, which run as a second pass. That is
P + G * R tokens instead of G * (P + R), and exact, with gradients. The head runs on answer
positions only, in float32 and in chunks whose logits are recomputed in the backward pass.

Knows token ids, the backbone and its cache. Does not know rewards or losses.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from trainer.fused_lora import unfused
from trainer.model import Policy

PADDING_SLACK = 8
"""Tokens by which answers that are computed side by side may differ in length, and a quarter."""
HEAD_CHUNK = 2048
"""Answer positions whose logits exist at once; with 4,096 tokens of vocabulary, 32 MiB."""


@dataclass(frozen=True)
class Group:
    """One prompt's token ids and those of its answers, each at least one token long."""

    prompt: Sequence[int]
    answers: Sequence[Sequence[int]]

    @property
    def tokens(self) -> int:
        """What a pass over it computes, without padding."""
        return len(self.prompt) + sum(len(answer) for answer in self.answers)


def answer_logprobs(policy: Policy, groups: Sequence[Group], temperature: float = 1.0) -> Tensor:
    """Return the log-probability of every answer token, flat: group by group, answer by answer.

    float32, natural logarithm, of the distribution at `temperature`; with gradient unless in
    no_grad. All groups are computed at once: the caller bounds their number. Equal answers of a
    group are computed once.
    """
    distinct, where = _distinct(groups)
    with policy.computing():
        hidden, targets = _shared_prefix_hidden(policy, distinct)
    found = head_logprobs(hidden, policy.head.weight, targets, temperature)
    return found if where is None else found[where.to(found.device)]


def naive_logprobs(policy: Policy, groups: Sequence[Group], temperature: float = 1.0) -> Tensor:
    """The same, one whole sequence at a time: slow, plainly right, what is checked against."""
    found = []
    for group in groups:
        for answer in group.answers:
            ids = torch.tensor([[*group.prompt, *answer]], device=policy.device)
            # Layers that are computed again must be computed the same way, and that is later.
            plainly = nullcontext() if policy.checkpointing else unfused(policy.model)
            with plainly, policy.computing():
                hidden = policy.backbone(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
            answer = hidden[0, len(group.prompt) - 1 :].float()
            logits = answer @ policy.head.weight.float().T / temperature
            chosen = ids[0, len(group.prompt) :]
            found.append(logits.log_softmax(-1).gather(1, chosen[:, None])[:, 0])
    return torch.cat(found)


def micro_batches(groups: Sequence[Group], budget: int) -> list[list[int]]:
    """Return indices of `groups` in parts of at most `budget` padded tokens, alike ones together.

    Every index occurs once; a group beyond the budget stands alone.
    """
    order = sorted(range(len(groups)), key=lambda i: (_longest(groups[i]), len(groups[i].prompt)))
    parts: list[list[int]] = []
    for index in order:
        if parts and _padded([groups[i] for i in [*parts[-1], index]]) <= budget:
            parts[-1].append(index)
        else:
            parts.append([index])
    return parts


def _distinct(groups: Sequence[Group]) -> tuple[list[Group], Tensor | None]:
    """Return the groups without repeated answers, and where each token's value then stands.

    A sharp policy repeats itself: of eight answers five are different.
    """
    fewer: list[Group] = []
    where: list[range] = []
    offset = 0
    for group in groups:
        place: dict[tuple[int, ...], range] = {}
        for answer in map(tuple, group.answers):
            if answer not in place:
                place[answer] = range(offset, offset + len(answer))
                offset += len(answer)
            where.append(place[answer])
        fewer.append(Group(group.prompt, list(place)))
    if sum(len(group.answers) for group in fewer) == len(where):
        return list(groups), None
    return fewer, torch.tensor([at for span in where for at in span])


def _longest(group: Group) -> int:
    return max(len(answer) for answer in group.answers)


def _padded(groups: Sequence[Group]) -> int:
    prompt = max(len(group.prompt) for group in groups)
    answer = max(_longest(group) for group in groups)
    return len(groups) * prompt + sum(len(group.answers) for group in groups) * answer


def pad(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids padded on the right with 0, and their lengths. Padding is masked by length."""
    length = torch.tensor([len(row) for row in rows])
    ids = torch.zeros(len(rows), int(length.max()), dtype=torch.int64)
    ids[torch.arange(ids.shape[1]) < length[:, None]] = torch.tensor(
        [token for row in rows for token in row]
    )
    return ids.to(device), length.to(device)


def take_rows(cache: Any, rows: Tensor) -> None:
    """Replace a cache's rows by those that `rows` selects, by index or by mask; with gradient."""
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys[rows], layer.values[rows]


def _shared_prefix_hidden(policy: Policy, groups: Sequence[Group]) -> tuple[Tensor, Tensor]:
    """Return the hidden state before every answer token, and the tokens, both flat."""
    device = policy.device
    prompts, prompt_length = pad([group.prompt for group in groups], device)
    # Padding on the right is invisible to what stands before it, so causality is mask enough.
    cache = DynamicCache()
    first = policy.backbone(input_ids=prompts, past_key_values=cache, use_cache=True)
    at_end = first.last_hidden_state[torch.arange(len(groups), device=device), prompt_length - 1]
    owner = torch.tensor([i for i, group in enumerate(groups) for _ in group.answers])
    answers = [answer for group in groups for answer in group.answers]
    prefix = _Prefix(policy, cache, prompt_length, at_end)
    hidden, targets, place = [], [], []
    starts = torch.tensor([0, *map(len, answers)]).cumsum(0)
    for chosen in _alike([len(answer) for answer in answers]):
        states, tokens = prefix.answer([answers[i] for i in chosen], owner[chosen].to(device))
        hidden.append(states)
        targets.append(tokens)
        place += [torch.arange(int(starts[i]), int(starts[i + 1])) for i in chosen]
    back = torch.cat(place).argsort().to(device)
    return torch.cat(hidden)[back], torch.cat(targets)[back]


def _alike(lengths: Sequence[int]) -> list[list[int]]:
    """Return indices of answers in parts of similar length.

    One answer that runs on would otherwise pad all the others of its batch to its own length.
    """
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    parts: list[list[int]] = []
    for index in order:
        if parts and lengths[index] <= 1.25 * lengths[parts[-1][0]] + PADDING_SLACK:
            parts[-1].append(index)
        else:
            parts.append([index])
    return parts


@dataclass(frozen=True)
class _Prefix:
    """Prompts that ran once, to be continued by any of their answers; with gradient."""

    policy: Policy
    cache: Any
    length: Tensor
    at_end: Tensor
    """The hidden state before each group's first answer token."""

    def answer(self, answers: Sequence[Sequence[int]], owner: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden states and tokens of `answers`, flat; `owner` is each one's group."""
        ids, length = pad(answers, owner.device)
        hidden = self.at_end[owner][:, None]
        if ids.shape[1] > 1:
            hidden = torch.cat([hidden, self._continued(ids[:, :-1], owner)], dim=1)
        real = torch.arange(ids.shape[1], device=owner.device) < length[:, None]
        return hidden[real], ids[real]

    def _continued(self, ids: Tensor, owner: Tensor) -> Tensor:
        cache = DynamicCache()
        for number, layer in enumerate(self.cache.layers):
            cache.update(layer.keys[owner], layer.values[owner], number)
        width, own_prompt = ids.shape[1], self.length[owner]
        column = torch.arange(self.cache.get_seq_length(), device=ids.device)
        step = torch.arange(width, device=ids.device)
        sees_prompt = (column < own_prompt[:, None])[:, None, :].expand(-1, width, -1)
        sees_answer = (step[:, None] >= step).expand(len(ids), -1, -1)
        out = self.policy.backbone(
            input_ids=ids,
            attention_mask=torch.cat([sees_prompt, sees_answer], dim=2)[:, None],
            position_ids=own_prompt[:, None] + step,
            past_key_values=cache,
            use_cache=True,
        )
        return out.last_hidden_state


def head_logprobs(hidden: Tensor, weight: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return log softmax(hidden @ weight.T / temperature) at `targets`, in float32, chunk by chunk.

    The head is frozen: gradient flows to `hidden` only.
    """
    if weight.requires_grad:
        raise ValueError("the head must be frozen: its gradient is not computed here")
    return _HeadLogprobs.apply(hidden, weight, targets, temperature)  # type: ignore[return-value]


class _HeadLogprobs(torch.autograd.Function):
    """Log-probs whose gradient is made on the way: W[target] - softmax @ W, a row per position.

    The upstream gradient only scales those rows, so no logits are kept or computed twice.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, temperature: float
    ) -> Tensor:
        found, slopes, full = [], [], weight.float()
        for part, wanted in zip(hidden.split(HEAD_CHUNK), targets.split(HEAD_CHUNK), strict=True):
            logits = (part.float() @ full.T).div_(temperature)
            normaliser = logits.logsumexp(1, keepdim=True)
            found.append(logits.gather(1, wanted[:, None])[:, 0] - normaliser[:, 0])
            if ctx.needs_input_grad[0]:
                share = logits.sub_(normaliser).exp_()
                slopes.append((full[wanted] - share @ full) / temperature)
        ctx.save_for_backward(torch.cat(slopes) if slopes else hidden.new_zeros(0))
        ctx.dtype = hidden.dtype
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return (slope * upstream[0][:, None]).to(ctx.dtype), None, None, None

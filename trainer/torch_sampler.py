"""Samples in this process: batched, with a KV cache, the prompt of a group computed once.

For benchmarks, and for evaluation where vLLM is absent; the product samples through the gateway.
Knows the model and its cache. Every sample draws from a generator of its own, so a result does
not depend on what else is in the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from feedback_store.events import Rollout
from trainer.logprobs import pad, take_rows
from trainer.model import AdapterState, Policy, read_adapter, zero_state
from trainer.sampler import SamplerError, Sampling

PROMPTS_AT_ONCE = 16


@dataclass
class _Lanes:
    """Answers being generated; rows leave when they end."""

    index: Tensor
    prompt_length: Tensor
    prompt_width: int
    cache: Any
    uniforms: Tensor
    tokens: list[list[int]]
    logprobs: list[list[float]]
    finished: set[int] = field(default_factory=set)

    def keep(self, rows: Tensor) -> None:
        """Drop every row for which `rows` is False."""
        if bool(rows.all()):
            return
        self.index, self.prompt_length = self.index[rows], self.prompt_length[rows]
        take_rows(self.cache, rows)


class TorchSampler:
    """Samples with the trainer's own model; adapters are swapped in for the time of a call."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._adapters: dict[str, AdapterState] = {}
        self.engine = "torch"

    def offer(self, folder: Path) -> str:
        """Read a published adapter, so that it can be sampled from under its name."""
        self._adapters[folder.name] = read_adapter(folder)
        return folder.name

    def withdraw(self, name: str) -> None:
        """Forget it."""
        self._adapters.pop(name, None)

    def sample(
        self, policy: str | None, prompts: Sequence[Sequence[int]], sampling: Sampling
    ) -> list[list[Rollout]]:
        """Return the answers, in the prompts' order."""
        if policy is not None and policy not in self._adapters:
            raise SamplerError(f"no adapter {policy!r} was offered to this sampler")
        state = zero_state(self._policy) if policy is None else self._adapters[policy]
        groups: list[list[Rollout]] = []
        with self._policy.holding(state), self._policy.computing():
            for first in range(0, len(prompts), PROMPTS_AT_ONCE):
                part = prompts[first : first + PROMPTS_AT_ONCE]
                groups += self._sample(part, sampling, first * sampling.samples)
        return groups

    def _sample(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, first: int
    ) -> list[list[Rollout]]:
        hidden, lanes = self._prefill(prompts, sampling, first)
        for step in range(sampling.max_tokens):
            chosen, logprob = self._choose(hidden, lanes, sampling, step)
            for lane, token, value in zip(
                lanes.index.tolist(), chosen.tolist(), logprob.tolist(), strict=True
            ):
                lanes.tokens[lane].append(token)
                lanes.logprobs[lane].append(value)
                if token in sampling.stop_token_ids:
                    lanes.finished.add(lane)
            alive = ~torch.isin(chosen, chosen.new_tensor(sampling.stop_token_ids))
            if step + 1 == sampling.max_tokens or not alive.any():
                break
            lanes.keep(alive)
            hidden = self._advance(chosen[alive], lanes, step)
        answers = [self._rollout(lanes, lane) for lane in range(len(lanes.tokens))]
        n = sampling.samples
        return [answers[i : i + n] for i in range(0, len(answers), n)]

    def _prefill(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, first: int
    ) -> tuple[Tensor, _Lanes]:
        device, n = self._policy.device, sampling.samples
        ids, length = pad(prompts, device)
        cache = DynamicCache()
        out = self._policy.backbone(input_ids=ids, past_key_values=cache, use_cache=True)
        rows = torch.arange(len(prompts), device=device)
        hidden = out.last_hidden_state[rows, length - 1].repeat_interleave(n, 0)
        take_rows(cache, rows.repeat_interleave(n))
        amount = len(prompts) * n
        lanes = _Lanes(
            index=torch.arange(amount, device=device),
            prompt_length=length.repeat_interleave(n),
            prompt_width=ids.shape[1],
            cache=cache,
            uniforms=_uniforms(sampling, first, amount).to(device),
            tokens=[[] for _ in range(amount)],
            logprobs=[[] for _ in range(amount)],
        )
        return hidden, lanes

    def _choose(
        self, hidden: Tensor, lanes: _Lanes, sampling: Sampling, step: int
    ) -> tuple[Tensor, Tensor]:
        logits = self._policy.head(hidden).float()
        if sampling.temperature == 0:
            chosen = logits.argmax(-1)
        else:
            share = (logits.double() / sampling.temperature).softmax(-1).cumsum(-1)
            u = lanes.uniforms[lanes.index, step] * share[:, -1]
            chosen = torch.searchsorted(share, u[:, None], right=True)[:, 0]
            chosen = chosen.clamp(max=logits.shape[1] - 1)
        return chosen, logits.log_softmax(-1).gather(1, chosen[:, None])[:, 0]

    def _advance(self, tokens: Tensor, lanes: _Lanes, step: int) -> Tensor:
        column = torch.arange(lanes.prompt_width, device=tokens.device)
        sees_prompt = column < lanes.prompt_length[:, None]
        sees_answer = sees_prompt.new_ones(len(tokens), step + 1)
        out = self._policy.backbone(
            input_ids=tokens[:, None],
            attention_mask=torch.cat([sees_prompt, sees_answer], 1)[:, None, None],
            position_ids=(lanes.prompt_length + step)[:, None],
            past_key_values=lanes.cache,
            use_cache=True,
        )
        return out.last_hidden_state[:, 0]

    def _rollout(self, lanes: _Lanes, lane: int) -> Rollout:
        ids = lanes.tokens[lane]
        stopped = lane in lanes.finished
        shown = ids[:-1] if stopped else ids
        return Rollout(
            token_ids=tuple(ids),
            logprobs=tuple(lanes.logprobs[lane]),
            text=self._policy.tokenizer.decode(shown, skip_special_tokens=False),
            finish_reason="stop" if stopped else "length",
        )


def _uniforms(sampling: Sampling, first: int, amount: int) -> Tensor:
    """One row of random numbers per answer, from its own seed."""
    if sampling.temperature == 0:
        return torch.zeros(amount, 1)
    if sampling.seed is None:
        return torch.rand(amount, sampling.max_tokens, dtype=torch.float64)
    rows = []
    for lane in range(amount):
        generator = torch.Generator().manual_seed(sampling.seed + first + lane)
        rows.append(torch.rand(sampling.max_tokens, dtype=torch.float64, generator=generator))
    return torch.stack(rows)

"""One update of the adapter: log-probs, loss, gradient, AdamW.

Knows the policy, its parent and the optimiser. Does not know where examples come from or where
the adapter goes. Where the policy that sampled is the one that is updated (one update per rollout
batch), the log-probs at rollout time are this update's own, detached; for more updates they are
remembered first.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import torch
from torch import Tensor

from trainer.examples import Demonstration, Examples, TrainGroup
from trainer.logprobs import Group, answer_logprobs, micro_batches, naive_logprobs
from trainer.loss import Inputs, LossSettings, Outputs, likelihood_loss, policy_loss
from trainer.model import AdapterState, Policy
from trainer.peers import Peers
from trainer.self_check import sharing_agrees

LogProbs = Callable[[Policy, Sequence[Group]], Tensor]


@dataclass(frozen=True)
class UpdateSettings:
    """The optimiser's constants."""

    learning_rate: float
    warmup_steps: int = 2
    max_grad_norm: float = 1.0
    micro_batch_tokens: int = 4096
    imitation: float = 1.0
    """What the likelihood of demonstrations counts, a token, beside the policy loss."""
    by_answer: bool = False
    """Every answer counts alike (GRPO), not every token (DAPO)."""
    loss: LossSettings = field(default_factory=LossSettings)


class Learner:
    """Holds the optimiser and the frozen parent, and takes steps."""

    def __init__(
        self,
        policy: Policy,
        parent: AdapterState,
        settings: UpdateSettings,
        peers: Peers | None = None,
    ) -> None:
        self.policy, self.parent, self.settings = policy, parent, settings
        self.steps = 0
        self.skipped = 0
        self._peers = peers or Peers()
        self._logprobs: LogProbs | None = None
        self.optimiser = torch.optim.AdamW(
            [parameter for _, parameter in policy.trainable()],
            lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=0.0,
        )  # fmt: skip

    def step(self, examples: Examples) -> dict[str, float]:
        """Take one update on groups that all carry signal, and demonstrations; return metrics.

        Without either, or where loss or gradient is not finite, the adapter stays as it is.
        """
        began = time.monotonic()
        if not examples.groups and not examples.demonstrations:
            self.skipped += 1
            return {"skipped": 1.0, "update_s": 0.0}
        self.optimiser.zero_grad(set_to_none=True)
        totals = {"loss": 0.0}
        parts = (self._compared(examples.groups), self._imitated(examples.demonstrations))
        for out in chain(*parts):
            out.loss.backward()
            for name, value in {"loss": float(out.loss.detach()), **out.metrics}.items():
                totals[name] = totals.get(name, 0.0) + value
        totals = self._peers.totals(totals)
        self._add_gradients()
        norm = self._apply(totals["loss"])
        tokens = sum(group.tokens for group in examples.groups)
        seconds = time.monotonic() - began
        return _means(totals) | norm | {"update_s": seconds, "trained_tokens": float(tokens)}

    def remember(self, groups: Sequence[TrainGroup]) -> list[TrainGroup]:
        """Return the groups with the log-probs of this moment's policy, and of the parent."""
        plain = [_plain(group) for group in groups]
        known = list(groups)
        compute = self._checked(plain) if groups else naive_logprobs
        for part in micro_batches(plain, self.settings.micro_batch_tokens):
            chosen = [plain[i] for i in part]
            sizes = [groups[i].tokens for i in part]
            with torch.no_grad():
                old = compute(self.policy, chosen).split(sizes)
            reference = self._reference(compute, chosen)
            anchors = [None] * len(part) if reference is None else reference.split(sizes)
            for i, own, anchor in zip(part, old, anchors, strict=True):
                known[i] = replace(groups[i], old=own, reference=anchor)
        return known

    @property
    def shares_prefix(self) -> bool:
        """Whether prompts are computed once per group; False after a failed self-check."""
        return self._logprobs is not naive_logprobs

    def _compared(self, groups: Sequence[TrainGroup]) -> Iterator[Outputs]:
        plain = [_plain(group) for group in groups]
        tokens = sum(group.tokens for group in groups)
        answers = sum(len(group.answers) for group in groups)
        compute = self._checked(plain) if groups else naive_logprobs
        for part in self._peers.share(micro_batches(plain, self.settings.micro_batch_tokens)):
            chosen, few = [groups[i] for i in part], [plain[i] for i in part]
            reference = _flat([group.reference for group in chosen])
            if reference is None:
                reference = self._reference(compute, few)
            logp = compute(self.policy, few)
            yield policy_loss(self._inputs(chosen, logp, reference, tokens, answers))

    def _inputs(
        self,
        groups: Sequence[TrainGroup],
        logp: Tensor,
        reference: Tensor | None,
        tokens: int,
        answers: int,
    ) -> Inputs:
        old = _flat([group.old for group in groups])
        old = logp.detach() if old is None else old
        mu = [value for g in groups for answer in g.engine_logprobs for value in answer]
        if len(mu) != len(logp):
            raise ValueError(f"{len(logp)} answer tokens, but {len(mu)} log-probs of the engine")
        share = None
        if self.settings.by_answer:
            share = _spread(groups, logp, lambda g, i: tokens / (answers * len(g.answers[i])))
        return Inputs(
            logp=logp, old=old, mu=torch.tensor(mu).to(logp),
            reference=old if reference is None else reference,
            advantage=_spread(groups, logp, lambda group, i: group.advantages[i]),
            weight=_spread(groups, logp, lambda group, _: group.weight),
            mask=torch.ones_like(logp, dtype=torch.bool),
            tokens=tokens, share=share, settings=self.settings.loss,
        )  # fmt: skip

    def _imitated(self, demonstrations: Sequence[Demonstration]) -> Iterator[Outputs]:
        plain = [Group(one.prompt, [one.answer]) for one in demonstrations]
        tokens = sum(len(one.answer) for one in demonstrations)
        compute = self._checked(plain) if plain else naive_logprobs
        for part in self._peers.share(micro_batches(plain, self.settings.micro_batch_tokens)):
            logp = compute(self.policy, [plain[i] for i in part])
            weight = [demonstrations[i].weight for i in part for _ in demonstrations[i].answer]
            scaled = self.settings.imitation * torch.tensor(weight).to(logp)
            yield likelihood_loss(logp, scaled, tokens)

    def _reference(self, compute: LogProbs, groups: Sequence[Group]) -> Tensor | None:
        if self.settings.loss.kl_weight == 0:
            return None
        with self.policy.holding(self.parent):
            return compute(self.policy, groups)

    def _add_gradients(self) -> None:
        if self._peers.size == 1:
            return
        gradients: list[Tensor] = []
        for _, parameter in self.policy.trainable():
            if parameter.grad is None:  # this process had no part
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        self._peers.add(gradients)

    def _apply(self, loss: float) -> dict[str, float]:
        parameters = [parameter for _, parameter in self.policy.trainable()]
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, self.settings.max_grad_norm))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.skipped += 1
            return {"grad_norm": 0.0, "skipped": 1.0}
        warmup = self.settings.warmup_steps
        rate = self.settings.learning_rate * min(1.0, (self.steps + 1) / (warmup + 1))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.steps += 1
        return {"grad_norm": norm, "learning_rate": rate, "skipped": 0.0}

    def _checked(self, groups: Sequence[Group]) -> LogProbs:
        """On first use, compare the shared prefix with the plain way; fall back if they differ."""
        if self._logprobs is None:
            agrees = sharing_agrees(self.policy, groups)
            self._logprobs = answer_logprobs if agrees else naive_logprobs
        return self._logprobs


def _plain(group: TrainGroup) -> Group:
    return Group(group.prompt, group.answers)


def _flat(known: Sequence[Tensor | None]) -> Tensor | None:
    found = [tensor for tensor in known if tensor is not None]
    return torch.cat(found) if len(found) == len(known) else None


def _spread(
    groups: Sequence[TrainGroup], like: Tensor, value: Callable[[TrainGroup, int], float]
) -> Tensor:
    """Repeat a value per answer over the answer's tokens."""
    values = [value(group, i) for group in groups for i in range(len(group.answers))]
    lengths = [len(answer) for group in groups for answer in group.answers]
    return torch.repeat_interleave(torch.tensor(values), torch.tensor(lengths)).to(like)


def _means(totals: dict[str, float]) -> dict[str, float]:
    tokens = max(totals.pop("tokens", 0.0), 1.0)
    imitated = totals.pop("imitated_tokens", 0.0)
    likelihood = {"nll": totals.pop("nll") / imitated} if imitated else {}
    loss = totals.pop("loss")
    weight, squared = totals.get("engine_weight", 0.0), totals.pop("engine_weight_squared", 0.0)
    means = {name: value / tokens for name, value in totals.items()}
    if squared:
        means["effective_sample"] = weight * weight / squared / tokens
    return {"loss": loss, **means, **likelihood}

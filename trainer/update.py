"""One update of the adapter: log-probs, loss, gradient, AdamW.

Knows the policy, its parent and the optimiser. Does not know where groups come from or where the
adapter goes. The policy that sampled is the policy that is updated (one update per rollout
batch), so the log-probs at rollout time are this update's own, detached.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainer.groups import TrainGroup
from trainer.logprobs import Group, answer_logprobs, micro_batches, naive_logprobs
from trainer.loss import Inputs, LossSettings, Outputs, likelihood_loss, policy_loss
from trainer.model import AdapterState, Policy

SELF_CHECK_TOLERANCE = 2e-3
"""Of the first groups' loss and gradients, relative. The test on random models asks for 1e-5. On a
trained one the gradients of single groups nearly cancel: of 40 groups of hone-tiny three were
beyond 1e-4 with nothing wrong, while positions that are off by one give 0.03 and more."""
SELF_CHECK_GROUPS = 3

LogProbs = Callable[[Policy, Sequence[Group]], Tensor]


@dataclass(frozen=True)
class UpdateSettings:
    """The optimiser's constants."""

    learning_rate: float
    warmup_steps: int = 2
    max_grad_norm: float = 1.0
    micro_batch_tokens: int = 4096
    imitate: bool = False
    """Maximise the likelihood of the answers instead of comparing them."""
    loss: LossSettings = field(default_factory=LossSettings)


class Learner:
    """Holds the optimiser and the frozen parent, and takes steps."""

    def __init__(self, policy: Policy, parent: AdapterState, settings: UpdateSettings) -> None:
        self.policy, self.parent, self.settings = policy, parent, settings
        self.steps = 0
        self.skipped = 0
        self._logprobs: LogProbs | None = None
        self.optimiser = torch.optim.AdamW(
            [parameter for _, parameter in policy.trainable()],
            lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=0.0,
        )  # fmt: skip

    def step(self, groups: Sequence[TrainGroup]) -> dict[str, float]:
        """Take one update on `groups`, all of which carry signal; return its metrics.

        Without groups, or where loss or gradient is not finite, the adapter stays as it is.
        """
        began = time.monotonic()
        if not groups:
            self.skipped += 1
            return {"skipped": 1.0, "update_s": 0.0}
        plain = [Group(group.prompt, group.answers) for group in groups]
        compute = self._checked(plain)
        tokens = sum(len(answer) for group in groups for answer in group.answers)
        self.optimiser.zero_grad(set_to_none=True)
        totals: dict[str, float] = {"loss": 0.0}
        for part in micro_batches(plain, self.settings.micro_batch_tokens):
            out = self._part([groups[i] for i in part], [plain[i] for i in part], tokens, compute)
            out.loss.backward()
            totals["loss"] += float(out.loss.detach())
            for name, value in out.metrics.items():
                totals[name] = totals.get(name, 0.0) + value
        norm = self._apply(totals["loss"])
        seconds = time.monotonic() - began
        return _means(totals) | norm | {"update_s": seconds, "trained_tokens": float(tokens)}

    def _part(
        self, groups: Sequence[TrainGroup], plain: Sequence[Group], tokens: int, compute: LogProbs
    ) -> Outputs:
        reference = None
        if not self.settings.imitate and self.settings.loss.kl_weight > 0:
            with self.policy.holding(self.parent):
                reference = compute(self.policy, plain)
        logp = compute(self.policy, plain)
        mask = torch.ones_like(logp, dtype=torch.bool)
        weight = _spread(groups, logp, lambda group, _: group.weight)
        if self.settings.imitate:
            return likelihood_loss(logp, weight, mask, tokens)
        old = logp.detach()
        mu = torch.tensor(
            [value for g in groups for answer in g.engine_logprobs for value in answer]
        ).to(logp)
        inputs = Inputs(
            logp=logp, old=old, mu=mu, reference=old if reference is None else reference,
            advantage=_spread(groups, logp, lambda group, i: group.advantages[i]),
            weight=weight, mask=mask, tokens=tokens, settings=self.settings.loss,
        )  # fmt: skip
        return policy_loss(inputs)

    def _apply(self, loss: float) -> dict[str, float]:
        parameters = [parameter for _, parameter in self.policy.trainable()]
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, self.settings.max_grad_norm))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.skipped += 1
            return {"grad_norm": 0.0, "skipped": 1.0}
        rate = self.settings.learning_rate * min(1.0, (self.steps + 1) / (self.warmup + 1))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.steps += 1
        return {"grad_norm": norm, "learning_rate": rate, "skipped": 0.0}

    @property
    def warmup(self) -> int:
        """Updates until the learning rate is full."""
        return self.settings.warmup_steps

    def _checked(self, groups: Sequence[Group]) -> LogProbs:
        """On first use, compare the shared prefix with the plain way; fall back if they differ."""
        if self._logprobs is None:
            few = [Group(group.prompt, group.answers[:2]) for group in groups[:SELF_CHECK_GROUPS]]
            ok = disagreement(self.policy, few) <= SELF_CHECK_TOLERANCE
            self._logprobs = answer_logprobs if ok else naive_logprobs
        return self._logprobs

    @property
    def shares_prefix(self) -> bool:
        """Whether prompts are computed once per group; False after a failed self-check."""
        return self._logprobs is not naive_logprobs


def disagreement(policy: Policy, groups: Sequence[Group]) -> float:
    """Return the largest relative difference of loss and gradients, shared prefix against plain.

    The loss is a fixed, uneven weighting of the log-probs, so that no error can cancel out.
    """
    results: list[list[Tensor]] = []
    for compute in (answer_logprobs, naive_logprobs):
        logp = compute(policy, groups)
        loss = (logp * torch.linspace(0.5, 1.5, len(logp), device=logp.device)).mean()
        parameters = [parameter for _, parameter in policy.trainable()]
        results.append([loss.detach(), *torch.autograd.grad(loss, parameters)])
    loss_gap = float((results[0][0] - results[1][0]).abs() / results[1][0].abs().clamp(min=1e-12))
    shared, plain = (torch.cat([g.flatten() for g in found[1:]]) for found in results)
    return max(loss_gap, float((shared - plain).norm() / plain.norm().clamp(min=1e-12)))


def _spread(
    groups: Sequence[TrainGroup], like: Tensor, value: Callable[[TrainGroup, int], float]
) -> Tensor:
    """Repeat a value per answer over the answer's tokens."""
    values = [value(group, i) for group in groups for i in range(len(group.answers))]
    lengths = [len(answer) for group in groups for answer in group.answers]
    return torch.repeat_interleave(torch.tensor(values), torch.tensor(lengths)).to(like)


def _means(totals: dict[str, float]) -> dict[str, float]:
    tokens = max(totals.pop("tokens", 1.0), 1.0)
    loss = totals.pop("loss")
    weight, squared = totals.get("engine_weight", 0.0), totals.pop("engine_weight_squared", 0.0)
    means = {name: value / tokens for name, value in totals.items()}
    if squared:
        means["effective_sample"] = weight * weight / squared / tokens
    return {"loss": loss, **means}

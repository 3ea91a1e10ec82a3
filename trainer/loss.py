"""The policy loss of one update, token by token.

    ratio  = exp(logp - old)                        to the trainer's own log-probs at rollout time
    policy = -min(ratio * A, clip(ratio, 1 - 0.2, 1 + 0.28) * A), at most -10 * A where A < 0
    policy = policy * min(exp(old - mu), 2)         the gap between the trainer and the engine
    KL     = exp(d) - d - 1, d = reference - logp   (k3), |d| clamped at 20
    loss   = sum(weight * policy + 0.01 * KL) / tokens of all answers with signal in the batch

That is DAPO's token mean (arXiv 2503.14476, with its wider clip upwards). With `share` tokens of
one answer count 1 / its length instead: GRPO's mean over answers (arXiv 2402.03300).

Knows tensors of tokens. Does not know models, groups, rewards or micro-batches: `tokens` is the
global batch's, so the losses (and gradients) of its micro-batches add up to the whole's.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class LossSettings:
    """The constants of the loss; the defaults are the product's."""

    clip_low: float = 0.2
    clip_high: float = 0.28
    """Wider upwards, so that rare good tokens can grow (DAPO)."""
    dual_clip: float = 10.0
    """Bounds the loss of a bad answer that has become much more probable."""
    engine_ratio_cap: float = 2.0
    kl_weight: float = 0.01
    kl_clamp: float = 20.0
    """exp() of a larger difference would overflow the loss."""


@dataclass(frozen=True)
class Inputs:
    """Per-token values of some answers, flat; all shaped (tokens,) and of one dtype."""

    logp: Tensor
    """Under the policy in training, with gradient."""
    old: Tensor
    """Under the trainer's policy at rollout time."""
    mu: Tensor
    """Under the engine that sampled, at the sampling temperature."""
    reference: Tensor
    """Under the frozen parent."""
    advantage: Tensor
    weight: Tensor
    """Reliability of the group's reference, in [0, 1]; multiplies the policy term."""
    mask: Tensor
    """bool; False takes no part."""
    tokens: int
    """Answer tokens with signal in the global batch: the denominator."""
    share: Tensor | None = None
    """What a token counts beside others; on average over the global batch 1."""
    settings: LossSettings = field(default_factory=LossSettings)


@dataclass(frozen=True)
class Outputs:
    """`metrics` are sums over this call's tokens; divide by `metrics["tokens"]` for means.

    The entropy is that of the samples: minus their log-prob at rollout time, whose mean is the
    policy's entropy if its own answers are all there.
    """

    loss: Tensor
    metrics: dict[str, float]


def policy_loss(inputs: Inputs) -> Outputs:
    """Return the loss of these tokens, as their part of the global batch's."""
    s, mask = inputs.settings, inputs.mask
    difference = inputs.logp - inputs.old
    # Ratios beyond e^20 are clipped anyway, and inf * 0 would be NaN.
    ratio = difference.clamp(-20, 20).exp()
    clipped = ratio.clamp(1 - s.clip_low, 1 + s.clip_high)
    gain = torch.minimum(ratio * inputs.advantage, clipped * inputs.advantage)
    floor = s.dual_clip * inputs.advantage
    gain = torch.where(inputs.advantage < 0, torch.maximum(gain, floor), gain)
    gap = (inputs.old - inputs.mu).detach()
    correction = gap.clamp(-20, 20).exp().clamp(max=s.engine_ratio_cap)
    d = (inputs.reference - inputs.logp).clamp(-s.kl_clamp, s.kl_clamp)
    kl = d.exp() - d - 1
    per_token = -gain * correction * inputs.weight + s.kl_weight * kl
    if inputs.share is not None:
        per_token = per_token * inputs.share
    loss = torch.where(mask, per_token, 0.0).sum() / max(inputs.tokens, 1)
    with torch.no_grad():
        outside = (ratio < 1 - s.clip_low) & (inputs.advantage < 0)
        outside |= (ratio > 1 + s.clip_high) & (inputs.advantage > 0)
        metrics = {
            "tokens": mask.sum(),
            "kl": kl[mask].sum(),
            "entropy": -inputs.old[mask].sum(),
            "clip_fraction": outside[mask].sum(),
            "ratio": ratio[mask].sum(),
            "engine_gap": gap[mask].abs().sum(),
            "engine_weight": correction[mask].sum(),
            "engine_weight_squared": correction[mask].square().sum(),
        }
        return Outputs(loss, {name: float(value) for name, value in metrics.items()})


def likelihood_loss(logp: Tensor, weight: Tensor, tokens: int) -> Outputs:
    """Return the weighted negative log-likelihood of references: what SFT minimises.

    Args:
        logp, weight: (tokens,), of some references.
        tokens: of all references in the global batch: the denominator.
    """
    loss = (-logp * weight).sum() / max(tokens, 1)
    return Outputs(loss, {"imitated_tokens": float(len(logp)), "nll": float(-logp.detach().sum())})

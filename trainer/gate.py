"""Whether a new adapter may serve: a pure judgement of measured evidence.

Knows thresholds and evidence. Does not know how the evidence was gathered (trainer.gate_run) or
who acts on the verdict (the gateway). Too little evidence is a reason not to swap.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from trainer.metrics import Interval, Ratio, paired_difference
from trainer.off_policy import Estimate, Logged, estimate
from trainer.slices import Rewards, Slice, fallen, slices

SHORT = 10.0
"""Mean tokens of an answer. Where answers choose a guess they take one to four, and twice as much
is no drift: a demo's policy that had learnt a third more went from 1.4 to 3.8."""

Inputs = dict[str, float | int | str | bool | None]


class Verdict(StrEnum):
    """What the gate says."""

    PASSED = "passed"
    REFUSED = "refused"
    TOO_LITTLE = "too_little_evidence"


@dataclass(frozen=True)
class GateSettings:
    """Thresholds; the defaults are the product's."""

    margin: float = 0.05
    """How much worse the lower bound of the reward difference may look."""
    confidence: float = 0.9
    """Of the one-sided lower bound."""
    min_items: int = 100
    slice_margin: float = 0.1
    """How much one language's or team's reward may fall, where it surely fell."""
    slice_items: int = 20
    """Fewer items of a language or team say nothing of it."""
    max_probe_gap: float = 0.02
    """Mean |log-prob difference| between the engine and the trainer, in nats per token."""
    min_parent_difference: float = 1e-5
    """Mean |log-prob difference| below which two adapters are the same one."""
    max_norm: float = 1e3
    """Of any adapter tensor: beyond it, training has diverged."""
    max_kl: float = 0.5
    """Mean KL (k3) to the live policy on its own answers, in nats per token."""
    max_base_kl: float = 5.0
    """The same to the base model."""
    max_length_ratio: float = 2.0
    """Of mean answer lengths; those of fewer than SHORT tokens count as SHORT."""
    max_silence_change: float = 0.25
    """Of the share of silent answers. Beyond it more silence never passes, and less of it only
    with a reward that has surely risen: to speak up more is what learning from people is for, but
    where silence scores, a policy that learnt nothing else looks better too."""


@dataclass(frozen=True)
class Integrity:
    """What the adapter's tensors say of themselves."""

    finite: bool
    largest_norm: float
    differs: bool
    """From its parent, tensor by tensor."""


@dataclass(frozen=True)
class Probe:
    """The same tokens' log-probabilities by engine and trainer, mean |difference| per token."""

    tokens: int
    gap: float
    """Engine against trainer, both with the new adapter."""
    parent_gap: float
    """Engine with the new adapter against the trainer with its parent."""
    parent_difference: float
    """Trainer with the new adapter against the trainer with its parent."""


class Scored(Rewards):
    """Held-back items answered by both policies."""

    def mean(self, rewards: Sequence[float]) -> float:
        """Return the weighted mean of one side's rewards."""
        return float(np.average(rewards, weights=self.weight)) if len(rewards) else math.nan


@dataclass(frozen=True)
class Drift:
    """How far the new policy's answers are from the live one's, and from the base model's."""

    kl: float
    base_kl: float
    new_length: float
    live_length: float
    """Mean answer length, in tokens."""
    new_silence: float
    live_silence: float

    @property
    def silence_change(self) -> float:
        """By how much the share of silent answers grew."""
        return self.new_silence - self.live_silence


@dataclass(frozen=True)
class Evidence:
    """Everything a verdict is made of."""

    integrity: Integrity
    probe: Probe
    replay: Scored
    holdout: Scored
    drift: Drift
    logged: Logged


@dataclass(frozen=True)
class Judgement:
    """The verdict, one sentence, and every number behind it."""

    verdict: Verdict
    why: str
    inputs: Inputs = field(default_factory=dict)


def judge(evidence: Evidence, settings: GateSettings, seed: int = 0) -> Judgement:
    """Return the verdict on `evidence`. The first thing that fails is the reason."""
    difference = reward_difference(evidence.replay, settings.confidence, seed)
    parts = list(slices(evidence.replay, settings.slice_items, seed))
    aside = estimate(evidence.logged, settings.confidence, seed)
    inputs = _inputs(evidence, settings, difference) | _of_slices(parts) | _of_logged(aside)
    broken = _broken(evidence, settings)
    if broken is not None:
        return Judgement(Verdict.REFUSED, broken, inputs)
    items = len(evidence.replay.new)
    if items < settings.min_items or difference.low is None:
        why = f"too little evidence: {items} held-back items, {settings.min_items} are needed"
        return Judgement(Verdict.TOO_LITTLE, why, inputs)
    if difference.low <= -settings.margin:
        why = (
            f"the reward may have fallen: the lower bound of the difference is "
            f"{difference.low:+.4f}, allowed is -{settings.margin:g}"
        )
        return Judgement(Verdict.REFUSED, why, inputs)
    if why_not := fallen(parts, settings.slice_margin):
        return Judgement(Verdict.REFUSED, why_not, inputs)
    if aside.items >= settings.min_items and aside.fallen(settings.margin):
        why = f"on {aside.items} answers that the live version drew, the reward surely falls"
        return Judgement(Verdict.REFUSED, why, inputs)
    change = evidence.drift.silence_change
    if change < -settings.max_silence_change and difference.low <= 0:
        why = (
            f"the share of silence changed by {change:+.2f} and the reward has not surely risen: "
            f"{difference.low:+.4f} at least"
        )
        return Judgement(Verdict.REFUSED, why, inputs)
    why = (
        f"reward {difference.value:+.4f} on {items} held-back items, at least {difference.low:+.4f}"
    )
    return Judgement(Verdict.PASSED, why, inputs)


def reward_difference(scored: Scored, confidence: float, seed: int = 0) -> Interval:
    """Return the weighted paired difference new - live; `low` is the one-sided bound."""
    if not len(scored.new):
        return Interval(None, None, None)
    weight = np.asarray(scored.weight, dtype=float)
    return paired_difference(
        Ratio(np.asarray(scored.live) * weight, weight),
        Ratio(np.asarray(scored.new) * weight, weight),
        scored.session,
        confidence=2 * confidence - 1,
        seed=seed,
    )


def _broken(evidence: Evidence, s: GateSettings) -> str | None:
    integrity, probe = evidence.integrity, evidence.probe
    if not integrity.finite:
        return "the adapter holds numbers that are not finite"
    if integrity.largest_norm > s.max_norm:
        return f"a tensor's norm is {integrity.largest_norm:.3g}, allowed is {s.max_norm:g}"
    if not integrity.differs or not probe.parent_difference > s.min_parent_difference:
        return "the adapter does not differ from the live version"
    if not probe.gap < s.max_probe_gap:
        return f"engine and trainer disagree by {probe.gap:.4f}, allowed is {s.max_probe_gap:g}"
    if not probe.gap < probe.parent_gap:
        return "the engine answers like the live version: it did not load the new adapter"
    return _drifted(evidence.drift, s)


def _drifted(drift: Drift, s: GateSettings) -> str | None:
    if not drift.kl <= s.max_kl:
        return f"the KL to the live policy is {drift.kl:.3f} per token, allowed is {s.max_kl:g}"
    if not drift.base_kl <= s.max_base_kl:
        return (
            f"the KL to the base model is {drift.base_kl:.3f} per token, allowed is "
            f"{s.max_base_kl:g}: let a run restart from the base"
        )
    ratio = max(drift.new_length, SHORT) / max(drift.live_length, SHORT)
    if not 1 / s.max_length_ratio <= ratio <= s.max_length_ratio:
        return (
            f"answers are {ratio:.2f} times as long, allowed is a factor of {s.max_length_ratio:g}"
        )
    if drift.silence_change > s.max_silence_change:
        return (
            f"the share of silence changed by {drift.silence_change:+.2f}, allowed is "
            f"{s.max_silence_change:+g}"
        )
    return None


def _inputs(evidence: Evidence, settings: GateSettings, difference: Interval) -> Inputs:
    integrity, probe, drift = evidence.integrity, evidence.probe, evidence.drift
    replay, holdout = evidence.replay, evidence.holdout
    return {
        "items": len(replay.new),
        "reward_new": _finite(replay.mean(replay.new)),
        "reward_live": _finite(replay.mean(replay.live)),
        "reward_difference": difference.value,
        "reward_difference_low": difference.low,
        "confidence": settings.confidence,
        "margin": settings.margin,
        "holdout_items": len(holdout.new),
        "holdout_reward_new": _finite(holdout.mean(holdout.new)),
        "holdout_reward_live": _finite(holdout.mean(holdout.live)),
        "probe_tokens": probe.tokens,
        "probe_gap": _finite(probe.gap),
        "probe_parent_gap": _finite(probe.parent_gap),
        "probe_parent_difference": _finite(probe.parent_difference),
        "finite": integrity.finite,
        "differs_from_parent": integrity.differs,
        "largest_norm": _finite(integrity.largest_norm),
        "kl": _finite(drift.kl),
        "base_kl": _finite(drift.base_kl),
        "length_new": drift.new_length,
        "length_live": drift.live_length,
        "silence_new": drift.new_silence,
        "silence_live": drift.live_silence,
    }


def _of_slices(parts: Sequence[Slice]) -> Inputs:
    return {f"{one.kind} {one.name}": one.difference for one in parts}


def _of_logged(found: Estimate) -> Inputs:
    """Off-policy estimates are reported, and say themselves how far they may be trusted."""
    return {
        "off_policy_items": found.items,
        "off_policy_effective": found.effective,
        "off_policy_decides": found.decides,
        "off_policy_reward_new": found.new,
        "off_policy_reward_live": found.live,
        "off_policy_difference_high": found.difference.high,
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None

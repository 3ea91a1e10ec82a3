"""Gathers the gate's evidence: what the new adapter is, and what it answers.

Knows sampler, trainer model and rewards. Does not know thresholds (trainer.gate) or who acts on
the verdict. Answers are fresh and greedy, as editors get them, on feedback that was not trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from feedback_store.events import Rollout
from trainer.batches import Row, Split
from trainer.gate import Drift, Evidence, GateSettings, Integrity, Probe
from trainer.gate import Scored as ScoredItems
from trainer.groups import Reader, Scored
from trainer.logged import logged
from trainer.logprobs import Group, answer_logprobs, micro_batches
from trainer.model import AdapterState, equal, largest_norm, zero_state
from trainer.sampler import Sampling
from trainer.workbench import Bench

PROBE_PROMPTS = 16
PROBE_TOKENS = 64
DRIFT_ANSWERS = 64
PROMPTS_AT_ONCE = 32


@dataclass(frozen=True)
class Version:
    """A policy version by the name that the engine knows, None for the base, and by its weights."""

    name: str | None
    state: AdapterState


def settings_of(bench: Bench) -> GateSettings:
    """Return the thresholds as configured."""
    asked = bench.settings.gate
    return GateSettings(
        margin=asked.margin,
        min_items=asked.min_items,
        slice_margin=asked.slice_margin,
        slice_items=asked.slice_items,
        max_probe_gap=asked.max_probe_gap,
        max_kl=asked.max_kl,
        max_base_kl=asked.max_base_kl,
        max_length_ratio=asked.max_length_ratio,
        max_silence_change=asked.max_silence_change,
    )


def gather(bench: Bench, new: Version, live: Version, parts: Split) -> Evidence:
    """Measure everything that the gate asks about `new`, against `live`."""
    rows = [*parts.held, *parts.holdout]
    # The product's reward judges, whatever an experiment trained for.
    reader = Reader(bench.profile, bench.policy.tokenizer)
    with bench.display.phase("gate", 2 * len(rows)) as advance:
        answered = {}
        for side, version in (("new", new), ("live", live)):
            answered[side] = []
            for first in range(0, len(rows), PROMPTS_AT_ONCE):
                part = rows[first : first + PROMPTS_AT_ONCE]
                answered[side] += answer(bench, reader, version.name, part)
                advance(len(part), side)
    held = len(parts.held)
    return Evidence(
        integrity=integrity(new.state, live.state),
        probe=probe(bench, new, live.state, rows),
        replay=_pair(answered["new"][:held], answered["live"][:held]),
        holdout=_pair(answered["new"][held:], answered["live"][held:]),
        drift=drift(bench, new.state, live.state, answered["new"], answered["live"]),
        logged=logged(bench, reader, new.state, live.state, live.name, parts.held),
    )


def answer(bench: Bench, reader: Reader, policy: str | None, rows: Sequence[Row]) -> list[Scored]:
    """Return one greedy, scored answer per row."""
    sampling = Sampling(
        samples=1, max_tokens=reader.max_tokens(rows), temperature=0.0,
        stop_token_ids=bench.policy.stop_ids,
    )  # fmt: skip
    prompts = [row.prompt_token_ids for row in rows]
    groups = bench.sampler.sample(policy, prompts, sampling)
    return [reader.score(row, group) for row, group in zip(rows, groups, strict=True)]


def integrity(new: AdapterState, parent: AdapterState) -> Integrity:
    """Look at the tensors themselves."""
    finite = all(bool(tensor.isfinite().all()) for tensor in new.values())
    return Integrity(finite, largest_norm(new) if finite else float("inf"), not equal(new, parent))


def probe(bench: Bench, new: Version, parent: AdapterState, rows: Sequence[Row]) -> Probe:
    """Let the engine sample from the new adapter and compare its log-probs with the trainer's."""
    amount = min(PROBE_PROMPTS, len(rows))
    some = [rows[i * len(rows) // amount] for i in range(amount)]
    if not some:
        return Probe(0, float("nan"), float("nan"), float("nan"))
    sampling = Sampling(
        samples=1, max_tokens=PROBE_TOKENS, seed=bench.settings.train.seed,
        stop_token_ids=bench.policy.stop_ids,
    )  # fmt: skip
    found = bench.sampler.sample(new.name, [row.prompt_token_ids for row in some], sampling)
    pairs = [(row, group[0]) for row, group in zip(some, found, strict=True)]
    engine = torch.tensor([value for _, rollout in pairs for value in rollout.logprobs])
    ours, theirs = (_logprobs(bench, pairs, state) for state in (new.state, parent))
    return Probe(
        tokens=len(engine),
        gap=_mean_gap(engine, ours),
        parent_gap=_mean_gap(engine, theirs),
        parent_difference=_mean_gap(ours, theirs),
    )


def drift(
    bench: Bench,
    new: AdapterState,
    live: AdapterState,
    new_answers: Sequence[Scored],
    live_answers: Sequence[Scored],
) -> Drift:
    """Compare the two sides' answers: KL on the new one's, lengths, silence."""
    if not new_answers:
        return Drift(float("nan"), float("nan"), 0.0, 0.0, 0.0, 0.0)
    pairs = [(scored.row, scored.rollouts[0]) for scored in new_answers[:DRIFT_ANSWERS]]
    mine = _logprobs(bench, pairs, new)
    base = zero_state(bench.policy)
    return Drift(
        kl=_kl(mine, _logprobs(bench, pairs, live)),
        base_kl=_kl(mine, _logprobs(bench, pairs, base)),
        new_length=_mean_length(new_answers),
        live_length=_mean_length(live_answers),
        new_silence=sum(scored.silent for scored in new_answers) / len(new_answers),
        live_silence=sum(scored.silent for scored in live_answers) / len(live_answers),
    )


def _kl(mine: torch.Tensor, others: torch.Tensor) -> float:
    """Return the k3 estimate of the KL to the others, on tokens of mine."""
    d = (others - mine).clamp(-20, 20)
    return float((d.exp() - d - 1).mean())


def _logprobs(
    bench: Bench, pairs: Sequence[tuple[Row, Rollout]], state: AdapterState
) -> torch.Tensor:
    """Return the trainer's log-probs of the rollouts' tokens under `state`, flat, in order."""
    groups = [Group(row.prompt_token_ids, [rollout.token_ids]) for row, rollout in pairs]
    found: dict[int, torch.Tensor] = {}
    with bench.policy.holding(state):
        for part in micro_batches(groups, bench.settings.train.micro_batch_tokens):
            values = answer_logprobs(bench.policy, [groups[i] for i in part]).cpu()
            lengths = [len(groups[i].answers[0]) for i in part]
            found.update(zip(part, values.split(lengths), strict=True))
    return torch.cat([found[i] for i in range(len(groups))])


def _pair(new: Sequence[Scored], live: Sequence[Scored]) -> ScoredItems:
    return ScoredItems(
        new=[scored.rewards[0] for scored in new],
        live=[scored.rewards[0] for scored in live],
        weight=[scored.row.weight for scored in new],
        session=[scored.row.session for scored in new],
        labels={
            "language": [scored.row.language for scored in new],
            "team": [scored.row.team for scored in new],
        },
    )


def _mean_gap(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().mean())


def _mean_length(answers: Sequence[Scored]) -> float:
    return sum(len(scored.rollouts[0].token_ids) for scored in answers) / len(answers)

"""Logged answers as off-policy estimates need them: those that the live policy drew.

Knows rows, models and rewards. Does not know what is made of them (trainer.off_policy). The
log-probabilities are computed anew: the engine's are of temperature 1, whatever was drawn at.
"""

from collections.abc import Sequence

import torch

from feedback_store.events import Reason, Rollout
from trainer.batches import Row
from trainer.groups import Reader
from trainer.logprobs import Group, answer_logprobs, micro_batches
from trainer.model import AdapterState
from trainer.off_policy import Logged
from trainer.workbench import Bench

PICKED = 1.0
"""At this temperature the gateway samples several answers of which it shows one: what was picked is
no draw. Answers at 0 are none either, and by default all are."""


def logged(
    bench: Bench,
    reader: Reader,
    new: AdapterState,
    live: AdapterState,
    live_name: str | None,
    rows: Sequence[Row],
) -> Logged:
    """Return what the live policy drew among `rows`."""
    found = [row for row in rows if was_drawn(row, live_name)]
    if not found:
        return Logged()
    earned = [reader.score(row, [_rollout(row)]).rewards[0] for row in found]
    return Logged(
        new=_totals(bench, found, new),
        live=_totals(bench, found, live),
        reward=earned,
        reliability=[row.weight for row in found],
        session=[row.session for row in found],
    )


def was_drawn(row: Row, live_name: str | None) -> bool:
    """Whether the live policy, None being the base model, drew this row's answer."""
    by = row.base_model if live_name is None else live_name
    drawn = row.temperature not in (0.0, PICKED)
    return drawn and row.policy_version == by and bool(row.output_token_ids)


def _rollout(row: Row) -> Rollout:
    ids = tuple(row.output_token_ids or ())
    ended = "length" if row.reason == Reason.TRUNCATED else "stop"
    return Rollout(token_ids=ids, logprobs=(0.0,) * len(ids), text="", finish_reason=ended)


def _totals(bench: Bench, rows: Sequence[Row], state: AdapterState) -> list[float]:
    """Return the log-probability of each row's whole answer under `state`."""
    found = [0.0] * len(rows)
    for temperature in sorted({row.temperature for row in rows}):
        places = [n for n, row in enumerate(rows) if row.temperature == temperature]
        answers = [rows[n].output_token_ids or [] for n in places]
        groups = [
            Group(rows[n].prompt_token_ids, [tuple(ids)])
            for n, ids in zip(places, answers, strict=True)
        ]
        with torch.no_grad(), bench.policy.holding(state):
            for part in micro_batches(groups, bench.settings.train.micro_batch_tokens):
                some = [groups[i] for i in part]
                values = answer_logprobs(bench.policy, some, temperature).cpu()
                lengths = [len(answers[i]) for i in part]
                for i, one in zip(part, values.split(lengths), strict=True):
                    found[places[i]] = float(one.double().sum())
    return found

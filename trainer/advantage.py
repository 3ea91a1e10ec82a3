"""Advantages of sampled answers relative to their group: GAPO, GRPO and relatives.

    GAPO:  A_i = (r_i - Q) / (sqrt(sum_j (r_j - Q)^2 / (n - 1)) + 1e-6)

where Q is the median of the shortest window of the sorted rewards that holds ceil(tau * n) of
them, the lowest window on ties. Outliers then move neither the baseline nor anybody's sign.

Knows rewards and group numbers. Does not know tokens, prompts or losses. Its one deviation from
the official code is stated at `parity`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

EPSILON = 1e-6
MIN_SPREAD = 0.02
"""Groups whose best and worst rewards are nearer than this carry no signal: scaling would blow
a difference that is mostly noise up to full size."""

TIE_TOLERANCE = 1e-9
"""Windows whose lengths differ by less are equally long; rounding of a reward is far below it."""


@dataclass(frozen=True)
class _Groups:
    """Rewards as one row per group, ascending, padded at the end."""

    rows: Tensor
    """(groups, widest) float64; padding is the row's last real reward."""
    real: Tensor
    """(groups, widest) bool."""
    size: Tensor
    """(groups,) int64."""
    order: Tensor
    """(rewards,) the reward that stands at each real cell, row by row."""


Baseline = Callable[["_Groups", float, bool], Tensor]


def estimate(
    rewards: Any,
    groups: Any,
    method: str = "gapo",
    tau: float = 0.5,
    *,
    parity: bool = False,
    min_spread: float | None = None,
    epsilon: float = EPSILON,
    return_keep: bool = False,
) -> Any:
    """Return one float64 advantage per reward, in the rewards' order.

    Args:
        rewards: (n,) numbers, a torch tensor (any device) or a numpy array; the result is alike.
        groups: (n,) integers; rewards with the same number are answers to the same prompt.
        method: `gapo` (arXiv 2510.21830), `median` (its tau = 1: the plain median, scaled about
            it), `grpo` (2402.03300), `dr_grpo` (2503.20783: no scale), `rloo` (2402.14740:
            the mean of the others, no scale).
        tau: share of a group that the densest window must hold; GAPO only.
        parity: reproduce the official GAPO code bit for bit of its choices: window lengths from
            rewards rounded to float32, and in groups of one the raw reward as advantage.
            Otherwise lengths within 1e-9 are ties and a group of one has advantage 0.
        min_spread: groups with a smaller max - min are not kept; default 0.02, 0 with `parity`.
        return_keep: also return a bool mask of the rewards whose group carries signal: more
            than one answer, and spread. Callers drop the others from numerator and denominator.

    Raises:
        ValueError: unknown method, tau outside (0, 1], shapes that differ, or a reward that is
            not finite; the message names the item.
    """
    _check(method, tau)
    values, numbers, numpy_out = _as_tensors(rewards, groups)
    if parity:
        values = values.to(torch.float32).to(torch.float64)
    spread = (0.0 if parity else MIN_SPREAD) if min_spread is None else min_spread
    advantages, keep = _estimate(values, numbers, (method, tau, parity), epsilon, spread)
    if numpy_out:
        advantages, keep = advantages.numpy(), keep.numpy()
    return (advantages, keep) if return_keep else advantages


def _check(method: str, tau: float) -> None:
    if method not in METHODS:
        raise ValueError(f"no estimator {method!r}; known: {', '.join(sorted(METHODS))}")
    if not 0 < tau <= 1:
        raise ValueError(f"tau must be in (0, 1], not {tau}")


def _estimate(
    values: Tensor, numbers: Tensor, how: tuple[str, float, bool], epsilon: float, spread: float
) -> tuple[Tensor, Tensor]:
    if not len(values):
        return values, torch.zeros(0, dtype=torch.bool, device=values.device)
    method, tau, parity = how
    baseline, scaled = METHODS[method]
    table = _tabulate(values, numbers)
    deviation = baseline(table, tau, parity)
    if scaled:
        squares = (deviation.square() * table.real).sum(1)
        scale = (squares / (table.size - 1).clamp(min=1)).sqrt() + epsilon
        deviation = deviation / scale[:, None]
    alone = (table.size == 1)[:, None]
    raw = table.rows / (1 + epsilon) if parity else torch.zeros_like(table.rows)
    deviation = torch.where(alone, raw, deviation)
    width = table.rows[:, -1] - table.rows[:, 0]
    # 1e-12: a spread given as 0.02 should keep rewards 0.50 and 0.52, whose difference is less.
    kept = (width > 0) & (width >= spread - 1e-12) & (table.size > 1)
    advantages = torch.empty_like(values)
    advantages[table.order] = deviation[table.real]
    keep = torch.empty(len(values), dtype=torch.bool, device=values.device)
    keep[table.order] = kept[:, None].expand_as(table.real)[table.real]
    return advantages, keep


def _as_tensors(rewards: Any, groups: Any) -> tuple[Tensor, Tensor, bool]:
    numpy_out = not isinstance(rewards, Tensor)
    values = torch.as_tensor(np.asarray(rewards) if numpy_out else rewards).to(torch.float64)
    numbers = torch.as_tensor(groups if isinstance(groups, Tensor) else np.asarray(groups))
    numbers = numbers.to(values.device).to(torch.int64)
    if values.dim() != 1 or values.shape != numbers.shape:
        raise ValueError(
            f"one reward and one group number per answer: got {tuple(values.shape)} rewards "
            f"and {tuple(numbers.shape)} groups"
        )
    wrong = (~values.isfinite()).nonzero()
    if len(wrong):
        at = int(wrong[0])
        raise ValueError(f"reward {at} (group {int(numbers[at])}) is {float(values[at])}")
    return values, numbers, numpy_out


def _tabulate(values: Tensor, numbers: Tensor) -> _Groups:
    _, row, size = torch.unique(numbers, return_inverse=True, return_counts=True)
    by_value = torch.argsort(values, stable=True)
    order = by_value[torch.argsort(row[by_value], stable=True)]
    widest = int(size.max())
    column = torch.arange(widest, device=values.device).expand(len(size), widest)
    real = column < size[:, None]
    rows = torch.zeros(len(size), widest, dtype=torch.float64, device=values.device)
    rows[real] = values[order]
    rows = rows.gather(1, torch.minimum(column, size[:, None] - 1))
    return _Groups(rows, real, size, order)


def _about_window_median(table: _Groups, tau: float, parity: bool) -> Tensor:
    return table.rows - densest_median(table.rows, table.size, tau, parity=parity)[:, None]


def densest_median(rows: Tensor, size: Tensor, tau: float, *, parity: bool = False) -> Tensor:
    """Return each row's median of the shortest window that holds ceil(tau * size) of it.

    `rows` is (groups, widest), ascending within the first `size` cells; later cells are ignored.
    """
    amount = size.to(torch.float64)
    # The official expression has a rounding error (n = 20, tau = 0.55 gives 12, not 11).
    exact = torch.ceil(amount * (tau * 100) / 100 if parity else amount * tau - TIE_TOLERANCE)
    k = exact.to(torch.int64).clamp(min=1).minimum(size)[:, None]
    start = torch.arange(rows.shape[1], device=rows.device).expand_as(rows)
    fits = start + k <= size[:, None]
    end = (start + k - 1).clamp(max=rows.shape[1] - 1)
    length = torch.where(fits, rows.gather(1, end) - rows, torch.inf)
    shortest = length.min(1, keepdim=True).values
    ties = length <= shortest + (0.0 if parity else TIE_TOLERANCE)
    first = torch.where(ties, start, rows.shape[1]).min(1, keepdim=True).values
    low, high = rows.gather(1, first + (k - 1) // 2), rows.gather(1, first + k // 2)
    return ((low + high) / 2)[:, 0]


def _about_median(table: _Groups, tau: float, parity: bool) -> Tensor:
    return _about_window_median(table, 1.0, parity)


def _mean(table: _Groups) -> Tensor:
    return (table.rows * table.real).sum(1) / table.size


def _about_mean(table: _Groups, tau: float, parity: bool) -> Tensor:
    return table.rows - _mean(table)[:, None]


def _about_others(table: _Groups, tau: float, parity: bool) -> Tensor:
    # r_i minus the mean of the others is the deviation from the mean, times n / (n - 1).
    factor = table.size / (table.size - 1).clamp(min=1)
    return _about_mean(table, tau, parity) * factor[:, None]


METHODS: dict[str, tuple[Baseline, bool]] = {
    "gapo": (_about_window_median, True),
    "median": (_about_median, True),
    "grpo": (_about_mean, True),
    "dr_grpo": (_about_mean, False),
    "rloo": (_about_others, False),
}
"""Every estimator: deviations from its baseline, and whether their scale divides them."""

"""Advantages of sampled answers relative to their group: GAPO, GRPO and relatives.

    GAPO:  A_i = (r_i - Q) / (sqrt(sum_j (r_j - Q)^2 / (n - 1)) + 1e-6)

where Q is the median of the shortest window of the sorted rewards that holds ceil(tau * n) of
them, the lowest window on ties. Outliers then move neither the baseline nor anybody's sign.

Knows rewards and group numbers. Does not know tokens, prompts or losses, nor the estimators
themselves (`estimators`).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer.estimators import ESTIMATORS, Estimator, Groups, Options

EPSILON = 1e-6
MIN_SPREAD = 0.02
"""Groups whose best and worst rewards are nearer than this carry no signal: scaling would blow
a difference that is mostly noise up to full size."""


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
        method: one of `ESTIMATORS`, which says from which paper each is.
        tau: share of a group that the densest window must hold (GAPO and its ablations), or the
            quantile K of `qae`, for which its paper takes 0.4.
        parity: reproduce the official GAPO code bit for bit of its choices: window lengths from
            rewards rounded to float32, and in groups of one the raw reward as advantage.
            Otherwise lengths within 1e-9 are ties and a group of one has advantage 0.
        min_spread: groups with a smaller max - min are not kept; default 0.02, 0 with `parity`.
        return_keep: also return a bool mask of the rewards that carry signal: those of groups
            with spread, in `mc_grpo` without the median's own; all of them in `reinforce++`.
            Callers drop the others from numerator and denominator.

    Raises:
        ValueError: unknown method, tau outside (0, 1], other shapes, a reward that is not finite.
    """
    _check(method, tau)
    values, numbers, numpy_out = _as_tensors(rewards, groups, parity)
    spread = min_spread if min_spread is not None else 0.0 if parity else MIN_SPREAD
    found = [values, torch.zeros(0, dtype=torch.bool, device=values.device)]
    if len(values):
        table = tabulate(values, numbers)
        found[0] = _estimate(table, ESTIMATORS[method], Options(tau, parity, epsilon))
        found[1:] = [_kept(table, ESTIMATORS[method], spread)] if return_keep else []
    told = tuple(one.numpy() if numpy_out else one for one in found)
    return told if return_keep else told[0]


def _check(method: str, tau: float) -> None:
    if method not in ESTIMATORS:
        raise ValueError(f"no estimator {method!r}; known: {', '.join(sorted(ESTIMATORS))}")
    if not 0 < tau <= 1:
        raise ValueError(f"tau must be in (0, 1], not {tau}")


def _estimate(table: Groups, how: Estimator, options: Options) -> Tensor:
    deviation = table.rows - how.baseline(table, options)[:, None]
    deviation = deviation / how.scale(table, deviation, options)[:, None]
    if how.centred:
        mean = table.summed(deviation) / table.size
        deviation = deviation - mean[:, None]
    if not how.by_batch and table.has_single:
        raw = table.rows / (1 + options.epsilon) if options.parity else torch.zeros_like(deviation)
        deviation = torch.where((table.size == 1)[:, None], raw, deviation)
    return table.flat(deviation)


def _kept(table: Groups, how: Estimator, spread: float) -> Tensor:
    if how.by_batch:
        return table.flat(table.real)
    width = table.rows[:, -1] - table.rows[:, 0]
    # 1e-12: a spread given as 0.02 should keep rewards 0.50 and 0.52, whose difference is less.
    groups = (width > 0) & (width >= spread - 1e-12) & (table.size > 1)
    if not how.drops_pivot:
        return table.flat(groups[:, None].expand_as(table.real))
    place = torch.arange(table.rows.shape[1], device=table.rows.device)
    pivot = (place == (table.size // 2)[:, None]) & (table.size % 2 == 1)[:, None]
    return table.flat(groups[:, None] & ~pivot)


def _as_tensors(rewards: Any, groups: Any, parity: bool) -> tuple[Tensor, Tensor, bool]:
    numpy_out = not isinstance(rewards, Tensor)
    values = torch.as_tensor(np.asarray(rewards) if numpy_out else rewards).to(torch.float64)
    numbers = torch.as_tensor(groups if isinstance(groups, Tensor) else np.asarray(groups))
    numbers = numbers.to(values.device).to(torch.int64)
    if values.dim() != 1 or values.shape != numbers.shape:
        raise ValueError(
            f"one reward and one group number per answer: got {tuple(values.shape)} rewards "
            f"and {tuple(numbers.shape)} groups"
        )
    if not values.sum().isfinite() and not (finite := values.isfinite()).all():
        at = int((~finite).nonzero()[0])
        raise ValueError(f"reward {at} (group {int(numbers[at])}) is {float(values[at])}")
    return values.to(torch.float32).double() if parity else values, numbers, numpy_out


def tabulate(values: Tensor, numbers: Tensor) -> Groups:
    """Return the rewards (n,) as one ascending row per group number (n,)."""
    order = None
    if bool((numbers[1:] < numbers[:-1]).any()):
        order = torch.argsort(numbers)
        values, numbers = values[order], numbers[order]
    _, size = torch.unique_consecutive(numbers, return_counts=True)
    if bool((size == size[0]).all()):
        return _rectangle(values, size, order)
    widest = int(size.max())
    column = torch.arange(widest, device=values.device)
    real = column < size[:, None]
    begin = (size.cumsum(0) - size)[:, None]
    place = (begin + column).clamp(max=len(values) - 1)
    rows, by_value = torch.where(real, values[place], torch.inf).sort(1)
    # Those with the same reward may stand in any order: they get the same advantage.
    cells = real.flatten().nonzero()[:, 0]
    source = (begin + by_value).flatten()[cells]
    rows = torch.where(real, rows, rows.gather(1, size[:, None] - 1))
    return Groups(rows, real, size, cells, source if order is None else order[source])


def _rectangle(values: Tensor, size: Tensor, order: Tensor | None) -> Groups:
    """The same where all groups are of one size: nothing to pad."""
    rows, by_value = values.view(len(size), -1).sort(1)
    begin = torch.arange(0, len(values), rows.shape[1], device=values.device)
    source = (by_value + begin[:, None]).flatten()
    real = torch.ones_like(rows, dtype=torch.bool)
    return Groups(rows, real, size, None, source if order is None else order[source])

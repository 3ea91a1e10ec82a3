"""The estimators: from what a group's rewards are measured, and by what the difference is divided.

    gapo         median of the densest interval; spread about it        arXiv 2510.21830
    gapo_mean    its ablation: mean of that interval, spread about it
    gapo_std     its ablation: that median, but the standard deviation
    gapo_centred GAPO, moved so that a group's advantages sum to zero
    median       its tau = 1: the plain median, spread about it
    grpo         mean; standard deviation                               arXiv 2402.03300
    dr_grpo      mean; nothing                                          arXiv 2503.20783
    rloo         mean of the others; nothing                            arXiv 2402.14740
    qae          the K-quantile (a reward of the group); standard deviation   arXiv 2509.22611
    mc_grpo      median, whose own answer takes no part; median deviation     arXiv 2601.22582
    reinforce++  mean of the batch; standard deviation of the batch     arXiv 2501.03262

Spread about a baseline b is sqrt(sum (r - b)^2 / (n - 1)). Deviations from the papers: `mc_grpo`
divides by the spread about the median where the median deviation is 0 (with rewards 0 and 1 the
rule: its code divides by 0.001 there, and one answer would outweigh all others of a batch).

Knows rewards in rows. Does not know what is kept of them (`advantage`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

TIE_TOLERANCE = 1e-9
"""Windows whose lengths differ by less are equally long; rounding of a reward is far below it."""
MEDIAN_DEVIATION_FLOOR = 1e-3
"""What the code of MC-GRPO adds to the median deviation."""


@dataclass(frozen=True)
class Groups:
    """Rewards as one row per group, ascending, padded at the end."""

    rows: Tensor
    """(groups, widest) float64; padding is the row's last real reward."""
    real: Tensor
    """(groups, widest) bool."""
    size: Tensor
    """(groups,) int64."""
    cells: Tensor | None
    """(rewards,) the real cells of the flat table, row by row; None where all cells are real."""
    source: Tensor
    """(rewards,) which reward stands there."""

    def flat(self, table: Tensor) -> Tensor:
        """Return the real cells of a (groups, widest) table in the rewards' order, (rewards,)."""
        found = table.flatten() if self.cells is None else table.flatten()[self.cells]
        return torch.empty_like(found).index_copy_(0, self.source, found)

    def summed(self, table: Tensor) -> Tensor:
        """Return the sums over the real cells of a (groups, widest) table, (groups,)."""
        return (table if self.cells is None else table * self.real).sum(1)

    @property
    def has_single(self) -> bool:
        """Whether some group has one reward only."""
        return self.rows.shape[1] == 1 or (self.cells is not None and bool((self.size == 1).any()))

    @property
    def freedom(self) -> Tensor:
        """(groups,) n - 1, at least 1."""
        return (self.size - 1).clamp(min=1)


@dataclass(frozen=True)
class Options:
    """What an estimator can be told."""

    tau: float
    """Share of a group that the densest window must hold; K of `qae`."""
    parity: bool
    """Reproduce the official code's rounding."""
    epsilon: float
    """Added to scales."""


Baseline = Callable[[Groups, Options], Tensor]
"""(groups,): what a group's rewards are measured from."""
Scale = Callable[[Groups, Tensor, Options], Tensor]
"""(groups,): what the deviations (groups, widest) are divided by."""


@dataclass(frozen=True)
class Estimator:
    """One way to an advantage."""

    baseline: Baseline
    scale: Scale
    centred: bool = False
    """Move the advantages so that a group's sum to zero."""
    by_batch: bool = False
    """Groups carry no meaning: every answer is kept, however alike its group."""
    drops_pivot: bool = False
    """In groups of odd size the median's own answer takes no part."""


def densest_window(groups: Groups, options: Options) -> tuple[Tensor, Tensor]:
    """Return the first cell, (groups, 1), of the shortest window with ceil(tau n), and that number,
    (groups, 1) or (1, 1)."""
    rows = groups.rows
    if groups.cells is None:
        # All of one size: windows are slices, which costs half of what gathering costs.
        k = _least(groups.size[:1], options)[:, None]
        wide = int(k)
        length = rows[:, wide - 1 :] - rows[:, : rows.shape[1] - wide + 1]
    else:
        k = _least(groups.size, options)[:, None]
        start = torch.arange(rows.shape[1], device=rows.device).expand_as(rows)
        fits = start + k <= groups.size[:, None]
        end = (start + k - 1).clamp(max=rows.shape[1] - 1)
        length = torch.where(fits, rows.gather(1, end) - rows, torch.inf)
    shortest = length.amin(1, keepdim=True)
    ties = length <= (shortest if options.parity else shortest + TIE_TOLERANCE)
    return ties.byte().argmax(1, keepdim=True), k  # the first of them


def _least(size: Tensor, options: Options) -> Tensor:
    """Return how many rewards a window must hold, for groups of these sizes."""
    amount, tau = size.to(torch.float64), options.tau
    # The official expression has a rounding error (n = 20, tau = 0.55 gives 12, not 11).
    exact = amount * (tau * 100) / 100 if options.parity else amount * tau - TIE_TOLERANCE
    return exact.ceil().to(torch.int64).clamp(min=1).minimum(size)


def window_median(groups: Groups, options: Options) -> Tensor:
    """Return the median of the densest window, the lowest one on ties."""
    first, k = densest_window(groups, options)
    low = groups.rows.gather(1, first + (k - 1) // 2)
    return ((low + groups.rows.gather(1, first + k // 2)) / 2)[:, 0]


def _window_mean(groups: Groups, options: Options) -> Tensor:
    first, k = densest_window(groups, options)
    place = torch.arange(groups.rows.shape[1], device=groups.rows.device)
    inside = (place >= first) & (place < first + k)
    return (groups.rows * inside).sum(1) / k[:, 0]


def _median(groups: Groups, options: Options) -> Tensor:
    middle = (groups.size - 1)[:, None]
    low, high = groups.rows.gather(1, middle // 2), groups.rows.gather(1, (middle + 1) // 2)
    return ((low + high) / 2)[:, 0]


def _mean(groups: Groups, options: Options) -> Tensor:
    return groups.summed(groups.rows) / groups.size


def _quantile(groups: Groups, options: Options) -> Tensor:
    place = (groups.size * options.tau - TIE_TOLERANCE).ceil().to(torch.int64) - 1
    return groups.rows.gather(1, place.clamp(min=0)[:, None])[:, 0]


def _batch_mean(groups: Groups, options: Options) -> Tensor:
    return groups.rows[groups.real].mean().expand(len(groups.size))


def _spread(groups: Groups, deviation: Tensor, options: Options) -> Tensor:
    squares = groups.summed(deviation.square())
    return (squares / groups.freedom).sqrt() + options.epsilon


def _deviation_from_mean(groups: Groups, deviation: Tensor, options: Options) -> Tensor:
    return _spread(groups, groups.rows - _mean(groups, options)[:, None], options)


def _batch_deviation(groups: Groups, deviation: Tensor, options: Options) -> Tensor:
    values = groups.rows[groups.real]
    spread = values.std() if len(values) > 1 else torch.zeros_like(values[0])
    return (spread + options.epsilon).expand(len(groups.size))


def _one(groups: Groups, deviation: Tensor, options: Options) -> Tensor:
    return torch.ones_like(deviation[:, 0])


def _others_share(groups: Groups, deviation: Tensor, options: Options) -> Tensor:
    # r_i minus the mean of the others is the deviation from the mean, times n / (n - 1).
    return groups.freedom / groups.size


def _median_deviation(groups: Groups, deviation: Tensor, options: Options) -> Tensor:
    apart = torch.where(groups.real, deviation.abs(), torch.inf).sort(1).values
    sizes = replace(groups, rows=apart)
    middle = _median(sizes, options)
    plain = _spread(groups, deviation, options)
    scale = torch.where(middle > 0, middle + MEDIAN_DEVIATION_FLOOR, plain)
    apart_at_all = ((deviation != 0) & groups.real).sum(1)
    # Those at the median say nothing; the others make up for them.
    return scale * apart_at_all.clamp(min=1) / groups.size


ESTIMATORS: Mapping[str, Estimator] = {
    "gapo": Estimator(window_median, _spread),
    "gapo_mean": Estimator(_window_mean, _spread),
    "gapo_std": Estimator(window_median, _deviation_from_mean),
    "gapo_centred": Estimator(window_median, _spread, centred=True),
    "median": Estimator(_median, _spread),
    "grpo": Estimator(_mean, _spread),
    "dr_grpo": Estimator(_mean, _one),
    "rloo": Estimator(_mean, _others_share),
    "qae": Estimator(_quantile, _deviation_from_mean),
    "mc_grpo": Estimator(_median, _median_deviation, drops_pivot=True),
    "reinforce++": Estimator(_batch_mean, _batch_deviation, by_batch=True),
}

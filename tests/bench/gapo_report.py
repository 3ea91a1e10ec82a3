"""What the runs of `bench-gapo`'s second part say: paired differences, the seed being the unit.

Knows results as dictionaries. Does not know how they were made.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mpmath import betainc, findroot
from rich.console import Console
from rich.table import Table

POWER = 0.8
SHOWN = ("clip_fraction", "kl", "dropped_groups", "grad_norm", "sampled_tokens")


def conclude(
    record: dict[str, Any], arms: Sequence[str], pair: tuple[str, str], console: Console
) -> dict[str, Any]:
    """Add the differences to `record`, and show the tables."""
    by_arm = {
        arm: {one["seed"]: one for one in record["runs"] if one["arm"] == arm} for arm in arms
    }
    reference = pair[1]
    differences = {
        arm: _difference(by_arm[arm], by_arm[reference]) for arm in arms if arm != reference
    }
    others = [arm for arm in differences if arm != pair[0]]
    for arm, p in zip(others, holm([differences[arm]["p"] for arm in others]), strict=True):
        differences[arm]["p_holm"] = p
    _show_arms(record, by_arm, console)
    _show_differences(differences, pair, console)
    return record | {"differences": differences, "primary": pair[0]}


def _difference(own: dict[int, Any], other: dict[int, Any]) -> dict[str, float]:
    seeds = sorted(own.keys() & other.keys())
    return paired([own[seed]["reward"] - other[seed]["reward"] for seed in seeds])


def paired(differences: Sequence[float]) -> dict[str, float]:
    """Return mean, 95 % interval, p (Student's t) and the effect found with a power of 80 %."""
    n = len(differences)
    mean, error = float(np.mean(differences)), float(np.std(differences, ddof=1) / math.sqrt(n))
    wide, strong = quantile(0.975, n - 1), quantile(POWER, n - 1)
    return {
        "n": float(n), "mean": mean, "low": mean - wide * error, "high": mean + wide * error,
        "detectable": (wide + strong) * error,
        "p": two_sided(mean / error, n - 1) if error else float(mean == 0),
    }  # fmt: skip


def two_sided(t: float, freedom: int) -> float:
    """Return the chance of a Student's t at least so far from 0."""
    return float(betainc(freedom / 2, 0.5, 0, freedom / (freedom + t * t), regularized=True))


def quantile(share: float, freedom: int) -> float:
    """Return Student's t below which `share` (at least 1/2) lies."""
    tail = 2 * (1 - share)
    # Secant steps in log t stay positive, and the tail falls steadily there.
    return math.exp(findroot(lambda x: two_sided(math.exp(x), freedom) - tail, (0.0, 0.5)))


def holm(values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values."""
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(np.argsort(values)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted


def _show_arms(record: dict[str, Any], by_arm: dict[str, Any], console: Console) -> None:
    table = Table(title=f"noise: {record['noise']}; means over seeds, held-back tasks, greedy")
    for column in ("arm", "rate", "seeds", "clean reward", "exact", "silence", *SHOWN):
        table.add_column(column)
    base = record["base"]
    cells = [f"{base[name]:.3f}" for name in ("reward", "exact", "silence")]
    table.add_row("base", "", "", *cells)
    for arm, runs in by_arm.items():
        means = [np.mean([one[n] for one in runs.values()]) for n in ("reward", "exact", "silence")]
        seen = [np.mean([one["training"].get(n, 0.0) for one in runs.values()]) for n in SHOWN]
        cells = [f"{value:.3f}" for value in means] + [f"{value:.3g}" for value in seen]
        table.add_row(arm, f"{record['rates'][arm]:g}", str(len(runs)), *cells)
    console.print(table)


def _show_differences(found: dict[str, Any], pair: tuple[str, str], console: Console) -> None:
    table = Table(title=f"clean reward, minus {pair[1]}'s, in points; the seed is the unit")
    for column in ("arm", "seeds", "difference", "95 %", "p", "detectable (80 %)"):
        table.add_column(column)
    for arm, one in found.items():
        p = f"{one['p']:.3f}" if arm == pair[0] else f"{one['p_holm']:.3f} (Holm)"
        span = f"{100 * one['low']:+.1f} to {100 * one['high']:+.1f}"
        table.add_row(
            arm + (" (primary)" if arm == pair[0] else ""), f"{one['n']:.0f}",
            f"{100 * one['mean']:+.2f}", span, p, f"{100 * one['detectable']:.1f}",
        )  # fmt: skip
    console.print(table)

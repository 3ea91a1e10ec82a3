"""`make bench-gapo-real`, part 3 of `results/gapo-plan.md`: the arms on real next edits.

Learnt on edits of the train repositories, noise of their own and none added; measured on all edits
of the valid repositories, greedily, in this process. Differences by commit, seeds averaged.

    HONE_DATA=FOLDER python -m tests.bench.gapo_real [--processes N] [--output FOLDER]
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from deploy.demo.report import versions
from tests.bench.gapo_tasks import real_sets
from tests.bench.gapo_training import Run, results
from trainer.metrics import Ratio, paired_difference
from trainer.progress import Display

ARMS, RATE, SEEDS = ("sft", "grpo", "gapo", "gapo_centred"), 2e-3, (0, 1)
PAIRS = (
    *(("base", arm) for arm in ARMS),
    ("grpo", "gapo"),
    ("sft", "gapo"),
    ("grpo", "gapo_centred"),
    ("sft", "gapo_centred"),
)
LEARNING, HELD = 64, 0
FIGURES = ("reward", "exact")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train each arm, answer, compare."""
    given = _parser().parse_args(arguments)
    data = os.environ.get("HONE_DATA")
    if not data:
        print("set HONE_DATA to the folder that holds edits/", file=sys.stderr)
        return 2
    display = Display()
    given.output.mkdir(parents=True, exist_ok=True)
    known = given.output / "tasks.json"
    sets = real_sets(Path(data), known, LEARNING, HELD, given.processes, display)
    runs = [Run("base", 0.0, 0, "none")]
    runs += [Run(arm, RATE, seed, "none") for seed in SEEDS for arm in ARMS]
    found = results(sets, given, display, runs)
    clusters = [row.session for row in sets.held]
    worth = {name: _means([f for f in found.values() if f["arm"] == name]) for name in _names()}
    told = {
        f"{after} - {before}": {
            figure: vars(paired_difference(worth[before][figure], worth[after][figure], clusters))
            for figure in FIGURES
        }
        for before, after in PAIRS
    }
    means = {name: {f: ratio.value for f, ratio in one.items()} for name, one in worth.items()}
    record = {
        "arms": means, "differences": told, "held": len(sets.held), "learning": len(sets.learning),
        "commits": len(set(clusters)), "seeds": len(SEEDS), "rate": RATE, "versions": versions(),
        "silence": {name: one["silence"] for name, one in found.items()},
    }  # fmt: skip
    (given.output / "gapo-real.json").write_text(json.dumps(record, indent=2) + "\n")
    _show(means, told)
    return 0


def _names() -> tuple[str, ...]:
    return ("base", *ARMS)


def _means(runs: Sequence[dict[str, Any]]) -> dict[str, Ratio]:
    """Return per task what an answer was worth, and how often it was exact, over the seeds."""
    rewards = np.array([run["rewards"] for run in runs])
    ones = np.ones(rewards.shape[1])
    return {"reward": Ratio(rewards.mean(0), ones), "exact": Ratio((rewards == 1).mean(0), ones)}


def _show(means: dict[str, Any], told: dict[str, Any]) -> None:
    table = Table(title="real next edits, greedy; differences by commit, 95 %, in points")
    for column in ("", *FIGURES):
        table.add_column(column)
    for name, one in means.items():
        table.add_row(name, *(f"{100 * one[figure]:.1f} %" for figure in FIGURES))
    table.add_section()
    for name, one in told.items():
        spans = [tuple(100 * v for v in one[figure].values()) for figure in FIGURES]
        table.add_row(name, *(f"{v:+.2f} ({low:+.2f} to {high:+.2f})" for v, low, high in spans))
    Console(width=100).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gapo_real")
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--processes", type=int, default=2, help="runs at once")
    parser.add_argument("--output", type=Path, default=Path("build/bench/gapo-real"))
    return parser


if __name__ == "__main__":
    sys.exit(main())

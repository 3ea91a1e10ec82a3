"""What one run of the loop showed: report.json, a table and a picture.

Knows records, answers and intervals. Does not know how they came about. Nothing is rounded in
the report; the verdict follows from the interval alone.
"""

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.table import Table

from deploy.demo.tasks import Task
from trainer.metrics import (
    Answer,
    Ratio,
    as_dict,
    differences,
    paired_difference,
    pass_at_k,
    summary,
)

PACKAGES = ("vllm", "torch", "transformers", "peft", "duckdb", "pygls")
METRICS = ("exact_match", "pass_at_8", "kept_rate", "accept_rate", "quiet_rate", "coverage")


@dataclass(frozen=True)
class Side:
    """One policy's answers to the evaluation tasks, and its right samples on some of them."""

    answers: Sequence[Answer]
    """In the tasks' order."""
    right_samples: Sequence[int]
    """Of 8, in the order of `sampled_tasks`."""
    lost: int
    """Answers lost to a deadline, counted apart."""


def compare(
    before: Side, after: Side, tasks: Sequence[Task], sampled_tasks: Sequence[Task]
) -> dict[str, Any]:
    """Return `before`, `after` and `difference`, each also for taught and untaught rules."""
    report: dict[str, Any] = {"before": {}, "after": {}, "difference": {}}
    kinds: dict[str | None, Callable[[Task], bool]] = {
        None: lambda task: True,
        "taught": lambda task: task.taught,
        "untaught": lambda task: not task.taught,
    }
    for kind, belongs in kinds.items():
        chosen = [n for n, task in enumerate(tasks) if belongs(task)]
        samples = [n for n, task in enumerate(sampled_tasks) if belongs(task)]
        clusters = [sampled_tasks[n].path for n in samples]
        part = _part(before, after, chosen, samples, clusters)
        for side, values in part.items():
            if kind is None:
                report[side].update(values)
            else:
                report[side][kind] = values
    report["before"]["lost_to_deadline"] = before.lost
    report["after"]["lost_to_deadline"] = after.lost
    return report


def _part(
    before: Side, after: Side, chosen: list[int], samples: list[int], clusters: list[str]
) -> dict[str, dict[str, Any]]:
    left = [before.answers[n] for n in chosen]
    right = [after.answers[n] for n in chosen]
    left_pass = pass_at_k([before.right_samples[n] for n in samples], 8, 8)
    right_pass = pass_at_k([after.right_samples[n] for n in samples], 8, 8)
    difference = {
        **differences(left, right),
        "pass_at_8": paired_difference(left_pass, right_pass, clusters),
    }
    return {
        "before": {**summary(left), "pass_at_8": _value(left_pass)},
        "after": {**summary(right), "pass_at_8": _value(right_pass)},
        "difference": as_dict(difference),
    }


def verdict(report: dict[str, Any]) -> str:
    """Say in words what the interval of the exact-match difference says."""
    interval = report["difference"]["exact_match"]
    if interval["low"] is None:
        return "no change shown"
    if interval["low"] > 0:
        return "improved"
    return "worse" if interval["high"] < 0 else "no change shown"


def versions() -> dict[str, str]:
    """The versions of what the loop runs on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        for name in (package, f"{package}-cpu"):
            try:
                found[package] = metadata.version(name)
                break
            except metadata.PackageNotFoundError:
                found[package] = "not installed"
    return found


def table(report: dict[str, Any]) -> Table:
    """The comparison as a table for the terminal."""
    shown = Table(title=f"Hone before and after one training run: {report['verdict']}")
    for column in ("", "before", "after", "difference", "95 % interval", "taught", "untaught"):
        shown.add_column(column, justify="left" if not column else "right")
    for metric in METRICS:
        change = report["difference"][metric]
        parts = [report["difference"][kind][metric]["value"] for kind in ("taught", "untaught")]
        shown.add_row(
            metric.replace("_", " "),
            _percent(report["before"][metric]),
            _percent(report["after"][metric]),
            _points(change["value"]),
            f"{_points(change['low'])} to {_points(change['high'])}",
            *map(_points, parts),
        )
    return shown


def write(report: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write report.json and loop.png; return where they are."""
    text, picture = folder / "report.json", folder / "loop.png"
    text.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _plot(report, picture)
    return text, picture


def _plot(report: dict[str, Any], file: Path) -> None:
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    bars, curve = figure.subplots(1, 2, width_ratios=(3, 2))
    places = range(len(METRICS))
    for shift, side, colour in ((-0.2, "before", "#9aa5b1"), (0.2, "after", "#2f6f4f")):
        values = [100 * (report[side][metric] or 0) for metric in METRICS]
        drawn = bars.bar([p + shift for p in places], values, 0.38, label=side, color=colour)
        bars.bar_label(drawn, fmt="%.0f", fontsize=8)
    bars.set_xticks(list(places), [metric.replace("_", "\n") for metric in METRICS])
    bars.set_ylabel("%")
    change = report["difference"]["exact_match"]
    bars.set_title(
        f"exact match {_points(change['value'])} points "
        f"({_points(change['low'])} to {_points(change['high'])}): {report['verdict']}"
    )
    bars.legend(frameon=False)
    rewards = report["train"]["rewards"]
    curve.plot(range(1, len(rewards) + 1), rewards, marker="o", color="#2f6f4f")
    curve.set_xlabel("update")
    curve.set_ylabel("mean reward of the rollouts")
    curve.set_title(f"training, {report['train']['groups']} groups of 8")
    for axes in (bars, curve):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)


def _value(ratio: Ratio) -> float | None:
    return ratio.value


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f}"

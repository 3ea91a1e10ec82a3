"""An evaluation's result: the report as data, a table, a picture.

Knows attempts, intervals and how they are laid out. Does not know how answers were made. The
report is computed once, and table and picture show what it says.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table as Grid

from feedback_store.publish import replacing
from trainer.evaluation.baselines import BASELINES
from trainer.evaluation.scores import FEW, METRICS, Attempt, Table, compared, intervals, table
from trainer.metrics import as_dict
from trainer.tasks import EditTask

REPORT, PLOT, ATTEMPTS = "report.json", "report.png", "attempts.jsonl"
Report = dict[str, Any]
SILENT = "nothing"
_COLOURS = ("#2f6f4f", "#9aa5b1", "#c98b3a", "#5b7fa6")


@dataclass(frozen=True)
class Sides:
    """The model and the baselines on the same tasks, each in the tasks' order."""

    model: Sequence[Attempt]
    baselines: Mapping[str, Sequence[Attempt]]


def beside_baselines(attempts: Sequence[Attempt], seed: int) -> Report:
    """Return all figures of a model's attempts, the baselines' on the same tasks beside them."""
    baselines = {
        name: [_attempt(one.task, guess(one.task)) for one in attempts]
        for name, guess in BASELINES.items()
    }
    return summarise(Sides(attempts, baselines), seed)


def summarise(sides: Sides, seed: int) -> Report:
    """Return everything that follows from the attempts alone."""
    tasks = [attempt.task for attempt in sides.model]
    clusters = [task.cluster for task in tasks]
    model = table(sides.model)
    others = {name: table(attempts) for name, attempts in sides.baselines.items()}
    lengths = [attempt.tokens for attempt in sides.model if attempt.tokens is not None]
    return {
        "tasks": len(tasks),
        "clusters": len(set(clusters)),
        "metrics": as_dict(intervals(model, clusters, seed=seed)),
        "baselines": {
            name: as_dict(intervals(other, clusters, seed=seed)) for name, other in others.items()
        },
        "differences": {
            name: as_dict(compared(other, model, clusters, seed=seed))
            for name, other in others.items()
        },
        "by_language": _slices(
            [task.context.language for task in tasks], model, others, clusters, seed
        ),
        "by_kind": _slices([task.kind for task in tasks], model, others, clusters, seed),
        "silent_reasons": dict(
            Counter(attempt.reason for attempt in sides.model if attempt.reason).most_common()
        ),
        "median_answer_tokens": median(lengths) if lengths else None,
    }


def grid(report: Report) -> Grid:
    """Return the figures as a table, in per cent: metrics down, model and baselines across.

    Baselines stand without their intervals, and `nothing` without the difference, which is the
    model's own figure but for the quiet rate; the report has them all.
    """
    against = [name for name in report["baselines"] if name != SILENT]
    shown = Grid(title=title(report), caption=_caption(report), title_justify="left")
    shown.add_column("%", no_wrap=True)
    for name in ("model", *report["baselines"], *(f"model - {name}" for name in against)):
        shown.add_column(name, justify="right", no_wrap=True)
    for metric in METRICS:
        cells = [_range(report["metrics"][metric])]
        cells += [_number(values[metric]["value"]) for values in report["baselines"].values()]
        cells += [_range(report["differences"][name][metric], signed=True) for name in against]
        shown.add_row(metric, *cells)
    for heading in ("by_kind", "by_language"):
        shown.add_section()
        for name, part in report[heading].items():
            shown.add_row(*_slice_row(name, part))
    return shown


def title(report: Report) -> str:
    """Return in one line what was measured, and by which sampler."""
    return (
        f"{report['adapter'] or report['model']} on {report['tasks']} tasks, "
        f"answers by {report['sampler']}; 95 % intervals by cluster"
    )


def write(report: Report, attempts: Sequence[Attempt], folder: Path) -> None:
    """Write the report and every answer, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / REPORT, json.dumps(report, indent=2, allow_nan=False) + "\n")
    _replace(folder / ATTEMPTS, "".join(f"{json.dumps(_line(one))}\n" for one in attempts))


def plot(report: Report, file: Path) -> None:
    """Draw metrics and languages."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    sides = {"model": report["metrics"], **report["baselines"]}
    _bars(left, {name: [side[m] for m in METRICS] for name, side in sides.items()})
    left.set_xticks(range(len(METRICS)), [metric.replace("_", "\n") for metric in METRICS])
    left.legend(frameon=False)
    left.set_title(title(report), fontsize=10)
    enough = {k: v for k, v in report["by_language"].items() if not v["too_few"]}
    exact = "exact_match"
    languages = {"model": [part["metrics"][exact] for part in enough.values()]}
    for name in report["baselines"]:
        languages[name] = [part["baselines"][name][exact] for part in enough.values()]
    _bars(right, languages)
    right.set_xticks(range(len(enough)), [f"{k}\nn={v['tasks']}" for k, v in enough.items()])
    right.set_title("exact match by language", fontsize=10)
    for axes in (left, right):
        axes.set_ylabel("%")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)


def _slices(
    names: Sequence[str], model: Table, others: Mapping[str, Table], clusters: list[str], seed: int
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, amount in Counter(names).most_common():
        chosen = [index for index, other in enumerate(names) if other == name]
        found[name] = {
            "tasks": amount,
            "too_few": amount < FEW,
            "metrics": as_dict(intervals(model, clusters, chosen, seed=seed)),
            "baselines": {
                other: as_dict(intervals(values, clusters, chosen, seed=seed))
                for other, values in others.items()
            },
        }
    return found


def _slice_row(name: str, part: dict[str, Any]) -> list[str]:
    """One line of a slice: exact match or, where no edit was wanted, the quiet rate."""
    exact = part["metrics"]["exact_match"]["value"] is not None
    metric = "exact_match" if exact else "quiet_rate"
    few = ", too few" if part["too_few"] else ""
    values = [_number(other[metric]["value"]) for other in part["baselines"].values()]
    return [f"{metric} {name} ({part['tasks']}{few})", _range(part["metrics"][metric]), *values]


def _caption(report: Report) -> str:
    skipped = ", ".join(f"{name} {n}" for name, n in report["skipped"].items()) or "none"
    silent = ", ".join(f"{name} {n}" for name, n in report["silent_reasons"].items()) or "none"
    tokens = report["median_answer_tokens"]
    return f"left out: {skipped}\nnot shown: {silent}\nmedian answer: {tokens} tokens"


def _range(part: dict[str, float | None], *, signed: bool = False) -> str:
    value, low, high = part["value"], part["low"], part["high"]
    text = f"{100 * value:+.1f}" if signed and value is not None else _number(value)
    return text if low is None or high is None else f"{text} [{100 * low:.1f}, {100 * high:.1f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _bars(axes: Any, sides: Mapping[str, Sequence[dict[str, float | None]]]) -> None:
    width = 0.8 / len(sides)
    for number, (name, parts) in enumerate(sides.items()):
        places = [at + (number + 0.5) * width - 0.4 for at in range(len(parts))]
        heights = [100 * (part["value"] or 0) for part in parts]
        ends = [[abs(100 * _gap(part, end)) for part in parts] for end in ("low", "high")]
        colour = _COLOURS[number % len(_COLOURS)]
        axes.bar(places, heights, width * 0.95, label=name, color=colour, yerr=ends)


def _gap(part: dict[str, float | None], end: str) -> float:
    value, other = part["value"], part[end]
    gap = 0.0 if value is None or other is None else other - value
    return gap if math.isfinite(gap) else 0.0


def _line(attempt: Attempt) -> dict[str, Any]:
    task, answer = attempt.task, attempt.answer
    return {
        "id": task.id,
        "repository": task.repository,
        "path": task.context.path,
        "language": task.context.language,
        "kind": task.kind,
        "exact": answer.exact if answer.wants_edit else None,
        "reason": attempt.reason,
        "tokens": attempt.tokens,
        "region": task.context.region,
        "wanted": task.wanted,
        "proposed": attempt.proposed,
    }


def _attempt(task: EditTask, guess: str | None) -> Attempt:
    return Attempt(task, guess, "no_edit" if guess is None else None)


def _replace(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())

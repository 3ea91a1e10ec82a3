"""Draws a run: the losses, and what greedy decoding gets right on held-out rows.

Knows `metrics.jsonl`. Does not know how a model is trained.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

GREEN, GREY, INK = "#2f6f4f", "#9aa5b1", "#55655d"
LINES = ("-", "--", ":", "-.")


def draw(folder: Path) -> None:
    """Write `loss.png` into a run's folder."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps, looks = _read(folder / "metrics.jsonl")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    tokens = [step["tokens"] / 1e6 for step in steps]
    for name, colour in (("loss_prompt", GREY), ("loss_answer", GREEN)):
        left.plot(tokens, _smooth([step[name] for step in steps]), color=colour, label=name[5:])
    left.set_ylabel("loss, nats per token")
    left.set_yscale("log")
    for style, (name, points) in zip(LINES, sorted(looks.items()), strict=False):
        right.plot(*zip(*points, strict=True), style, color=GREEN, marker=".", label=name)
    right.set_ylabel("exact on held-out rows, %")
    for axes in (left, right):
        axes.set_xlabel("tokens, millions")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(frameon=False)
    figure.savefig(folder / "loss.png", dpi=130)


def _read(path: Path) -> tuple[list[dict[str, Any]], dict[str, list[tuple[float, float]]]]:
    steps: list[dict[str, Any]] = []
    looks: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        if "exact" in found:
            for name, value in found["exact"].items():
                looks[name].append((found["tokens"] / 1e6, 100 * value))
        else:
            steps.append(found)
    return steps, looks


def _smooth(values: list[float], share: float = 0.05) -> list[float]:
    """An exponential moving average."""
    smooth: list[float] = []
    for value in values:
        smooth.append(value if not smooth else smooth[-1] + share * (value - smooth[-1]))
    return smooth

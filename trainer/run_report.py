"""A run's measurements for people: a picture, a Parquet table, and TensorBoard's event file.

Knows names of metrics. Does not know training. Everything is made of `metrics.jsonl`, which stays.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from trainer.batches import DUCKDB_CONFIG

PLOT, TABLE = "metrics.png", "metrics.parquet"
PANELS = {
    "reward": ("reward", "reward_best", "exact"),
    "silence, and groups that told nothing": ("silence", "dropped_share"),
    "KL to the parent, nats a token": ("kl",),
    "entropy, nats a token": ("entropy",),
    "tokens beyond the clip": ("clip_fraction",),
    "answer length, tokens": ("answer_tokens",),
    "spread of rewards within a group": ("reward_spread",),
    "mean advantage": ("advantage",),
    "gap between engine and trainer, nats": ("engine_gap",),
    "likelihood of references, nats": ("nll",),
}


def write(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write all three into a run's folder; without updates, nothing."""
    if not history:
        return
    table = [with_shares(one) for one in history]
    _parquet(folder, table)
    _tensorboard(folder, table)
    _plot(folder, table)


def with_shares(metrics: Mapping[str, float]) -> dict[str, float]:
    """Add what follows from the counts."""
    groups = metrics.get("groups", 0.0)
    share = {"dropped_share": metrics["dropped_groups"] / groups} if groups else {}
    return {**metrics, **share}


def _parquet(folder: Path, table: Sequence[Mapping[str, float]]) -> None:
    names = sorted({name for one in table for name in one} - {"step"})
    columns = ", ".join(f'"{name}" DOUBLE' for name in names)
    rows = [(int(one["step"]), *(one.get(name) for name in names)) for one in table]
    place = str(folder / TABLE).replace("'", "''")
    with duckdb.connect(":memory:", config=DUCKDB_CONFIG) as connection:
        connection.execute(f"CREATE TABLE metrics (step INTEGER, {columns})")
        marks = ", ".join("?" * (len(names) + 1))
        connection.executemany(f"INSERT INTO metrics VALUES ({marks})", rows)
        connection.execute(f"COPY metrics TO '{place}' (FORMAT parquet)")


def _tensorboard(folder: Path, table: Sequence[Mapping[str, float]]) -> None:
    from tensorboardX import SummaryWriter

    for left_over in folder.glob("events.out.tfevents.*"):
        left_over.unlink()
    with SummaryWriter(str(folder)) as writer:
        for one in table:
            for name, value in one.items():
                if name != "step" and value is not None:
                    writer.add_scalar(name, value, int(one["step"]))


def _plot(folder: Path, table: Sequence[Mapping[str, float]]) -> None:
    # Drawn without the program's windows: a service has none.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    seen = {name for one in table for name in one}
    shown = {title: names for title, names in PANELS.items() if seen & set(names)}
    across = min(3, len(shown)) or 1
    down = -(-len(shown) // across)
    figure = Figure(figsize=(4.2 * across, 2.6 * down), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (title, names) in enumerate(shown.items(), start=1):
        axes = figure.add_subplot(down, across, place)
        axes.set_title(title, fontsize=9, loc="left")
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        for name in names:
            points = [(one["step"], one[name]) for one in table if one.get(name) is not None]
            if points:
                axes.plot(*zip(*points, strict=True), label=name, linewidth=1.4)
        if len(names) > 1:
            axes.legend(fontsize=7, frameon=False)
    figure.supxlabel("update", fontsize=9)
    figure.savefig(folder / PLOT, dpi=110)

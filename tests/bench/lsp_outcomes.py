"""How often a suggestion's outcome is put into the right class, by client, without any plugin.

Classes: accepted, partly accepted, typed through, not taken (an explicit refusal is one: no
client tells the server of it). The truth comes from who pressed the keys: on simulated traces,
from a seeded simulation of what each client of the research does and of the people before it; on
recorded traces, from the recording. The two are reported apart.

    python -m tests.bench.lsp_outcomes [--sessions N] [--traces FOLDER]
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from feedback_store.events import OutcomeEvent
from tests.bench.lsp_clients import Window
from tests.bench.lsp_code import document
from tests.bench.lsp_habits import CLIENTS, Habits
from tests.bench.lsp_people import Developer
from tests.lsp.line import Line
from tests.lsp.replay import replay

CLASSES = ("accepted", "partially_accepted", "typed_through", "not_taken")
TRACES = Path(__file__).parents[1] / "lsp" / "traces"
TASKS = 12
TARGET = 0.95
"""The least accuracy for any client."""
Confusion = Counter[tuple[str, str]]
"""How often which truth was given which class."""


def class_of(outcome: str) -> str:
    """Return the class that an outcome belongs to."""
    return outcome if outcome in CLASSES else "not_taken"


async def session(habits: Habits, seed: int, folder: Path) -> Confusion:
    """One developer at work for a while in one window."""
    chance = random.Random(f"{habits.name}-{seed}")
    developer = Developer(None, chance)
    line = Line(folder, developer.propose, {})
    window = developer.window = Window(line, habits, folder / "a.py", document(chance))
    await window.open()
    await developer.work(TASKS)
    await window.pause(400)
    found = {e.suggestion_id: e for e in await line.end() if isinstance(e, OutcomeEvent)}
    return Counter(
        (truth, class_of(found[name].outcome.value)) for name, truth in window.truth.items()
    )


def simulated(habits: Habits, sessions: int, seed: int) -> Confusion:
    """Many sessions of one client."""
    total: Confusion = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(sessions):
            total += asyncio.run(session(habits, seed + number, Path(folder) / str(number)))
    return total


def recorded(folder: Path) -> dict[str, Confusion]:
    """Every transcript in a folder; a file's name begins with its client's."""
    total: dict[str, Confusion] = {}
    for path in sorted(folder.glob("*.jsonl")):
        with tempfile.TemporaryDirectory() as scratch:
            found = asyncio.run(replay(path, Path(scratch)))
        client = path.stem.split(".")[0]
        pairs = Counter((truth, class_of(outcome)) for truth, outcome in found.values())
        total[client] = total.get(client, Counter()) + pairs
    return total


def accuracy(confusion: Confusion) -> float:
    """Return the share of suggestions in the right class."""
    right = sum(count for (truth, found), count in confusion.items() if truth == found)
    return right / confusion.total()


def measure(sessions: int = 40, traces: Path = TRACES, seed: int = 0) -> dict[str, Any]:
    """Return accuracy and confusion by client, simulated and recorded apart."""
    made = {habits.name: simulated(habits, sessions, seed) for habits in CLIENTS}
    real = recorded(traces)
    return {
        kind: {client: _report(confusion) for client, confusion in found.items()}
        for kind, found in (("simulated", made), ("recorded", real))
    }


def by_client(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the accuracies alone."""
    return {
        kind: {client: report["outcome_accuracy"] for client, report in clients.items()}
        for kind, clients in found.items()
    }


def missed(accuracies: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    """Return kind and name of every client below the target."""
    return [
        (kind, client)
        for kind, clients in accuracies.items()
        for client, share in clients.items()
        if share < TARGET
    ]


def _report(confusion: Confusion) -> dict[str, Any]:
    table = {
        truth: {found: confusion[truth, found] for found in CLASSES if confusion[truth, found]}
        for truth in CLASSES
    }
    return {
        "outcome_accuracy": accuracy(confusion),
        "suggestions": confusion.total(),
        "truth_found": table,
    }


def show(found: dict[str, Any]) -> None:
    """Print one table for each kind of trace."""
    for kind, clients in found.items():
        table = Table(title=f"outcome accuracy on {kind} traces; rows: truth, columns: found")
        for column in ("client", "accuracy", "truth", *CLASSES):
            table.add_column(column, justify="left" if column == "client" else "right")
        for client, report in clients.items():
            head = (client, f"{100 * report['outcome_accuracy']:.1f} %")
            for truth, row in report["truth_found"].items():
                table.add_row(*head, truth, *(str(row.get(name, 0)) for name in CLASSES))
                head = ("", "")
        Console().print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and write `lsp_outcomes.json`; 1 if a client misses the target."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lsp_outcomes")
    parser.add_argument("--sessions", type=int, default=40, help="simulated sessions per client")
    parser.add_argument("--seed", type=int, default=0, help="of the first session")
    parser.add_argument("--traces", type=Path, default=TRACES, help="folder of transcripts")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    given = parser.parse_args(arguments)
    found = measure(given.sessions, given.traces, given.seed)
    show(found)
    given.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=2) + "\n"
    (given.output / "lsp_outcomes.json").write_text(text, encoding="utf-8")
    return 1 if missed(by_client(found)) else 0


if __name__ == "__main__":
    sys.exit(main())

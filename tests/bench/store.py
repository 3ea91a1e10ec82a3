"""What the store does: events a second, acks, reads beside them, kill -9, and ten million events.

    python -m tests.bench.store [--events N] [--kills N] [--output FOLDER]

Without `--events`, load, latency, baselines and kills: about five minutes on two quiet cores. With
it, a company's users are simulated until there are so many events, and the dashboard's questions
and a day's export are timed on them. Figures depend on what else the machine does: the load at
begin and end is part of the result.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from tests.bench import store_large, store_load
from tests.bench.store_kills import kills
from tests.bench.store_users import describe

TARGETS = {
    "events_per_s_batch100": "at least 20000",
    "ack_p99_ms": "under 25",
    "query_max_s": "under 1",
    "lost": "0",
    "doubled": "0",
    "export_s": "under 10",
    "peak_mib": "under 2048",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show a table, and write `store.json` (with --events, `store-large.json`)."""
    given = _parser().parse_args(arguments)
    console = Console()
    given.scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="store-", dir=given.scratch))
    began = os.getloadavg()[0]
    try:
        if given.events:
            found = store_large.measure(folder, given.events, given.days, console)
        else:
            found = _small(folder, given, console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found |= {"traffic": describe(), "machine": _machine(began)}
    given.output.mkdir(parents=True, exist_ok=True)
    name = "store-large.json" if given.events else "store.json"
    (given.output / name).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    _show(found, console)
    console.print(f"written to {given.output / name}")
    return 1 if found.get("lost") or found.get("doubled") else 0


def _small(folder: Path, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    console.print("making traffic")
    suggestions, feedback = store_load.traffic(given.load_events)
    store = store_load.opened(folder / "load")
    console.print("suggestions, then feedback in batches of 100, each as fast as it goes")
    first = store_load.throughput(store, suggestions)
    half = len(feedback) // 2
    with store_load.reading(store):
        second = store_load.throughput(store, feedback[:half])
    alone = store_load.one_commit_a_batch(store, feedback[half : half + 40])
    paced = feedback[half + 40 :][: given.seconds * 20]
    console.print(f"2000 events/s for {len(paced) / 20:.0f} s while the dashboard is read")
    with store_load.reading(store) as slowest:
        acks = store_load.latency(store, paced, 2000)
    store.close()
    values = store_load.multi_row_values(folder, feedback[:20])
    found = {
        "events_per_s_batch100": second["events_per_s"],
        "ack_p99_ms": acks["ack_p99_ms"],
        "query_max_s": round(max(slowest.values()), 3),
        "feedback": second,
        "suggestions": first,
        "one_commit_a_batch": alone,
        "multi_row_values_alone": values,
        "acks": acks,
        "queries_s": {name: round(value, 3) for name, value in slowest.items()},
    }
    with console.status("kill -9") as status:
        dead = kills(folder / "kills", given.kills, lambda n: status.update(f"kill -9: {n}"))
    return found | dead


def _machine(load_at_begin: float) -> dict[str, Any]:
    return {
        "processors": os.cpu_count(),
        "load_at_begin": round(load_at_begin, 1),
        "load_at_end": round(os.getloadavg()[0], 1),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
    }


def _show(found: dict[str, Any], console: Console) -> None:
    table = Table("figure", "measured", "asked for")
    for name, value in found.items():
        if not isinstance(value, dict):
            table.add_row(
                name, f"{value:,}" if isinstance(value, int) else str(value), TARGETS.get(name, "")
            )
            continue
        for key, item in value.items():
            text = f"{item:,}" if isinstance(item, int) else str(item)
            table.add_row(f"  {name}: {key}", text, "")
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-store", description=__doc__)
    parser.add_argument("--events", type=int, default=0, help="the large run, such as 10000000")
    parser.add_argument("--days", type=int, default=60, help="that the large run's events span")
    parser.add_argument("--kills", type=int, default=200, help="kill -9 so often (default: 200)")
    parser.add_argument("--load-events", type=int, default=160_000, help="of the load (160000)")
    parser.add_argument("--seconds", type=int, default=30, help="of steady load (default: 30)")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    parser.add_argument("--scratch", type=Path, default=Path("build"), help="where data folders go")
    return parser


if __name__ == "__main__":
    sys.exit(main())

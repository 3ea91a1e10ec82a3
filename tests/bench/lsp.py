"""`make bench-lsp`: what the language server costs the machine it runs on, and how well it judges.

    python -m tests.bench.lsp [--keys N] [--turns N] [--hours H] [--output FOLDER]

Start-up; processor time of the main thread per key, beside pygls' own document; latency added to
the gateway's; memory after eight hours of typing; and the accuracy of outcomes by client, on
simulated and on recorded traces. A figure that misses its target is marked.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.bench import lsp_keys, lsp_outcomes, lsp_process

KEYSTROKE_MS, ADDED_MS, GROWTH_MB = 1.0, 2.0, 2.0
"""The targets; an allocator's noise is no growth."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show the table and write `lsp.json`; 1 if a target is missed."""
    given = _parser().parse_args(arguments)
    console = Console(stderr=True)
    report: dict[str, Any] = {"machine": _machine()}
    console.print("start-up")
    report["start"] = lsp_process.started_ms(given.starts)
    console.print("keys")
    report["keystroke"] = lsp_keys.measure(given.keys)
    console.print("latency")
    report["added"] = lsp_process.added_ms(given.turns)
    console.print("memory")
    keys = int(given.hours * 3600 * lsp_process.KEYS_PER_S)
    report["memory"] = lsp_process.memory(keys, console.print)
    report |= headline(report)
    console.print("outcomes")
    report["outcomes"] = lsp_outcomes.measure(given.sessions)
    report["outcome_accuracy"] = lsp_outcomes.by_client(report["outcomes"])
    report["machine"]["load_at_end"] = os.getloadavg()[0]
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "lsp.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return show(report)


def headline(report: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that have a target."""
    return {
        "start_ms": report["start"]["median"],
        "keystroke_p99_ms": {n: one["hone"]["p99"] for n, one in report["keystroke"].items()},
        "added_p50_ms": report["added"]["p50"],
        "memory_growth_mb": report["memory"]["growth_mb"],
    }


def show(report: dict[str, Any]) -> int:
    """Print the table; 1 if a figure misses its target."""
    table = Table(title="hone-lsp")
    for column in ("measure", "figure", "beside", "target"):
        table.add_column(column)
    missed = 0
    table.add_row("start to initialize, ms", f"{report['start_ms']:.0f}", "", "")
    for lines, one in report["keystroke"].items():
        ours, theirs = one["hone"], one["pygls"]
        late = int(lines) == max(lsp_keys.LINES) and ours["p99"] > KEYSTROKE_MS
        missed += late
        beside = f"pygls {theirs['p50']:.3f} / {theirs['p99']:.3f}"
        figure = f"{ours['p50']:.3f} / {ours['p99']:.3f}"
        table.add_row(f"key at {int(lines):,} lines, p50 / p99 ms", figure, beside, _mark(late))
    slow, grown = report["added_p50_ms"] > ADDED_MS, report["memory_growth_mb"] > GROWTH_MB
    missed += slow + grown
    added, memory = report["added"], report["memory"]
    beside = f"{added['hone_p50']:.2f} against {added['bare_p50']:.2f}"
    table.add_row("added to the gateway, p50 ms", f"{added['p50']:.2f}", beside, _mark(slow))
    beside = f"{memory['keys']:,} keys, {memory['requests']:,} requests, {memory['at_end_mb']} MB"
    table.add_row("memory growth, MB", f"{memory['growth_mb']:+.2f}", beside, _mark(grown))
    missed += _show_outcomes(table, report)
    Console().print(table)
    return 1 if missed else 0


def _show_outcomes(table: Table, report: dict[str, Any]) -> int:
    """Add a row for each client; how many miss the target."""
    low = lsp_outcomes.missed(report["outcome_accuracy"])
    for kind, clients in report["outcome_accuracy"].items():
        for client, share in clients.items():
            beside = f"of {report['outcomes'][kind][client]['suggestions']:,} suggestions"
            mark = _mark((kind, client) in low)
            table.add_row(
                f"outcomes right, {client}, {kind}, %", f"{100 * share:.1f}", beside, mark
            )
    return len(low)


def _mark(missed: bool) -> str:
    return "missed" if missed else "met"


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": psutil.cpu_count(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lsp", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--keys", type=int, default=lsp_keys.KEYS, help="by number of lines")
    parser.add_argument("--turns", type=int, default=300, help="requests through and past hone-lsp")
    parser.add_argument("--hours", type=float, default=lsp_process.HOURS, help="of typing")
    parser.add_argument("--sessions", type=int, default=40, help="simulated, of each client")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())

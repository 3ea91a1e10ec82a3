"""Training runs as their folders tell: what each was, what it measured, what came of it.

Knows the two files that `hone-trainer` writes for people. Does not know training; a file that does
not read is a run of which little is known.
"""

import json
import math
from pathlib import Path
from typing import Any

FACTS, METRICS = "run.json", "metrics.jsonl"
SHOWN = ("step", "reward", "exact", "silence", "kl", "entropy", "clip_fraction", "nll")
"""Of the metrics, what is drawn."""
MOST_POINTS = 200


def last_runs(folder: Path, amount: int) -> list[dict[str, Any]]:
    """Return the last runs, newest first, each with its curves."""
    paths = sorted(folder.glob(f"*/{FACTS}"), reverse=True)[:amount]
    return [_run(path.parent) for path in paths]


def _run(folder: Path) -> dict[str, Any]:
    facts = _json(folder / FACTS)
    settings = facts.get("settings", {})
    return {
        "name": folder.name,
        "method": settings.get("train", {}).get("method"),
        "policy": facts.get("policy"),
        "result": facts.get("result"),
        "counts": facts.get("counts", {}),
        "curves": _curves(folder / METRICS),
    }


def _curves(path: Path) -> list[dict[str, float]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    points = []
    for line in lines[:: math.ceil(len(lines) / MOST_POINTS) or 1]:
        try:
            measured = json.loads(line)
        except ValueError:
            continue  # the line that a killed run was writing
        points.append({k: measured[k] for k in SHOWN if _is_number(measured.get(k))})
    return points


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

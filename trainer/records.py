"""A run's own folder: what it was asked, what it saw, how it ended, in files a person can read.

Knows names and JSON. Does not know training. `run.json` is rewritten whole, `metrics.jsonl`
grows until a run resumes at an earlier step; both are on disk before the next step begins.
"""

import json
import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback_store.publish import next_number, replacing

FACTS = "run.json"
RUNS = "runs"
REFUSED_RESULTS = ("refused",)
DECIDED_RESULTS = ("promoted", *REFUSED_RESULTS)


@dataclass(frozen=True)
class RunFolder:
    """One run's records."""

    folder: Path

    @property
    def name(self) -> str:
        """The run's number, as in `rollout-RUN-STEP`."""
        return self.folder.name

    def describe(self, **facts: Any) -> None:
        """Add facts to `run.json`."""
        text = json.dumps({**self.facts(), **_plain(facts)}, indent=2, allow_nan=False)
        with replacing(self.folder / FACTS) as file:
            file.write(f"{text}\n".encode())

    def facts(self) -> dict[str, Any]:
        """Return what `run.json` says; nothing if there is none or it cannot be read."""
        try:
            found = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def measure(self, **metrics: Any) -> None:
        """Append one line to `metrics.jsonl`."""
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(_plain(metrics), allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def measured(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl`."""
        path = self.folder / "metrics.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def forget_after(self, step: int) -> None:
        """Drop the lines of steps after `step`, which a resumed run takes again."""
        path = self.folder / "metrics.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if _step(line) <= step]
        if len(kept) < len(lines):
            with replacing(path) as file:
                file.write("".join(f"{line}\n" for line in kept).encode())


def new_run(data: Path) -> RunFolder:
    """Make the next run's folder."""
    runs = data / RUNS
    runs.mkdir(parents=True, exist_ok=True)
    while True:
        folder = runs / f"{next_number(runs, r'([0-9]{6})'):06d}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue  # another trainer took it first
        return RunFolder(folder)


def interrupted(data: Path) -> dict[str, Any]:
    """Return the facts of the last run, if it did not end; else none."""
    facts = _last(data).facts() if (data / RUNS).is_dir() else {}
    return {} if "result" in facts else facts


def resumable(data: Path, facts: dict[str, Any]) -> RunFolder | None:
    """Return the last run's folder if it did not end and began with these very facts."""
    run = _last(data)
    found = run.facts()
    same = all(found.get(name) == value for name, value in _plain(facts).items())
    return run if found and same and "result" not in found else None


def _last(data: Path) -> RunFolder:
    """Return the newest run's folder; one without facts if there is none."""
    folders = sorted((data / RUNS).glob("[0-9]" * 6))
    return RunFolder(folders[-1] if folders else data / RUNS / "none")


def decided(data: Path) -> list[dict[str, Any]]:
    """Return the facts of the runs on feedback that came to a verdict, in order."""
    found = [RunFolder(path.parent).facts() for path in sorted((data / RUNS).glob("*/run.json"))]
    return [f for f in found if f.get("batches") and f.get("result") in DECIDED_RESULTS]


def refusals(data: Path) -> Counter[int]:
    """Return how often a run on each batch ended in a refusal."""
    count: Counter[int] = Counter()
    for path in sorted((data / RUNS).glob("*/run.json")):
        facts = RunFolder(path.parent).facts()
        if facts.get("result") in REFUSED_RESULTS:
            count.update(facts.get("batches", []))
    return count


def _plain(value: Any) -> Any:
    """Make anything JSON: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _step(line: str) -> float:
    """Return the step of a line of metrics; a line that was torn off belongs to none."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return math.inf

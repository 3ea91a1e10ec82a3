"""What `hone-trainer status` shows: the live version, the batches, the last runs.

Knows where those stand. Loads no torch, so that it answers at once.
"""

from pathlib import Path
from typing import Any

from trainer.config import TrainerSettings
from trainer.gateway import Gateway
from trainer.records import RUNS, RunFolder


def status_lines(settings: TrainerSettings) -> list[str]:
    """Return what `hone-trainer status` shows."""
    with Gateway(settings.gateway) as gateway:
        live, batches = gateway.live(), gateway.batches()
    lines = [f"live: {live.name if live else 'the base model'}"]
    lines += [
        f"batch {batch['number']}: {batch['items']} suggestions, {batch['state']}"
        for batch in batches
    ]
    return lines + _last_runs(settings.data.folder)


def _last_runs(data: Path, amount: int = 5) -> list[str]:
    lines = []
    for path in sorted((data / RUNS).glob("*/run.json"))[-amount:]:
        facts: dict[str, Any] = RunFolder(path.parent).facts()
        result = facts.get("result", "did not end")
        lines.append(f"run {path.parent.name}: {result}  {facts.get('why', '')}")
    return lines

"""Where an evaluation's tasks come from, by what a path holds.

    a folder that `hone-trainer mine` wrote     mined tasks
    an exported batch, or a folder of them      feedback: what users ended up with
    JSONL with `events`, `input`, `output`      Zeta's form
    JSONL with `before`, `region_after`, ...    edit records

Knows how to tell them apart and how to draw some of many. Does not know models. What cannot be
used is left out and counted by reason, never silently.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from feedback_store.publish import MANIFEST, read_manifest
from trainer.batches import read_batch
from trainer.edit_records import BadSource, json_lines, read_records
from trainer.evaluation.config import EvaluateSection
from trainer.evaluation.zeta import read_zeta
from trainer.noise import stable_hash
from trainer.tasks import EditTask, from_row

LOOKED_AT = 20
"""Objects of a file that may be none of the forms before it is said to hold no tasks."""
KNOWN = "a mined folder, an exported batch, edit records or Zeta's JSONL"


@dataclass(frozen=True)
class Found:
    """The tasks to ask, and what was left out."""

    tasks: list[EditTask]
    skipped: Counter[str] = field(default_factory=Counter)
    """By reason."""


def gather(sources: Sequence[Path], asked: EvaluateSection) -> Found:
    """Return the tasks of all sources, or `limit` of them drawn by the seed.

    Raises:
        BadSource: a path holds no tasks that anybody knows how to read.
        BadBatch, BadManifest: a published folder is damaged. OSError: a path cannot be read.
    """
    skipped: Counter[str] = Counter()
    every = _unique(
        (
            task
            for path in sources
            for task in read_source(
                path, skipped, split=asked.split, nothing_every=asked.nothing_every
            )
        ),
        skipped,
    )
    if asked.limit:
        tasks = heapq.nsmallest(
            asked.limit, every, key=lambda task: stable_hash(f"{asked.seed}:{task.id}")
        )
    else:
        tasks = list(every)
    if not tasks:
        left_out = ", ".join(f"{n} {reason}" for reason, n in skipped.items()) or "nothing"
        raise BadSource(f"no task is left to ask ({left_out} was left out); name other sources")
    return Found(tasks, skipped)


def read_source(
    path: Path, skipped: Counter[str], *, split: str = "all", nothing_every: int = 0
) -> Iterator[EditTask]:
    """Return the tasks of one path, whatever it holds.

    Args:
        split: of mined tasks, `train`, `valid` or `all`.
        nothing_every: of a file of edit records, as in `read_records`.
    """
    if path.is_dir():
        return _folder(path, skipped, split)
    return _file(path, skipped, nothing_every)


def holds_mined(path: Path) -> bool:
    """Whether these are mined tasks, some of which are kept from training."""
    return path.is_dir() and any(_kind(part) == "mined" for part in _published(path))


def _folder(path: Path, skipped: Counter[str], split: str) -> Iterator[EditTask]:
    parts = [path] if (path / MANIFEST).is_file() else _published(path)
    kinds = {str(_kind(part)) for part in parts}
    if kinds == {"mined"} and parts != [path]:
        from trainer.mining.output import read_mined

        yield from read_mined(path, None if split == "all" else split)
    elif kinds == {"batch"}:
        for part in parts:
            yield from _feedback(part, skipped)
    elif kinds == {"mined"}:
        raise BadSource(f"{path} is a part of what was mined; name the folder above it")
    else:
        raise BadSource(f"{path} holds no tasks; what can be read is {KNOWN}")


def _file(path: Path, skipped: Counter[str], nothing_every: int) -> Iterator[EditTask]:
    for first in islice(json_lines(path, Counter()), LOOKED_AT):
        if {"events", "input", "output"} <= first.keys():
            return read_zeta(path, skipped)
        if {"before", "region_after"} <= first.keys():
            return read_records(path, skipped, nothing_every=nothing_every)
    raise BadSource(f"{path} holds no tasks; what can be read is {KNOWN}")


def _feedback(folder: Path, skipped: Counter[str]) -> Iterator[EditTask]:
    """Yield a batch's tasks; a text that something else than the user made is no reference."""
    rows, _ = read_batch(folder)
    for row in rows:
        if row.weight > 0:
            yield from_row(row)
        else:
            skipped["unreliable"] += 1


def _published(path: Path) -> list[Path]:
    return sorted(part.parent for part in path.glob(f"[!.]*/{MANIFEST}"))


def _kind(folder: Path) -> Any:
    return read_manifest(folder, verify=False).get("kind")


def _unique(tasks: Iterator[EditTask], skipped: Counter[str]) -> Iterator[EditTask]:
    """Drop tasks that came before: the same path named twice must not narrow the intervals."""
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            skipped["duplicate"] += 1
        else:
            seen.add(task.id)
            yield task

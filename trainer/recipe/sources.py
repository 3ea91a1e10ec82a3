"""Reads what the recipe trains on: source files, real tasks, and which of them are left out.

Knows folders and files. Does not know tokens or models. What is left out is counted by reason.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from server.prompts.guesses import guesses
from server.prompts.span import SHOWN_EDITS
from trainer.edit_records import chance
from trainer.evaluation.sources import read_source
from trainer.recipe.config import RecipeSection, SftSection
from trainer.recipe.overlap import Overlap
from trainer.synthetic.files import corpus, standard_library
from trainer.synthetic.source import SourceFile
from trainer.synthetic.stream import SyntheticMix, stream
from trainer.tasks import EditTask

HELD_FILES = 50
"""One source file in so many is only looked at."""
HELD_TASKS = 600


@dataclass
class Reading:
    """What was read, and why the rest was not."""

    files: list[SourceFile] = field(default_factory=list)
    held_files: list[SourceFile] = field(default_factory=list)
    tasks: list[EditTask] = field(default_factory=list)
    held_tasks: list[EditTask] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def answers_of(path: Path | None) -> Overlap:
    """Return what training texts may not share with the tasks in `path`."""
    return Overlap([] if path is None else read_source(path, Counter()))


def read_files(asked: RecipeSection, unlike: Overlap, reading: Reading) -> None:
    """Add the standard library (reserved modules aside) and the corpora to `reading`."""
    files = [*standard_library()] if asked.library else []
    for path in asked.corpus:
        files += corpus(path, leave_out=asked.leave_out)
    for file in files:
        if file.text in unlike:
            reading.left_out["files_like_validation"] += 1
        elif chance(f"{file.repository}/{file.path}", "held", HELD_FILES) == 0:
            reading.held_files.append(file)
        else:
            reading.files.append(file)


def read_tasks(
    asked: SftSection, unlike: Overlap, reading: Reading, idle_share: float = 1.0
) -> None:
    """Add real tasks to `reading`, whole commits of them to what is only looked at.

    Of those to train on at which no rule guesses anything, only `idle_share` is kept.

    Raises BadSource or BadBatch for what cannot be read.
    """
    held, nothing = asked.held_share, asked.nothing_share
    for path in asked.tasks:
        every = round((1 - nothing) / nothing) if nothing else 0
        skipped = reading.left_out
        for task in read_source(path, skipped, split="train", nothing_every=every):
            text = f"{task.context.prefix}{task.wanted}{task.context.suffix}"
            if task.repository in asked.leave_out:
                reading.left_out["tasks_of_repositories_left_out"] += 1
            elif text in unlike:
                reading.left_out["tasks_like_validation"] += 1
            elif chance(task.cluster, "held", 10_000) < held * 10_000:
                reading.held_tasks.append(task)
            elif chance(task.id, "idle", 10_000) >= idle_share * 10_000 and _is_idle(task):
                skipped["tasks_without_a_guess"] += 1
            else:
                reading.tasks.append(task)


def _is_idle(task: EditTask) -> bool:
    return not guesses(task.context.region, task.context.recent_edits[-SHOWN_EDITS:])


def held_synthetic(files: Sequence[SourceFile], mix: SyntheticMix) -> list[EditTask]:
    """Return the synthetic tasks that are looked at; from files that are never trained on."""
    if not files:
        return []
    source = stream(files, 0, mix)
    return [next(source) for _ in range(HELD_TASKS)]

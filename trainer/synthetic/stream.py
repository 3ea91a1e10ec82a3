"""The stream of tasks: files drawn at random, kinds in their mix, shuffled; endless.

Knows the kinds and their weights. Does not know where files come from or what tasks are for.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from trainer.synthetic.calls import argument
from trainer.synthetic.edits import Plan
from trainer.synthetic.lines import deletion, insertion
from trainer.synthetic.rename import rename
from trainer.synthetic.source import LONGEST_CHUNK, Source, SourceFile, prepared
from trainer.synthetic.substitution import substitution
from trainer.synthetic.windows import edit_task, nothing_task
from trainer.synthetic.words import Vocabulary, holds_held
from trainer.tasks import NOTHING, EditTask

Planner = Callable[[Source, random.Random, Vocabulary], Plan | None]
PLANNERS: dict[str, Planner] = {
    "rename": rename,
    "substitution": substitution,
    "argument": argument,
    "deletion": deletion,
    "insertion": insertion,
}
OPEN_ORDERS = 12
"""Kinds drawn and not yet made: a file makes of them what it can."""
SHUFFLED = 512
"""Tasks that wait, so that those of one file do not follow each other."""
BARREN_FILES = 2000
"""After so many files in a row without a task there is no use in going on."""


@dataclass(frozen=True)
class SyntheticMix:
    """How often each kind is wanted. The kinds of edits are weighed against each other."""

    rename: float = 0.45
    substitution: float = 0.25
    argument: float = 0.08
    deletion: float = 0.06
    insertion: float = 0.06
    nothing: float = 0.15
    """Share of all tasks in which nothing is wanted."""

    def draw(self, rng: random.Random) -> tuple[str, str]:
        """Return (kind, sort of edit); they differ where nothing is wanted."""
        sorts = tuple(PLANNERS)
        sort = rng.choices(sorts, [getattr(self, sort) for sort in sorts])[0]
        return (NOTHING if rng.random() < self.nothing else sort), sort


def stream(files: Sequence[SourceFile], seed: int, settings: SyntheticMix) -> Iterator[EditTask]:
    """Yield tasks without end, the same ones for the same files, seed and settings.

    Raises:
        ValueError: if no file gives any task.
    """
    if not files:
        raise ValueError("no source files to make tasks of; pass at least one")
    rng = random.Random(f"synthetic/{seed}")
    words = Vocabulary.of(rng.sample(files, len(files)))
    # Long files hold more places, but no more than a chunk of them is looked at.
    weights = [min(file.text.count("\n"), LONGEST_CHUNK) + 1 for file in files]
    waiting: list[EditTask] = []
    for task in _unshuffled(files, weights, words, settings, rng):
        waiting.append(task)
        if len(waiting) > SHUFFLED:
            at = rng.randrange(len(waiting))
            waiting[at], waiting[-1] = waiting[-1], waiting[at]
            yield waiting.pop()


def tasks_of(
    file: SourceFile, rng: random.Random, words: Vocabulary, orders: Sequence[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], EditTask]]:
    """Yield (order, task) for each of the orders (kind, sort of edit) that the file can fill."""
    source = prepared(file, rng)
    if source is None:
        return
    for kind, sort in orders:
        plan = PLANNERS[sort](source, rng, words)
        if plan is None or not _allowed(source, plan):
            continue
        if kind == NOTHING:
            task = nothing_task(source, plan, rng)
        else:
            task = edit_task(source, plan, kind, rng)
        if task is not None:
            yield (kind, sort), task


def _unshuffled(
    files: Sequence[SourceFile],
    weights: Sequence[int],
    words: Vocabulary,
    settings: SyntheticMix,
    rng: random.Random,
) -> Iterator[EditTask]:
    orders: list[tuple[str, str]] = []
    barren = 0
    while barren < BARREN_FILES:
        file = rng.choices(files, weights)[0]
        orders += (settings.draw(rng) for _ in range(OPEN_ORDERS - len(orders)))
        barren += 1
        for order, task in list(islice(tasks_of(file, rng, words, orders), OPEN_ORDERS)):
            orders.remove(order)
            barren = 0
            yield task
    raise ValueError("the source files give no tasks; pass more or longer ones")


def _allowed(source: Source, plan: Plan) -> bool:
    """Whether no edit writes a word that is kept for the demo."""
    return not any(
        holds_held("\n".join(edit.new), "\n".join(source.lines[edit.start : edit.end]))
        for edit in plan.edits
    )

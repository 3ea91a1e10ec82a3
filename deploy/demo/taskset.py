"""Two disjoint sets of tasks: one to learn from, one to measure on, split by file.

Knows shares and counts. Does not know rules' insides or where modules come from.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploy.demo.rules import Rule
from deploy.demo.tasks import Task, tasks_of

QUIET_SHARE = 0.16
"""Of each set, tasks in which nothing is wanted."""
UNTAUGHT_SHARE = 0.15
"""Of the measured tasks with a wanted edit, those of rules that are never learnt."""
MOST_PER_FILE = 40


class TooFewTasks(Exception):
    """The modules or commits at hand do not give enough tasks."""


@dataclass(frozen=True)
class TaskSets:
    """What users learn Hone on, and what it is measured on before and after."""

    learning: tuple[Task, ...]
    evaluation: tuple[Task, ...]


def build(
    modules: Iterable[tuple[str, str]],
    rules: Sequence[Rule],
    *,
    learning: int,
    evaluation: int,
    seed: int,
) -> TaskSets:
    """Cut tasks from `modules` and draw the two sets.

    Raises:
        TooFewTasks: with how many were wanted and found.
    """
    taught = [rule for rule in rules if rule.taught]
    to_learn: list[Task] = []
    to_measure: list[Task] = []
    for path, text in modules:
        if _is_for_learning(path):
            to_learn += tasks_of(path, text, taught, seed)
        else:
            to_measure += tasks_of(path, text, list(rules), seed)
    return TaskSets(
        learning=_draw(_distinct(to_learn), learning, 0.0, seed),
        evaluation=_draw(_distinct(to_measure), evaluation, UNTAUGHT_SHARE, seed),
    )


def _distinct(tasks: Iterable[Task]) -> list[Task]:
    """Sessions to the same place may come out alike."""
    return list({task.id: task for task in tasks}.values())


def _is_for_learning(path: str) -> bool:
    """Halve the files by a hash that has nothing to do with the one that reserves them."""
    return hashlib.md5(path.encode(), usedforsecurity=False).digest()[0] % 2 == 0


def _draw(found: list[Task], count: int, untaught_share: float, seed: int) -> tuple[Task, ...]:
    rng = random.Random(seed)
    quiet_count = round(count * QUIET_SHARE)
    untaught_count = round((count - quiet_count) * untaught_share)
    shelves: dict[str, list[Task]] = defaultdict(list)
    for task in found:
        if task.wanted is None:
            shelves["quiet"].append(task)
        else:
            shelves["taught" if task.taught else "untaught"].append(task)
    per_file: dict[str, int] = defaultdict(int)
    drawn = [
        *_balanced(shelves["untaught"], untaught_count, per_file, rng),
        *_balanced(shelves["quiet"], quiet_count, per_file, rng),
        *_balanced(shelves["taught"], count - quiet_count - untaught_count, per_file, rng),
    ]
    if len(drawn) < count:
        raise TooFewTasks(f"{count} tasks wanted, {len(drawn)} found")
    rng.shuffle(drawn)
    return tuple(drawn)


def _balanced(
    tasks: list[Task], count: int, per_file: dict[str, int], rng: random.Random
) -> list[Task]:
    """Draw `count` tasks, rule by rule in turn, no file more than MOST_PER_FILE times."""
    by_rule: dict[str, list[Task]] = defaultdict(list)
    for task in rng.sample(tasks, len(tasks)):
        by_rule[task.rule].append(task)
    drawn: list[Task] = []
    while by_rule and len(drawn) < count:
        for rule in list(by_rule):
            shelf = by_rule[rule]
            while shelf and per_file[shelf[-1].path] >= MOST_PER_FILE:
                shelf.pop()
            if not shelf:
                del by_rule[rule]
            elif len(drawn) < count:
                task = shelf.pop()
                per_file[task.path] += 1
                drawn.append(task)
    return drawn


def share_out(tasks: Sequence[Task], users: int) -> list[tuple[Task, ...]]:
    """Give each user its tasks, so that nobody opens one file twice if it can be helped."""
    hands: list[list[Task]] = [[] for _ in range(users)]
    seen: list[set[str]] = [set() for _ in range(users)]
    by_file: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        by_file[task.path].append(task)
    for path in sorted(by_file, key=lambda path: -len(by_file[path])):
        for task in by_file[path]:
            user = min(range(users), key=lambda u: (path in seen[u], len(hands[u])))
            hands[user].append(task)
            seen[user].add(path)
    return [tuple(hand) for hand in hands]

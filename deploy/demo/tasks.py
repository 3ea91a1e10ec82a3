"""Tasks: editing sessions whose next edit is known, cut from real modules by house rules.

A session opens a module in which the rule was followed up to some point, makes the last two or
three edits of it by hand, and moves on to the next place: what the user wants there is the wanted
edit. Where nothing is left to change, silence is wanted.

Knows texts and line numbers. Does not know the editor, the user's moods or the gateway.
"""

import hashlib
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.rules import Rewrite, Rule

REACH = 8
"""Lines around the wanted edit in which the rule applies nowhere else, so that a region has
exactly one right answer."""
ABOVE = 4
"""The same, of lines above: a region holds fewer of them."""
CLUSTER_GAP = 2
CLUSTER_SPAN = 2
LONGEST_LINE = 100
QUIET_TRIES = 10
QUIET_SHARE = 0.3
MOST_PER_FILE_AND_RULE = 8
SESSIONS_PER_PLACE = 3
"""Sessions that lead to the same place: after other edits, with the cursor on another line."""


@dataclass(frozen=True)
class LineEdit:
    """Replace lines [start, end) of the document by `lines` (without line ends)."""

    start: int
    end: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """One editing session up to the wanted edit."""

    id: str
    rule: str
    taught: bool
    path: str
    """Of the module below the standard library, or in the repository."""
    opened: str
    """The document as the session opens it."""
    steps: tuple[LineEdit, ...]
    """What the user does first, in order."""
    cursor_line: int
    """Where the user goes next; 0-based, in the document after `steps`."""
    wanted: LineEdit | None
    """The true next edit; None if nothing should change."""

    @property
    def before(self) -> str:
        """The document when the suggestion is asked for."""
        text = self.opened
        for step in self.steps:
            text = apply(text, step)
        return text

    @property
    def after(self) -> str:
        """The document that the user wants."""
        return self.before if self.wanted is None else apply(self.before, self.wanted)


def apply(text: str, edit: LineEdit) -> str:
    """Return `text` with the lines replaced."""
    lines = text.split("\n")
    lines[edit.start : edit.end] = edit.lines
    return "\n".join(lines)


def tasks_of(path: str, text: str, rules: list[Rule], seed: int) -> Iterator[Task]:
    """Yield the tasks that `rules` give in one module, a few per rule."""
    lines = text.split("\n")
    for rule in rules:
        rng = random.Random(f"{seed}/{path}/{rule.name}")
        places = [
            (rewrite, clusters, number)
            for rewrite in rule.rewrites(lines)
            for clusters in [_clusters(sorted(rewrite))]
            for number in range(1, len(clusters))
            if _stands_alone(clusters, number)
        ]
        rng.shuffle(places)
        for rewrite, clusters, number in places[:MOST_PER_FILE_AND_RULE]:
            yield from _cut(path, lines, rule, rewrite, clusters, number, rng)


def _cut(
    path: str,
    lines: list[str],
    rule: Rule,
    rewrite: Rewrite,
    clusters: list[list[int]],
    number: int,
    rng: random.Random,
) -> Iterator[Task]:
    """The sessions that lead to one cluster and, sometimes, one that leads nowhere."""
    cluster = clusters[number]
    earlier = [line for cluster in clusters[:number] for line in cluster]
    leads = [lead for lead in (-1, 0, 1) if 0 <= cluster[0] + lead < len(lines)]
    for lead in rng.sample(leads, min(SESSIONS_PER_PLACE, len(leads))):
        shown = earlier[-rng.choice((2, 3)) :]
        if any(len(rewrite[line]) > LONGEST_LINE for line in (*shown, *cluster)):
            continue
        yield _wanted(path, lines, rule, rewrite, shown, cluster, lead)
        if rng.random() < QUIET_SHARE:
            quiet = _quiet(path, lines, rule, rewrite, shown, rng)
            if quiet is not None:
                yield quiet


def _wanted(
    path: str,
    lines: list[str],
    rule: Rule,
    rewrite: Rewrite,
    shown: list[int],
    cluster: list[int],
    lead: int,
) -> Task:
    """The session in which `cluster` is what comes next, and the cursor `lead` lines from it."""
    first, last = cluster[0], cluster[-1]
    done = {n for n in rewrite if n < first and n not in shown}
    opened = [rewrite[n] if n in done else line for n, line in enumerate(lines)]
    new = tuple(rewrite.get(n, lines[n]) for n in range(first, last + 1))
    wanted = LineEdit(first, last + 1, new)
    return _task(path, rule, opened, rewrite, shown, first + lead, wanted)


def _quiet(
    path: str, lines: list[str], rule: Rule, rewrite: Rewrite, shown: list[int], rng: random.Random
) -> Task | None:
    """A session that moves on to a place where the rule asks for nothing."""
    below = range(shown[-1] + 1, len(lines))
    tried = rng.sample(below, min(QUIET_TRIES, len(below)))
    free = [n for n in tried if lines[n].strip() and all(abs(n - s) > REACH for s in rewrite)]
    if not free:
        return None
    done = {n for n in rewrite if n <= shown[-1] and n not in shown}
    opened = [rewrite[n] if n in done else line for n, line in enumerate(lines)]
    return _task(path, rule, opened, rewrite, shown, free[0], None)


def _task(
    path: str,
    rule: Rule,
    opened: list[str],
    rewrite: Rewrite,
    shown: list[int],
    cursor: int,
    wanted: LineEdit | None,
) -> Task:
    steps = tuple(LineEdit(n, n + 1, (rewrite[n],)) for n in shown)
    mark = f"{path}/{rule.name}/{shown}/{cursor}/{wanted}"
    return Task(
        id=hashlib.sha256(mark.encode()).hexdigest()[:16],
        rule=rule.name,
        taught=rule.taught,
        path=path,
        opened="\n".join(opened),
        steps=steps,
        cursor_line=cursor,
        wanted=wanted,
    )


def _clusters(numbers: list[int]) -> list[list[int]]:
    """Group line numbers whose neighbours are at most CLUSTER_GAP apart."""
    clusters: list[list[int]] = []
    for number in numbers:
        if clusters and number - clusters[-1][-1] <= CLUSTER_GAP:
            clusters[-1].append(number)
        else:
            clusters.append([number])
    return clusters


def _stands_alone(clusters: list[list[int]], number: int) -> bool:
    cluster = clusters[number]
    before = cluster[0] - clusters[number - 1][-1]
    after = clusters[number + 1][0] - cluster[-1] if number + 1 < len(clusters) else REACH + 1
    return cluster[-1] - cluster[0] < CLUSTER_SPAN and before > ABOVE and after > REACH


def standard_library() -> Path:
    """The folder of the running interpreter's standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def modules(root: Path) -> Iterator[tuple[str, str]]:
    """Yield (relative path, text) of the library's own modules, tests left out, in order.

    Modules with characters outside the basic plane are left out: there a code point is two
    UTF-16 units, which a simulated user does not count.
    """
    for file in sorted(root.rglob("*.py")):
        relative = file.relative_to(root)
        if {"site-packages", "dist-packages", "test", "tests", "idle_test"} & set(relative.parts):
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        plain = "\r" not in text and "<|" not in text and text.endswith("\n")
        if plain and all(ord(character) < 0x10000 for character in text):
            yield relative.as_posix(), text

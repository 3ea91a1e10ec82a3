"""Tasks from a repository's own commits: `make demo REPO=/path/to/repository`.

One task is one place of several that a commit changed in a file: the session makes the changes
above it by hand, and it is the wanted edit. A quiet task goes to a place in the same file that
the commit left alone. Knows git's output. Does not know who wrote a commit: names and
addresses are never read.
"""

import hashlib
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path, PurePosixPath

from deploy.demo.tasks import REACH, LineEdit, Task, apply
from deploy.demo.taskset import QUIET_SHARE, TaskSets, TooFewTasks

NEWEST_COMMITS = 4000
MOST_HUNKS = 40
"""More of them are a reformatting."""
MOST_STEPS = 6
"""Edits that a session makes by hand; earlier ones are there when it opens the file."""
MOST_LINES = 3
"""Longer hunks do not fit into a region together with their surroundings."""
MOST_FILE_LINES = 5000
SUFFIXES = frozenset(
    [
        ".py",
        ".ts",
        ".tsx",
        ".js",
        ".jsx",
        ".go",
        ".rs",
        ".java",
        ".kt",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".hpp",
        ".cs",
        ".php",
        ".rb",
        ".lua",
        ".sh",
    ]
)


@dataclass(frozen=True)
class Hunk:
    """One changed place: lines [start, end) of the old file become `lines`."""

    start: int
    end: int
    lines: tuple[str, ...]


def tasks_from_repository(root: Path, learning: int, evaluation: int, seed: int) -> TaskSets:
    """Cut tasks from the newest commits, split by file.

    Raises:
        TooFewTasks: the repository does not give as many; the text says how many it gives.
    """
    to_learn: list[Task] = []
    to_measure: list[Task] = []
    rng = random.Random(seed)
    for commit in _commits(root):
        for path in _changed_files(root, commit):
            halves = to_learn if _is_for_learning(path) else to_measure
            halves += _tasks(root, commit, path, rng)
    for name, found, wanted in (
        ("learning", to_learn, learning),
        ("evaluation", to_measure, evaluation),
    ):
        if len(found) < wanted:
            raise TooFewTasks(
                f"{root} gives {len(found)} {name} tasks of the {wanted} wanted: take a repository "
                f"with more commits, or less of it: make demo ARGS='--{name} {len(found)}'"
            )
    return TaskSets(_draw(to_learn, learning, rng), _draw(to_measure, evaluation, rng))


def hunks_of(diff: str) -> list[Hunk]:
    """Read the hunks of `git diff -U0` of one file."""
    hunks: list[Hunk] = []
    start = end = 0
    lines: list[str] | None = None
    for row in diff.split("\n"):
        if row.startswith("@@"):
            if lines is not None:
                hunks.append(Hunk(start, end, tuple(lines)))
            first, _, count = row.split()[1][1:].partition(",")
            removed = int(count or 1)
            # Where nothing is removed, git names the line before the insertion.
            start = int(first) - 1 if removed else int(first)
            end = start + removed
            lines = []
        elif lines is not None and row.startswith("+"):
            lines.append(row[1:])
    if lines is not None:
        hunks.append(Hunk(start, end, tuple(lines)))
    return hunks


def _tasks(root: Path, commit: str, path: str, rng: random.Random) -> Iterator[Task]:
    hunks = hunks_of(_git(root, "diff", "-U0", "--no-color", f"{commit}~", commit, "--", path))
    if not 2 <= len(hunks) <= MOST_HUNKS:
        return
    text = _git(root, "show", f"{commit}~:{path}")
    plain = text.endswith("\n") and "\r" not in text and "\0" not in text and "<|" not in text
    if not plain or text.count("\n") > MOST_FILE_LINES or any(ord(c) >= 0x10000 for c in text):
        return
    edits, shift = [], 0
    for hunk in hunks:
        edits.append(LineEdit(hunk.start + shift, hunk.end + shift, hunk.lines))
        shift += len(hunk.lines) - (hunk.end - hunk.start)
    for number in range(1, len(hunks)):
        if not _stands_alone(hunks, number):
            continue
        first = max(0, number - MOST_STEPS)
        opened = reduce(apply, edits[:first], text)
        steps, wanted = edits[first:number], edits[number]
        cursor = max(0, wanted.start + rng.choice((-1, 0, 0)))
        yield _task(path, commit, opened, steps, cursor, wanted)
    quiet = rng.randrange(text.count("\n"))
    if all(abs(quiet - edit.start) > REACH + MOST_LINES for edit in edits):
        yield _task(path, commit, text, edits[:MOST_STEPS], quiet, None)


def _stands_alone(hunks: list[Hunk], number: int) -> bool:
    """Whether the hunk fits into a region, and no other one falls into it."""
    hunk, before = hunks[number], hunks[number - 1]
    after = hunks[number + 1].start if number + 1 < len(hunks) else hunk.end + REACH + 1
    small = max(hunk.end - hunk.start, len(hunk.lines)) <= MOST_LINES
    return small and hunk.start - before.end > REACH and after - hunk.end > REACH


def _task(
    path: str,
    commit: str,
    opened: str,
    steps: list[LineEdit],
    cursor: int,
    wanted: LineEdit | None,
) -> Task:
    mark = f"{commit}/{path}/{cursor}/{wanted is None}"
    return Task(
        id=hashlib.sha256(mark.encode()).hexdigest()[:16],
        rule="commit",
        taught=True,
        path=path,
        opened=opened,
        steps=tuple(steps),
        cursor_line=cursor,
        wanted=wanted,
    )


def _draw(found: list[Task], count: int, rng: random.Random) -> tuple[Task, ...]:
    """Draw `count` tasks, of which QUIET_SHARE want nothing where there are as many."""
    quiet = [task for task in found if task.wanted is None]
    wanting = [task for task in found if task.wanted is not None]
    still = rng.sample(
        quiet, min(len(quiet), max(round(count * QUIET_SHARE), count - len(wanting)))
    )
    drawn = still + rng.sample(wanting, count - len(still))
    rng.shuffle(drawn)
    return tuple(drawn)


def _is_for_learning(path: str) -> bool:
    return hashlib.md5(path.encode(), usedforsecurity=False).digest()[0] % 2 == 0


def _commits(root: Path) -> list[str]:
    limit = f"--max-count={NEWEST_COMMITS}"
    return _git(root, "rev-list", "--no-merges", "--min-parents=1", limit, "HEAD").split()


def _changed_files(root: Path, commit: str) -> list[str]:
    names = ("diff", "--name-only", "--diff-filter=M", "-z", f"{commit}~", commit)
    files = _git(root, *names).split("\0")
    return [file for file in files if PurePosixPath(file).suffix in SUFFIXES]


def _git(root: Path, *arguments: str) -> str:
    """Run git.

    Raises:
        TooFewTasks: it is not a repository, or git is missing.
    """
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise TooFewTasks(f"cannot read {root} as a git repository: {error}") from error
    return done.stdout.decode("utf-8", errors="replace")

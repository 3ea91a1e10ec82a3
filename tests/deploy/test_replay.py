"""Tasks from a repository's own commits."""

import subprocess
from pathlib import Path

import pytest

from deploy.demo.replay import Hunk, hunks_of, tasks_from_repository
from deploy.demo.tasks import Task
from deploy.demo.taskset import TooFewTasks

FILES = 24
CHANGED = (5, 20, 35, 50)


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def write(root: Path, name: str, word: str) -> None:
    lines = [f"line_{n} = {n}" for n in range(60)]
    for row in CHANGED:
        lines[row] = f"at_{row} = {word}()"
    (root / name).write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "-q")
    for word in ("old", "new"):
        for number in range(FILES):
            write(root, f"module_{number}.py", word)
        git(root, "add", ".")
        git(root, "commit", "-qm", word)
    return root


def test_every_change_but_the_first_is_wanted_after_those_above_it(repository: Path) -> None:
    sets = tasks_from_repository(repository, learning=30, evaluation=6, seed=0)
    assert {task.wanted.start for task in sets.learning if task.wanted} == set(CHANGED[1:])
    for task in sets.learning:
        if task.wanted is None:
            continue
        assert "new" not in task.opened
        for row in CHANGED:
            made = "new" if row < task.wanted.start else "old"
            assert f"at_{row} = {made}()" in task.before
        assert f"at_{task.wanted.start} = new()" in task.after


def test_the_sets_share_no_file(repository: Path) -> None:
    sets = tasks_from_repository(repository, learning=6, evaluation=6, seed=0)

    def files(tasks: tuple[Task, ...]) -> set[str]:
        return {task.path for task in tasks}

    assert not files(sets.learning) & files(sets.evaluation)


def test_too_few_commits_are_told_with_numbers(repository: Path) -> None:
    with pytest.raises(TooFewTasks, match="learning tasks of the 5000 wanted"):
        tasks_from_repository(repository, learning=5000, evaluation=1, seed=0)


def test_what_is_no_repository_is_told(tmp_path: Path) -> None:
    with pytest.raises(TooFewTasks, match="git repository"):
        tasks_from_repository(tmp_path, learning=1, evaluation=1, seed=0)


def test_hunks_of_insertions_deletions_and_replacements() -> None:
    diff = "@@ -3,0 +4,2 @@ def f\n+a\n+b\n@@ -7 +9 @@\n-x\n+y\n@@ -9,2 +10,0 @@\n-p\n-q\n"
    assert hunks_of(diff) == [Hunk(3, 3, ("a", "b")), Hunk(6, 7, ("y",)), Hunk(8, 10, ())]

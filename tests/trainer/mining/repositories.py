"""Makes git repositories for tests. Knows git; its own configuration is nobody's."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from trainer.mining.config import MineSection
from trainer.mining.output import read_mined
from trainer.mining.report import Report
from trainer.mining.run import mine
from trainer.progress import Display
from trainer.tasks import EditTask

AUTHOR, ADDRESS = "Ada Lovelace", "ada@example.org"
SHORT = [f"value_{n} = compute({n})" for n in range(60)]
"""A file of unlike lines."""


def git(folder: Path, *arguments: str, day: int = 1, given: bytes | None = None) -> str:
    """Run git; `day` is the day of January 2026 on which it believes itself to be."""
    date = f"@{1_767_225_600 + day * 86_400} +0000"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": AUTHOR,
        "GIT_AUTHOR_EMAIL": ADDRESS,
        "GIT_COMMITTER_NAME": AUTHOR,
        "GIT_COMMITTER_EMAIL": ADDRESS,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
    }
    command = ["git", "-C", str(folder), "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(command, env=environment, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def repository(folder: Path) -> Path:
    """Make an empty repository."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def commit(folder: Path, files: Mapping[str, str | bytes], day: int = 1) -> str:
    """Write files, commit all that changed, and return the commit's hash."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=change", day=day)
    return git(folder, "rev-parse", "HEAD")


def text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def changed(lines: list[str], *places: int, to: str = "changed") -> list[str]:
    """Return the lines with those at `places` (0-based) replaced."""
    return [f"{to}_{n} = {line}" if n in places else line for n, line in enumerate(lines)]


def with_edits(folder: Path, commits: int = 4, lines: list[str] = SHORT) -> Path:
    """Make a repository: a file, and commits with three separate edits each."""
    repository(folder)
    commit(folder, {"pkg/module.py": text(lines)})
    for number in range(commits):
        lines = changed(lines, 5 + number, 25 + number, 45 + number, to=f"c{number}")
        commit(folder, {"pkg/module.py": text(lines)}, day=2 + number)
    return folder


def mined(output: Path, *paths: Path, **settings: object) -> Report:
    """Mine quietly into `output`."""
    section = MineSection.model_validate({"output": output, **settings})
    return mine(paths, section, Display(Console(quiet=True)))


def tasks(output: Path, split: str | None = None) -> list[EditTask]:
    return list(read_mined(output, split))

"""Runs git on a repository: its head, the list of its commits, their patches as one stream.

Knows git's commands and how they fail. Git is told to run nothing that the repository names
(filters, drivers, hooks), to ask for nothing and to connect to nothing. Does not know what a
patch holds.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from trainer.mining.filters import GENERATED_MARKS, HEAD_LINES

DEEPEST = 3
"""How far below a given folder repositories are looked for."""
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PIPE_BYTES = 1 << 20
"""How far git may run ahead of its reader, where the system can do it."""
_SETTINGS = (
    # Larger files are no code that people edit: git does not read them into memory.
    "core.bigFileThreshold=1m",
    # What git may map of a pack at once, whatever its size.
    "core.packedGitWindowSize=32m",
    "core.packedGitLimit=256m",
    "core.quotePath=off",
    "diff.suppressBlankEmpty=false",
    "diff.renameLimit=400",
    "core.fsmonitor=false",
    "grep.fullName=true",
)


class GitError(Exception):
    """Git cannot do what was asked; the message names the repository and what to do."""


class NoHistory(GitError):
    """The repository has no commits."""


@dataclass(frozen=True)
class Repository:
    """A place with history."""

    path: Path
    name: str
    """From its remote, such as `github.com/owner/name`, else its folder's name."""
    head: str
    shallow: bool


def find_repositories(paths: Iterable[Path]) -> list[Path]:
    """Return the repositories that are `paths` or lie at most DEEPEST folders below, in order.

    Raises GitError for a path that does not exist or holds none.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise GitError(f"there is no folder {path}")
        below = list(_repositories_in(path.resolve(), DEEPEST))
        if not below:
            raise GitError(f"there is no git repository in {path}")
        found += below
    return list(dict.fromkeys(found))


def _repositories_in(folder: Path, depth: int) -> Iterator[Path]:
    bare = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    if bare or (folder / ".git").exists():
        yield folder
    elif depth:
        for child in sorted(folder.iterdir()):
            if child.is_dir() and not child.is_symlink() and os.access(child, os.R_OK | os.X_OK):
                yield from _repositories_in(child, depth - 1)


def open_repository(path: Path) -> Repository:
    """Look at a repository. Raises NoHistory, GitError."""
    shallow = _output(path, "rev-parse", "--is-shallow-repository").strip() == "true"
    try:
        head = _output(path, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
    except GitError:
        if _output(path, "for-each-ref", "--count=1").strip():
            raise GitError(f"{path}: HEAD names no commit; check out a branch") from None
        raise NoHistory(f"{path} has no commits") from None
    return Repository(path, _name(path), head, shallow)


def _name(path: Path) -> str:
    try:
        url = _output(path, "config", "--get", "remote.origin.url").strip()
    except GitError:
        url = ""
    return name_of(url) or path.name.removesuffix(".git") or "repository"


def name_of(url: str) -> str:
    """Return host and path of a remote without credentials, or "" if it names no repository.

    Of a folder only the last part is kept, since the rest says how a machine is laid out.
    """
    scp = re.fullmatch(r"(?:[^/@]*@)?([\w.-]{2,}):(?!//)([^\\]+)", url)
    if scp:
        host, path = scp[1], scp[2]
    else:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return ""
        if parts.scheme not in ("http", "https", "ssh", "git"):
            host, path = "", re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    path = path.strip("/").removesuffix(".git")
    return f"{host}/{path}" if host and path else path


def known(repository: Repository, commits: Iterable[str]) -> list[str]:
    """Return those of `commits` that the repository has."""
    asked = [commit for commit in dict.fromkeys(commits) if _SHA.fullmatch(commit)]
    if not asked:
        return []
    said = _output(repository.path, "cat-file", "--batch-check", given="\n".join(asked) + "\n")
    return [line.split()[0] for line in said.splitlines() if line.split()[1:2] == ["commit"]]


def list_commits(
    repository: Repository, head: str, bases: Iterable[str], into: IO[bytes]
) -> tuple[int, int]:
    """Write the commits that lead to `head` and to none of `bases`, oldest first, one per line.

    Parents come before children, otherwise time decides. Returns how many there are, and how
    many merges were left out. Raises GitError.
    """
    ends = "\n".join([head, *(f"^{base}" for base in bases)]) + "\n"
    order = ("--reverse", "--date-order", "--no-merges", "--stdin")
    with _running(repository.path, ("rev-list", *order), given=ends.encode()) as process:
        count = 0
        for line in _stream(process):
            into.write(line)
            count += 1
    into.flush()
    merges = _output(repository.path, "rev-list", "--merges", "--count", "--stdin", given=ends)
    return count, int(merges)


def generated_paths(repository: Repository, head: str) -> set[str]:
    """Return the files at `head` whose first lines say that they are generated."""
    marks = [part for mark in GENERATED_MARKS for part in ("-e", mark)]
    command = ("grep", "-z", "-n", "-I", "-i", "-F", "--no-color", *marks, head)
    found: set[str] = set()
    with _running(repository.path, command, accept=(0, 1)) as process:
        for line in _stream(process):
            name, _, rest = line.partition(b"\0")
            number, _, _ = rest.partition(b"\0")
            if number.isdigit() and int(number) <= HEAD_LINES:
                found.add(name.partition(b":")[2].decode("utf-8", "replace"))
    return found


@contextmanager
def patches(path: Path, commits: IO[bytes] | bytes, context: int) -> Iterator[IO[bytes]]:
    """Run one git over all commits of a file (from where it stands) or bytes.

    Yields its output: for each commit a line "\\x01HASH TIME" and then its patch with `context`
    lines around hunks. Raises GitError at the block's end if git failed.
    """
    command = (
        "diff-tree", "--stdin", "--root", "--always", "--patch", f"--unified={context}",
        "--find-renames", "--irreversible-delete", "--full-index", "--indent-heuristic",
        "--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/", "--no-ext-diff",
        "--no-textconv", "--no-color", "--ignore-submodules=all", "--format=%x01%H %ct",
    )  # fmt: skip
    with _running(path, command, given=commits) as process:
        assert process.stdout is not None
        yield process.stdout


def _stream(process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    assert process.stdout is not None
    yield from process.stdout


def _output(path: Path, *command: str, given: str = "") -> str:
    with _running(path, command, given=given.encode()) as process:
        assert process.stdout is not None
        return process.stdout.read().decode("utf-8", "replace")


@contextmanager
def _running(
    path: Path,
    command: tuple[str, ...],
    given: IO[bytes] | bytes = b"",
    accept: tuple[int, ...] = (0,),
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run git for the length of the block. Input and complaints go through files: no deadlock."""
    pinned = [part for setting in _SETTINGS for part in ("-c", setting)]
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryFile() as typed:
        if isinstance(given, bytes):
            typed.write(given)
            typed.seek(0)
        try:
            process = subprocess.Popen(
                ["git", "--no-pager", "-C", str(path), *pinned, *command],
                stdin=typed if isinstance(given, bytes) else given,
                stdout=subprocess.PIPE,
                pipesize=_PIPE_BYTES,
                stderr=complaints,
                env=_environment(),
            )
        except FileNotFoundError:
            raise GitError("git is not installed, or not on the PATH; install it") from None
        try:
            yield process
            status = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
            assert process.stdout is not None
            process.stdout.close()
            process.wait()
        if status not in accept:
            complaints.seek(0)
            said = complaints.read().decode("utf-8", "replace").strip().splitlines()
            raise GitError(f"{path}: {said[-1] if said else f'git ended with {status}'}")


def _environment() -> dict[str, str]:
    """Return git's environment. The user's own configuration stays: it may say which folders of
    other owners are safe, and the commands used here read little else from it."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or key.startswith("GIT_CONFIG")
    }
    return {
        **kept,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        # Of a partial clone, missing files would be fetched, one connection each.
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }

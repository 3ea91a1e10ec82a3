"""Reads a list of commits through one git process, and goes on behind what is damaged.

Knows that git ends at the first object that it cannot read: the commit where it stopped is tried
alone, counted if it is the damaged one, and a new process reads on. Does not know what a patch
holds.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from trainer.mining.git import GitError, patches
from trainer.mining.patches import blocks

MAX_DAMAGED = 100
"""With more unreadable commits the repository is of no use."""
MAX_PATCH_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class RawCommit:
    """One commit as git printed it."""

    sha: str
    time: int
    """Of the commit, in seconds since 1970; 0 if it cannot be read."""
    body: bytes | None
    """Its patch; None for one of more than MAX_PATCH_BYTES."""
    damaged: bool = False


@dataclass(frozen=True)
class Walk:
    """Commits to read: a file with one hash per line, as `git.list_commits` writes it."""

    path: Path
    commits: IO[bytes]
    count: int
    context: int
    """Lines around hunks."""

    def read(self, start: int) -> Iterator[RawCommit]:
        """Yield each commit from number `start` on, exactly once, in the list's order.

        Raises GitError if more than MAX_DAMAGED cannot be read.
        """
        position, damaged = start, 0
        while position < self.count:
            try:
                for raw in self._together(position):
                    yield raw
                    position += 1
            except GitError as error:
                raw = self._alone(position)
                damaged += raw.damaged
                if damaged > MAX_DAMAGED:
                    raise GitError(
                        f"{error}; more than {MAX_DAMAGED} commits cannot be read: run git fsck "
                        "there, or clone it again"
                    ) from error
                yield raw
                position += 1

    def _together(self, start: int) -> Iterator[RawCommit]:
        """Yield commits as long as git prints them in full."""
        os.lseek(self.commits.fileno(), start * self._width, os.SEEK_SET)
        position, last = start, None
        with patches(self.path, self.commits, self.context) as stream:
            for header, body in blocks(stream.read, MAX_PATCH_BYTES):
                if last is not None:
                    yield last
                last = self._commit(header, body, position)
                position += 1
        if last is not None:
            yield last
        if position < self.count:
            raise GitError(f"{self.path}: git printed {position} of {self.count} commits")

    def _alone(self, position: int) -> RawCommit:
        sha = self._sha(position)
        try:
            with patches(self.path, f"{sha}\n".encode(), self.context) as stream:
                found = list(blocks(stream.read, MAX_PATCH_BYTES))
            return self._commit(*found[0], position)
        except (GitError, IndexError):
            return RawCommit(sha, 0, b"", damaged=True)

    def _commit(self, header: bytes, body: bytes | None, position: int) -> RawCommit:
        sha, _, time = header.decode("ascii", "replace").partition(" ")
        if sha != self._sha(position) or not time.isdecimal():
            raise GitError(f"{self.path}: git left out commit {self._sha(position)}")
        return RawCommit(sha, int(time), body)

    def _sha(self, position: int) -> str:
        line = os.pread(self.commits.fileno(), self._width, position * self._width)
        return line.decode("ascii").strip()

    @property
    def _width(self) -> int:
        return os.fstat(self.commits.fileno()).st_size // self.count

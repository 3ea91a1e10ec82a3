"""Whether the working tree changed branch: `.git/HEAD` says so.

Knows two files of git's. Runs no git, and does not know what a switch means.
"""

from collections.abc import Sequence
from pathlib import Path


class BranchWatch:
    """Remembers what HEAD of each folder said."""

    def __init__(self) -> None:
        self._heads: dict[Path, str] = {}

    def switched(self, folders: Sequence[Path]) -> bool:
        """Whether any folder is on another branch than when last asked."""
        changed = False
        for folder in folders:
            head = _head(folder)
            changed |= self._heads.get(folder, head) != head
            self._heads[folder] = head
        return changed


def _head(folder: Path) -> str:
    git = folder / ".git"
    try:
        if git.is_file():
            # A worktree: the file names the folder that git keeps for it.
            git = folder / git.read_text("utf-8").removeprefix("gitdir:").strip()
        head = git / "HEAD"
        return head.read_text("utf-8") if head.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return ""

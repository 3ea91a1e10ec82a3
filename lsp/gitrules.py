"""Where git finds the patterns of files that it ignores, from the outermost to the innermost.

Knows repositories, worktrees and the user's own file. Does not know what patterns mean.
"""

import logging
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

IGNORE_FILES = (".gitignore", ".honeignore")
GIT_S = 2.0
log = logging.getLogger(__name__)


def top_of(folder: Path) -> Path | None:
    """Return the root of the working tree that a folder is in, if it is in one."""
    return next((top for top in (folder, *folder.parents) if (top / ".git").exists()), None)


def ignore_files(top: Path, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the files with patterns for what is in `folder`, each with the folder that its
    patterns start from; whether they exist is for the reader to find out."""
    between = [parent for parent in (folder, *folder.parents) if parent.is_relative_to(top)]
    for base in reversed(between):
        for name in IGNORE_FILES:
            yield base, base / name
        # Also in the roots of submodules and other repositories within.
        if (git := _git_folder(base / ".git")) is not None:
            yield base, git / "info" / "exclude"


def users_file(folder: Path, environ: Mapping[str, str]) -> Path:
    """Return git's core.excludesFile as it is set for a folder, or where it is by default."""
    command = ["git", "-C", str(folder), "config", "--path", "--get", "core.excludesFile"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(environ),
            timeout=GIT_S,
            text=True,
        )
        if named := done.stdout.strip():
            return folder / named
    except FileNotFoundError as error:
        # Without git there are no settings of it, and its default place is looked at below.
        log.debug("there is no git to ask which files it excludes: %s", error)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        log.warning("git does not say which files it excludes in %s: %s", folder, error)
    base = environ.get("XDG_CONFIG_HOME")
    home = Path(environ.get("HOME") or Path.home())
    return (Path(base) if base else home / ".config") / "git" / "ignore"


def _git_folder(mark: Path) -> Path | None:
    """Return the folder that holds `info/exclude`; a worktree's `.git` is a file that names its
    own, which in turn names the one that all worktrees share."""
    if mark.is_dir():
        return mark
    if not mark.is_file():
        return None
    try:
        name = mark.read_text("utf-8").strip().removeprefix("gitdir:").strip()
        own = mark.parent / name
        shared = own / "commondir"
        return own / shared.read_text("utf-8").strip() if shared.is_file() else own
    except (OSError, ValueError):
        return None  # no repository begins here, or one that git itself refuses

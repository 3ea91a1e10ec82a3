"""npm packages for a test, exactly those of a lock, kept below build/ for the next time.

Knows where and when to install. Does not know what the packages are for.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.e2e.stack import ROOT

INSTALL_S = 600.0
FLAGS = ("--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error")


def installed(folder: Path, *inner: str) -> Path:
    """Return a copy of `folder` with its packages; `inner` are folders therein that come with a
    lock of their own. Nothing that a package brings is run."""
    lock = (folder / "package-lock.json").read_bytes()
    name = f"{folder.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    there = ROOT / "build" / "node" / name
    ready = there / "ready"
    if not ready.exists():
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir(parents=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(folder / file, there)
        run(("npm", "ci", *FLAGS), there)
        for place in inner:
            # `npm ci` is stricter with a lock than those who published these were.
            run(("npm", "install", *FLAGS), there / place)
        ready.touch()
    return there


def run(command: tuple[str, ...], folder: Path, seconds: float = INSTALL_S) -> str:
    """Run a program in a folder; return what it said. Fails with it if the program does."""
    assert shutil.which(command[0]), f"there is no {command[0]} here"
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout

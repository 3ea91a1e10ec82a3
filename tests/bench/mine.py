"""How fast is mining, and how much memory does it take? Made-up history, real git.

A repository is generated (a few hundred files of some hundred lines; commits of one to three files
with one to three edits each), packed, and mined as the product does it.

    python -m tests.bench.mine [--commits N] [--repository FOLDER] [--output FOLDER]
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from trainer.mining.config import MineSection
from trainer.mining.run import mine
from trainer.progress import Display

FILES, LINES = 300, 350


def main(arguments: Sequence[str] | None = None) -> int:
    """Mine once and write what it took to `mine.json`."""
    given = _parser().parse_args(arguments)
    display = Display()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.repository
        if folder is None:
            folder = Path(scratch) / "made"
            display.say(f"making a repository of {given.commits} commits")
            generate(folder, given.commits)
        began, own, git = time.monotonic(), _processor_s(), _processor_s(of_git=True)
        report = mine([folder], MineSection(output=Path(scratch) / "mined"), display)
        seconds = time.monotonic() - began
        own, git = _processor_s() - own, _processor_s(of_git=True) - git
    commits = sum(one.commits for one in report.repositories)
    found = {
        "commits": commits,
        "tasks": report.tasks,
        "skipped": dict(report.skipped.most_common()),
        "seconds": round(seconds, 2),
        "processor_seconds": round(own, 2),
        "processor_seconds_of_git": round(git, 2),
        "commits_per_second": round(commits / seconds, 1),
        "commits_per_processor_second": round(commits / (own + git), 1),
        "peak_mb": _peak_mb(resource.RUSAGE_SELF),
        "peak_mb_of_git": _peak_mb(resource.RUSAGE_CHILDREN),
        "load_at_end": os.getloadavg()[0],
        "processors": os.cpu_count(),
        "git": subprocess.run(["git", "--version"], capture_output=True, text=True).stdout.strip(),
        "machine": platform.machine(),
    }
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "mine.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    display.say(json.dumps(found, indent=2))
    return 0


def generate(folder: Path, commits: int) -> None:
    """Make a packed repository at `folder` through git fast-import, always the same."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    with subprocess.Popen(
        ["git", "-C", folder, "fast-import", "--quiet"], stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        for piece in _history(commits, Random(0)):
            process.stdin.write(piece)
    if process.returncode:
        raise RuntimeError("git fast-import failed")
    subprocess.run(["git", "-C", folder, "gc", "--quiet"], check=True)


def _history(commits: int, draw: Random) -> Iterator[bytes]:
    """Yield fast-import's commands: each file is added by a commit of its own, then edited."""
    files: list[list[str]] = []
    for number in range(commits):
        when = f"{1_700_000_000 + 60 * number} +0000"
        yield f"commit refs/heads/main\ncommitter a <a> {when}\ndata 1\n.\n".encode()
        if len(files) < min(FILES, commits // 4):
            files.append([_line(draw) for _ in range(draw.randint(50, 2 * LINES))])
            yield _modified(len(files) - 1, files)
            continue
        for file in draw.sample(range(len(files)), min(draw.randint(1, 3), len(files))):
            _edit(files[file], draw)
            yield _modified(file, files)


def _edit(lines: list[str], draw: Random) -> None:
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(lines))
        removed, added = draw.randint(0, 3), draw.randint(0, 3)
        lines[at : at + removed] = [_line(draw) for _ in range(added or not removed)]


def _line(draw: Random) -> str:
    words = " ".join(f"name_{draw.randrange(500)}" for _ in range(draw.randint(1, 5)))
    return f"{' ' * 4 * draw.randint(0, 3)}value_{draw.randrange(10_000)} = call({words!r})"


def _modified(file: int, files: list[list[str]]) -> bytes:
    data = "".join(f"{line}\n" for line in files[file]).encode()
    return b"M 100644 inline pkg%d/m%d.py\ndata %d\n%s\n" % (file % 20, file, len(data), data)


def _processor_s(*, of_git: bool = False) -> float:
    times = os.times()
    if of_git:
        return times.children_user + times.children_system
    return times.user + times.system


def _peak_mb(who: int) -> int:
    peak = resource.getrusage(who).ru_maxrss
    return peak // (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mine", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--commits", type=int, default=4000)
    parser.add_argument("--repository", type=Path, help="mine this one instead")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""What a run of mining came to, as tables.

Knows rich and the counts of manifests. Does not know where they come from.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from trainer.tasks import EDIT, NOTHING


@dataclass
class Mined:
    """What came of one repository in this run."""

    name: str
    commits: int = 0
    """Read in this run, merges not counted."""
    kept: Counter[str] = field(default_factory=Counter)
    """Tasks by kind and split, such as "edit train"."""
    skipped: Counter[str] = field(default_factory=Counter)
    """What was left out, by reason."""
    seconds: float = 0.0
    note: str = ""
    """What the user should know, one line; empty if there is nothing."""
    failed: bool = False
    """Whether the repository, or the rest of it, could not be read."""

    def add(self, manifest: dict[str, Any]) -> None:
        """Count a part that was published."""
        self.commits += manifest["read"]
        self.kept.update(manifest["kept"])
        self.skipped.update(manifest["skipped"])

    @property
    def tasks(self) -> int:
        return self.kept.total()


@dataclass
class Report:
    """What came of a run."""

    repositories: list[Mined]

    @property
    def tasks(self) -> int:
        return sum(one.tasks for one in self.repositories)

    @property
    def skipped(self) -> Counter[str]:
        """What was left out of all repositories, by reason."""
        return sum((one.skipped for one in self.repositories), Counter[str]())


def tables(report: Report) -> list[Table]:
    """Return a table of the repositories, and one of what was left out if anything was."""
    mined = Table(title="mined")
    mined.add_column("repository", overflow="fold")
    for name in ("commits", "edits", "nothing", "train", "valid", "seconds"):
        mined.add_column(name, justify="right")
    for one in report.repositories:
        mined.add_row(*_cells(one), end_section=one is report.repositories[-1])
    if len(report.repositories) > 1:
        mined.add_row(*_cells(_total(report)))
    if not report.skipped:
        return [mined]
    left_out = Table(title="left out")
    left_out.add_column("reason")
    left_out.add_column("count", justify="right")
    for reason, count in report.skipped.most_common():
        left_out.add_row(reason, f"{count:,}")
    return [mined, left_out]


def _total(report: Report) -> Mined:
    total = Mined("all")
    for one in report.repositories:
        total.commits += one.commits
        total.kept.update(one.kept)
        total.seconds += one.seconds
    return total


def _cells(one: Mined) -> list[str]:
    def matching(word: str) -> str:
        return f"{sum(n for kind, n in one.kept.items() if word in kind.split()):,}"

    state = "" if one.commits or one.failed or one.note else " (up to date)"
    counts = [matching(word) for word in (EDIT, NOTHING, "train", "valid")]
    return [one.name + state, f"{one.commits:,}", *counts, f"{one.seconds:.1f}"]

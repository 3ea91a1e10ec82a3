"""The settings of `hone-trainer mine`.

Knows names, defaults and bounds. Does not know where values come from or what is done with them.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from feedback_store.settings import Section, default_data_folder


class MineSection(Section):
    """Turning repositories' history into training batches."""

    output: Path = Field(default_factory=lambda: default_data_folder() / "mined")
    """Folder of the mined batches. A later run on it takes in new commits only."""
    split: Literal["time", "repository"] = "time"
    """What validation tasks are: the newest commits of each repository, or whole repositories."""
    valid_share: float = Field(default=0.3, ge=0, lt=1)
    """Share of a repository's commits, or of the repositories, that is for validation."""
    nothing_share: float = Field(default=0.15, ge=0, lt=1)
    """Share of the tasks in which nothing is to be changed."""
    region_lines: int = Field(default=20, ge=3, le=60)
    """The most lines that an answer may rewrite."""
    region_characters: int = Field(default=1200, ge=80)
    """The most characters of the region, before and after."""
    prefix_lines: int = Field(default=60, ge=0, le=500)
    """Lines shown before the region."""
    suffix_lines: int = Field(default=20, ge=0, le=500)
    """Lines shown after the region."""
    max_changed_lines: int = Field(default=15, ge=1)
    """A hunk that removes and adds more lines than this is no task."""
    recent_edits: int = Field(default=6, ge=1)
    """Earlier edits of the commit that a task shows."""
    history_characters: int = Field(default=4500, ge=100)
    """The most characters of those edits; the oldest are left out first."""
    first_hunks: bool = False
    """Also make tasks of a commit's first hunk, which no earlier edit announces."""
    repeats: int = Field(default=5, ge=1)
    """The same change, old lines to new lines, is taken this often per repository."""
    commit_tasks: int = Field(default=20, ge=1)
    """The most tasks of one commit."""
    max_files: int = Field(default=50, ge=1)
    """A commit that touches more files is a bulk change."""
    max_lines: int = Field(default=2000, ge=1)
    """A commit that changes more lines is a bulk change."""
    languages: tuple[str, ...] = ()
    """Only these languages, by LSP identifier such as `python`; empty takes all that are known."""
    exclude: tuple[str, ...] = ()
    """Paths to leave out, as shell patterns such as `legacy/*`."""
    checkpoint_commits: int = Field(default=10_000, ge=1)
    """An interrupted run loses at most the work on this many commits."""

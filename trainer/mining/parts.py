"""One walk over a repository's commits, published in parts.

Knows splits, dates and what a part's manifest says. Does not know git or how tasks are made.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from trainer.mining.commits import Commit, Mined
from trainer.mining.config import MineSection
from trainer.mining.output import Rows, first_valid, publish_rows
from trainer.mining.walk import RawCommit
from trainer.noise import stable_hash

TRAIN, VALID = "train", "valid"
_LATEST = 253_402_300_799
"""The last second that a date can name; some commits claim later ones."""


@dataclass(frozen=True)
class Plan:
    """Commits to be walked: those that lead to `head` and to none of `bases`."""

    head: str
    bases: list[str]
    done: int
    """How many of them were published already."""
    first_ordinal: int
    """How many of the repository's commits were mined before the first of them."""


class Parts:
    """The rows of a walk. A context: leaving it drops what was not published."""

    def __init__(
        self, settings: MineSection, repository: str, plan: Plan, count: int, scratch: Path
    ) -> None:
        """`count` is the number of all commits of the walk."""
        self.plan = plan
        self._settings = settings
        self._repository = repository
        self._count = count
        self._begun = plan.done
        self._scratch = scratch
        self._kept: Counter[str] = Counter()
        self._rows = Rows(scratch)
        self._first_valid = first_valid(plan.first_ordinal + count, settings.valid_share)
        share = int(stable_hash(repository)[:12], 16) / 16**12
        self._whole = VALID if share < settings.valid_share else TRAIN

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rows.close()

    def commit(self, raw: RawCommit, position: int) -> Commit:
        """Return what tasks say of a commit, the walk's number `position`."""
        ordinal = self.plan.first_ordinal + position
        split = self._whole
        if self._settings.split == "time":
            split = VALID if ordinal >= self._first_valid else TRAIN
        date = datetime.fromtimestamp(min(raw.time, _LATEST), UTC)
        return Commit(
            self._repository, raw.sha, date.strftime("%Y-%m-%dT%H:%M:%SZ"), ordinal, split
        )

    def add(self, mined: Mined, number: int) -> None:
        """Take in a task as the output's row `number`."""
        self._rows.add(mined, number)
        self._kept[f"{mined.task.kind} {mined.commit.split}"] += 1

    def is_due(self, position: int) -> bool:
        """Whether a part ends with the commit `position`."""
        whole = (position + 1) % self._settings.checkpoint_commits == 0
        return whole or position + 1 == self._count

    def publish(self, position: int, skipped: Counter[str]) -> dict[str, Any]:
        """Publish the rows so far and begin the next part; return the manifest.

        `skipped` is taken into the manifest and emptied.
        """
        done = position + 1
        rule = {"by": self._settings.split, "valid_share": self._settings.valid_share}
        manifest = {
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "repository": self._repository,
            "head": self.plan.head,
            "bases": self.plan.bases,
            "first_ordinal": self.plan.first_ordinal,
            "commits": self._count,
            "done": done,
            "complete": done == self._count,
            "read": done - self._begun,
            "kept": dict(sorted(self._kept.items())),
            "skipped": {reason: n for reason, n in sorted(skipped.items()) if n},
            "split": rule,
            "settings": self._settings.model_dump(mode="json", exclude={"output"}),
        }
        told = publish_rows(self._settings.output, self._rows, manifest)
        self._begun = done
        self._kept.clear()
        skipped.clear()
        self._rows = Rows(self._scratch)
        return told

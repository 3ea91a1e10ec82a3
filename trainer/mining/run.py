"""`hone-trainer mine`: repositories in, published batches out.

Each repository is published when it is done, a large one in parts; what was published is the
only state. A run that was interrupted goes on behind the last part. Knows the order of steps.
Does not know how a task is made.
"""

import tempfile
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from trainer.mining import git, output
from trainer.mining.commits import Miner, identity_of
from trainer.mining.config import MineSection
from trainer.mining.git import GitError, NoHistory, Repository
from trainer.mining.parts import Parts, Plan
from trainer.mining.report import Mined, Report, tables
from trainer.mining.seen import Changes, Tasks
from trainer.mining.walk import Walk
from trainer.mining.windows import context_lines
from trainer.progress import Display

_TOLD_EVERY = 50
"""Commits between two updates of the progress."""


def run(settings: MineSection, paths: Sequence[Path], display: Display) -> int:
    """Mine and show what came of it; return the exit code, 1 if a repository was unusable."""
    report = mine(paths, settings, display)
    for table in tables(report):
        display.console.print(table)
    for one in report.repositories:
        if one.note:
            display.say(one.note)
    return 1 if any(one.failed for one in report.repositories) else 0


def mine(paths: Sequence[Path], settings: MineSection, display: Display) -> Report:
    """Publish the new commits of the repositories at or below `paths` as tasks.

    An unusable repository is reported, and the others are mined. Raises GitError if a path holds
    no repository, BadBatch if the output is damaged, AlreadyRunning.
    """
    found = git.find_repositories(paths)
    with output.locked(settings.output) as scratch:
        work = _Work(settings, display, scratch)
        return Report([work.repository(path) for path in found])


class _Work:
    """One run's memory."""

    def __init__(self, settings: MineSection, display: Display, scratch: Path) -> None:
        self._settings = settings
        self._display = display
        self._scratch = scratch
        self._published = output.manifests(settings.output)
        self._rows = sum(manifest["rows"] for manifest in self._published)

    def repository(self, path: Path) -> Mined:
        """Mine one repository; what is wrong with it becomes a note."""
        told = Mined(path.name)
        began = time.monotonic()
        try:
            repository = git.open_repository(path)
            told.name = repository.name
            if repository.shallow:
                told.note = (
                    f"{path} is a shallow clone: only the commits it has were mined; "
                    "git fetch --unshallow gets the others"
                )
            for plan in self._plans(repository):
                self._walk(repository, plan, told)
        except NoHistory as error:
            told.note = f"{error}: nothing to mine"
        except GitError as error:
            told.note, told.failed = str(error), True
        told.seconds = time.monotonic() - began
        return told

    def _plans(self, repository: Repository) -> list[Plan]:
        """Return what is left of an interrupted walk, then what is new since."""
        earlier = [m for m in self._published if m["repository"] == repository.name]
        asked = [commit for m in earlier for commit in (m["head"], *m["bases"])]
        there = set(git.known(repository, asked))
        bases = [m["head"] for m in earlier if m["complete"] and m["head"] in there]
        plans: list[Plan] = []
        last = earlier[-1] if earlier else None
        if last and not last["complete"] and {last["head"], *last["bases"]} <= there:
            plans.append(Plan(last["head"], last["bases"], last["done"], last["first_ordinal"]))
            bases.append(last["head"])
        if repository.head not in bases:
            seen = max((m["first_ordinal"] + m["commits"] for m in earlier), default=0)
            plans.append(Plan(repository.head, list(dict.fromkeys(bases)), 0, seen))
        return plans

    def _walk(self, repository: Repository, plan: Plan, told: Mined) -> None:
        with tempfile.TemporaryFile(dir=self._scratch) as commits:
            count, merges = git.list_commits(repository, plan.head, plan.bases, commits)
            if count <= plan.done:
                return
            tasks, changes = self._tasks, self._changes(repository.name)
            generated = git.generated_paths(repository, plan.head)
            miner = Miner(self._settings, generated, tasks, changes)
            if plan.done == 0:
                miner.skipped["merge commit"] += merges
            walk = Walk(repository.path, commits, count, context_lines(self._settings))
            parts = Parts(self._settings, repository.name, plan, count, self._scratch)
            self._rows = self._read(walk, parts, miner, told)

    def _read(self, walk: Walk, parts: Parts, miner: Miner, told: Mined) -> int:
        """Mine and publish part by part; return the number of the last row."""
        rows, done = self._rows, parts.plan.done
        with parts, self._display.phase(told.name[-22:], walk.count - done) as advance:
            for position, raw in enumerate(walk.read(done), done):
                if raw.damaged:
                    miner.skipped["damaged commit"] += 1
                for mined in miner.mine(parts.commit(raw, position), raw.body):
                    rows += 1
                    parts.add(mined, rows)
                if parts.is_due(position):
                    manifest = parts.publish(position, miner.skipped)
                    self._published.append(manifest)
                    told.add(manifest)
                if (position + 1) % _TOLD_EVERY == 0 or position + 1 == walk.count:
                    advance(position + 1 - done, f"{rows - self._rows} tasks")
                    done = position + 1
        return rows

    @cached_property
    def _tasks(self) -> Tasks:
        """All tasks that were ever published; read when the first new commit turns up."""
        tasks = Tasks()
        for name in output.identities(self._settings.output):
            tasks.add(identity_of(name))
        return tasks

    def _changes(self, repository: str) -> Changes:
        changes = Changes()
        for change in output.changes(self._settings.output, self._published, repository):
            changes.add(change)
        return changes

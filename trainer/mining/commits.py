"""From one commit's patch to its tasks.

A commit's hunks in order are taken for the author's edits in order: each is a task with the ones
before it as history. Knows the rules of what is left out, and counts why. Does not know git as a
process, nor files.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from feedback_store.events import EditContext, RecentEdit
from trainer.mining.config import MineSection
from trainer.mining.files import FilePatch, Files
from trainer.mining.patches import Group, Piece, changed_lines, split_files
from trainer.mining.seen import Changes, Tasks, hash_of
from trainer.mining.windows import Spot, Window, done_spot, hunk_spot, quiet_spot, window_at
from trainer.tasks import EDIT, NOTHING, EditTask, recent_edits

MAX_EDIT_LINES = 40
"""A longer edit is not reported as a recent one by the language server either."""
_SAME_LINES = 20
"""Lines on both sides that make two equal hunks the same task."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What is known of a commit beside its patch. Never who made it."""

    repository: str
    sha: str
    date: str
    """ISO 8601, UTC."""
    ordinal: int
    """How many of the repository's commits were mined before it."""
    split: str


@dataclass(frozen=True, slots=True)
class Mined:
    """A task, and the numbers by which repetitions are known."""

    task: EditTask
    commit: Commit
    identity: int
    change: int


class Miner:
    """Makes tasks of one repository's commits, oldest first."""

    def __init__(
        self, settings: MineSection, generated: set[str], tasks: Tasks, changes: Changes
    ) -> None:
        """`generated` are paths that their first lines call generated."""
        self._settings = settings
        self._tasks = tasks
        self._changes = changes
        self._owed = 0.0
        self.skipped: Counter[str] = Counter()
        """How many commits, files, hunks and tasks were left out, by reason."""
        self._files = Files(settings, generated, self.skipped)

    def mine(self, commit: Commit, body: bytes | None) -> list[Mined]:
        """Return the tasks of a commit; None for a patch too large to read."""
        patches = self._patches(body)
        found = list(self._tasks_of(commit, patches))
        most = self._settings.commit_tasks
        if len(found) > most:
            self.skipped["task beyond a commit's share"] += len(found) - most
            chosen = {mined.identity for mined in sorted(found, key=_identity)[:most]}
            found = [mined for mined in found if mined.identity in chosen]
        return found

    def _patches(self, body: bytes | None) -> list[FilePatch]:
        files = split_files(body) if body is not None else []
        limits = self._settings
        if (
            body is None
            or len(files) > limits.max_files
            or changed_lines(body, len(files)) > limits.max_lines
        ):
            self.skipped["bulk commit"] += 1
            return []
        if not files:
            self.skipped["empty commit"] += 1
        patches = [patch for raw in files if (patch := self._files.read(raw)) is not None]
        hunks = [
            hunk for patch in patches for group, at in patch.hunks for hunk in [group.pieces[at]]
        ]
        blank = sum(map(is_formatting, hunks))
        if blank * 2 > len(hunks):
            self.skipped["formatting commit"] += 1
            return []
        return patches

    def _tasks_of(self, commit: Commit, patches: list[FilePatch]) -> Iterator[Mined]:
        history: list[RecentEdit] = []
        for patch in patches:
            hunks = patch.hunks
            for number, (group, at) in enumerate(hunks, 1):
                if (mined := self._edit(commit, patch, group, at, history)) is not None:
                    yield mined
                    yield from self._quiet(commit, patch, group, at, history, done=False)
                hunk = group.pieces[at]
                if len(hunk.diff) <= MAX_EDIT_LINES and not is_formatting(hunk):
                    history += _cut(patch.path, group, at)
                if number == len(hunks):
                    yield from self._quiet(commit, patch, group, at, history, done=True)

    def _quiet(
        self,
        commit: Commit,
        patch: FilePatch,
        group: Group,
        at: int,
        history: list[RecentEdit],
        *,
        done: bool,
    ) -> Iterator[Mined]:
        """Yield a task in which nothing is to be done, if one is owed for the edits so far.

        Half the time it is passed over, or shows the place of the edit just made, so that
        neither the place nor the number of edits tells that all is done.
        """
        if self._owed < 1 or not history:
            return
        draw = Random(hash_of(commit.sha, patch.path, str(group.first), str(at)))
        near = draw.random() < 0.5
        if near and not done:
            return
        spot = None if near else quiet_spot(group, at, self._settings, draw, done=done)
        if spot is None and done:
            spot = done_spot(group, at, self._settings)
        if spot is None:
            return
        found = self._make(commit, patch, spot, NOTHING, history, 0)
        if isinstance(found, Mined):
            self._owed -= 1
            yield found

    def _edit(
        self, commit: Commit, patch: FilePatch, group: Group, at: int, history: list[RecentEdit]
    ) -> Mined | None:
        """Return the task whose answer is the hunk, or count why there is none."""
        hunk = group.pieces[at]
        change = hash_of("change", _stripped(hunk.old), _stripped(hunk.new))
        reason = self._hunk_reason(hunk, history, change)
        if reason is None:
            spot = hunk_spot(group, at, self._settings)
            found = self._make(commit, patch, spot, EDIT, history, change)
            if isinstance(found, Mined):
                self._changes.add(change)
                share = self._settings.nothing_share
                self._owed += share / (1 - share)
                return found
            reason = found
        self.skipped[reason] += 1
        return None

    def _hunk_reason(self, hunk: Piece, history: list[RecentEdit], change: int) -> str | None:
        if is_formatting(hunk):
            return "formatting hunk"
        if not history and not self._settings.first_hunks:
            return "hunk without earlier edits"
        if sum(line[0] != " " for line in hunk.diff) > self._settings.max_changed_lines:
            return "large hunk"
        if self._changes.count(change) >= self._settings.repeats:
            return "repeated change"
        return None

    def _make(
        self,
        commit: Commit,
        patch: FilePatch,
        spot: Spot,
        kind: str,
        history: list[RecentEdit],
        change: int,
    ) -> Mined | str:
        """Return the task at a spot, or the reason why there is none."""
        shown = self._shown(history)
        identity = hash_of(
            kind,
            spot.old,
            spot.new,
            spot.above[-_SAME_LINES:],
            spot.below[:_SAME_LINES],
            [edit.diff for edit in shown],
        )
        window = window_at(spot, self._settings, Random(identity))
        if window is None:
            return "hunk too large or alone in its file"
        if not self._tasks.add(identity):
            return "known task"
        task = EditTask(
            id=task_id(identity),
            source="mined",
            repository=commit.repository,
            cluster=f"{commit.repository}@{commit.sha}",
            kind=kind,
            context=_context(patch, window, shown),
            wanted=window.wanted,
            date=commit.date,
        )
        return Mined(task, commit, identity, change)

    def _shown(self, history: list[RecentEdit]) -> tuple[RecentEdit, ...]:
        """Return the last edits that may be shown; the newest always is."""
        shown = history[-self._settings.recent_edits :]
        while (
            len(shown) > 1 and sum(len(e.diff) for e in shown) > self._settings.history_characters
        ):
            shown = shown[1:]
        return tuple(shown)


def task_id(identity: int) -> str:
    """Return a task's name for its number."""
    return f"mined-{identity:016x}"


def identity_of(name: str) -> int:
    """Return the number in a task's name."""
    return int(name.removeprefix("mined-"), 16)


def is_formatting(hunk: Piece) -> bool:
    """Whether nothing but whitespace changes, line ends included."""
    return _bare(hunk.old) == _bare(hunk.new)


def _context(patch: FilePatch, window: Window, shown: tuple[RecentEdit, ...]) -> EditContext:
    # Text that was read as UTF-8 needs no check, and the check would take a third of the time.
    return EditContext.model_construct(
        path=patch.path,
        language=patch.language,
        prefix=window.prefix,
        region=window.region,
        suffix=window.suffix,
        region_first_line=window.first,
        cursor_line=window.cursor_line,
        cursor_character=window.cursor_character,
        recent_edits=shown,
        diagnostics=(),
        excerpts=(),
    )


def _bare(lines: list[str]) -> str:
    return "".join("".join(lines).split())


def _stripped(lines: list[str]) -> list[str]:
    return [line.strip() for line in lines]


def _identity(mined: Mined) -> int:
    return mined.identity


def _cut(path: str, group: Group, at: int) -> tuple[RecentEdit, ...]:
    above = [f" {line}" for line in group.pieces[at - 1].new[-1:]] if at else []
    return recent_edits(path, "\n".join([*above, *group.pieces[at].diff]))

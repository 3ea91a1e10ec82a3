"""Next-edit tasks: what a model is shown, and the edit that was right.

The one form in which mined history, settled feedback, synthetic edits and other people's files
meet: `sft` trains on it, `evaluate` measures on it. A task's context is format-free; a profile's
prompt format renders it.

Knows the fields and how recent edits are cut from diffs as the language server cuts them. Does
not know where tasks come from, files, tokens or models.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from feedback_store.events import EditContext, RecentEdit
from server.prompts.profile import ModelProfile
from trainer.batches import Row
from trainer.reward import normalise

EDIT, NOTHING = "edit", "nothing"
SYNTHETIC = "synthetic"
"""The source of tasks that are made of plain source files."""


@dataclass(frozen=True)
class EditTask:
    """One place, and the text that was right there."""

    id: str
    source: str
    """`mined`, `synthetic`, `feedback` or `zeta`."""
    repository: str
    """Where the text comes from; tasks of one repository are never on both sides of a split."""
    cluster: str
    """Tasks that are not independent: a commit, or a file. Intervals draw whole clusters."""
    kind: str
    """`edit`, `nothing` or, of a synthetic task, what sort of edit it is."""
    context: EditContext
    wanted: str
    """The region after the true edit; equal to the region where nothing was wanted."""
    date: str = ""
    """Of the commit, ISO 8601; empty if unknown. Orders mined tasks in time."""

    @property
    def wants_edit(self) -> bool:
        """Whether anything but blanks at line ends should change."""
        return normalise(self.wanted) != normalise(self.context.region)


def from_row(row: Row) -> EditTask:
    """Return a batch's row as a task: the settled text is what was right."""
    return EditTask(
        id=row.suggestion_id,
        source="feedback",
        repository=row.workspace,
        cluster=row.session,
        kind=EDIT if row.region_changed else NOTHING,
        context=row.context,
        wanted=row.settled_text,
        date=str(row.received_at),
    )


def to_row(task: EditTask, prompt_token_ids: list[int], profile: ModelProfile) -> Row:
    """Return a task as a suggestion that nobody made and whose text its author wrote."""
    return Row(
        suggestion_id=task.id,
        ingest_seq=0,
        received_at=task.date,
        user=task.source,
        team=task.source,
        session=task.cluster,
        workspace=task.repository,
        language=task.context.language,
        path=task.context.path,
        policy_version=None,
        base_model=profile.name,
        prompt_format=profile.format.name,
        profile=profile.name,
        temperature=0.0,
        prompt_token_ids=prompt_token_ids,
        output_token_ids=None,
        output_logprobs=None,
        new_region=None,
        context=task.context,
        outcome=None,
        shown=None,
        reason=None,
        settled_by=None,
        region_changed=task.wants_edit,
        settled_text=task.wanted,
        accepted_text=None,
        undone=False,
        branch_switch=False,
        bulk_change=False,
        retained_third=None,
        holdout=False,
    )


def recent_edits(path: str, diff: str) -> tuple[RecentEdit, ...]:
    """Cut a unified diff (hunk headers allowed) into edits as the language server reports them.

    Each run of removed and added lines becomes one edit, with the line above it as context.
    """
    lines = (line.removesuffix("\r") for line in diff.removesuffix("\n").split("\n"))
    return tuple(RecentEdit(path=path, diff=body) for body in _runs(lines))


def _runs(lines: Iterable[str]) -> Iterator[str]:
    above: str | None = None
    old: list[str] = []
    new: list[str] = []
    for line in [*lines, "@@"]:
        mark, text = line[:1], line[1:]
        if mark == "-" and not new:
            old.append(text)
        elif mark == "+":
            new.append(text)
        elif mark == "\\":
            continue  # "\ No newline at end of file"
        else:
            if old or new:
                yield _body(above, old, new)
                above = new[-1] if new else above
                old, new = [], []
            if mark == "-":
                old.append(text)
            else:
                above = None if mark == "@" else text


def _body(above: str | None, old: list[str], new: list[str]) -> str:
    context = "" if above is None else f" {above}\n"
    return context + "".join(f"-{t}\n" for t in old) + "".join(f"+{t}\n" for t in new)

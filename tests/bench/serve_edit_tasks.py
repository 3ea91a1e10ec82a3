"""Real next edits as an editor asks for them, for `serve_edits`: before the edit, and amid it.

Pure but for reading the file. Knows tasks, contexts and prompts. Does not know engines.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from feedback_store.events import EditContext, RecentEdit
from server.prompts.convergence import converged
from server.prompts.profile import ModelProfile
from server.prompts.text import split_lines
from trainer.evaluation.sources import read_source
from trainer.noise import stable_hash
from trainer.tasks import EditTask

MARGIN = 3
"""Lines above the cursor that a prefilled answer may still change: of the real edits 3.3 % begin
further above, and then cannot be said. (The cursors of mined tasks are drawn, not observed.)"""


@dataclass(frozen=True)
class Moment:
    """One question: its context and prompt, and the edit that was right."""

    context: EditContext
    wanted: str
    prompt: str

    @property
    def head(self) -> str:
        """The lines of the region that a prefilled answer takes as they are."""
        return "".join(
            split_lines(self.context.region)[: max(0, self.context.cursor_line - MARGIN)]
        )


def moments(data: Path, profile: ModelProfile, amount: int, lines: int) -> list[list[Moment]]:
    """Return the questions of `amount` tasks, always the same ones in the same order.

    Each is asked twice, as it was mined and with half of its first new line typed, so that prompts
    follow each other as they do in an editor. Regions are cut to `lines` lines; tasks whose edit is
    not within them, or whose prompts do not fit, are left out.
    """
    found: list[list[Moment]] = []
    for task in sorted(read_source(data, Counter()), key=lambda task: stable_hash(task.id)):
        stages = list(_stages(task, lines))
        prompts = [profile.format.render(context, profile.budget) for context, _ in stages]
        if len(stages) == 2 and all(isinstance(prompt, str) for prompt in prompts):
            pairs = zip(stages, prompts, strict=True)
            found.append([Moment(*stage, str(prompt)) for stage, prompt in pairs])
        if len(found) == amount:
            break
    return found


def on_true_answers(data: Path) -> dict[str, float]:
    """Return what early stop and a prefilled head would do to answers that are right.

    Shares: of tasks whose answer ends early, of those that are then wrong among all, of characters
    that are spared, and of tasks whose edit begins within the head.
    """
    tasks = [task for task in read_source(data, Counter()) if task.wants_edit]
    early = wrong = spared = forbidden = 0
    for task in tasks:
        old, new = split_lines(task.context.region), split_lines(task.wanted)
        forbidden += _alike(old, new) < task.context.cursor_line - MARGIN
        for so_far in accumulate(new[:-1]):
            whole = converged(task.context.region, so_far)
            if whole is not None:
                early, wrong = early + 1, wrong + (whole != task.wanted)
                spared += len(task.wanted) - len(so_far)
                break
    return {
        "tasks": len(tasks),
        "end_early": early / len(tasks),
        "then_wrong": wrong / len(tasks),
        "spared": spared / sum(len(task.wanted) for task in tasks),
        "head_forbids": forbidden / len(tasks),
    }


def _stages(task: EditTask, limit: int) -> Iterator[tuple[EditContext, str]]:
    """Yield the context before the edit and amid it, each with the region that is wanted."""
    old, new = split_lines(task.context.region), split_lines(task.wanted)
    changed = _alike(old, new)
    if changed == min(len(old), len(new)):
        return
    first = min(max(0, task.context.cursor_line - (limit - 1) // 3), max(0, len(old) - limit))
    behind = max(0, len(old) - first - limit)
    kept = old[first : len(old) - behind]
    if changed < first or (behind and new[-behind:] != old[-behind:]):
        return
    wanted = "".join(new[first : len(new) - behind])
    before = task.context.model_copy(
        update={
            "region": "".join(kept),
            "prefix": task.context.prefix + "".join(old[:first]),
            "suffix": "".join(old[len(old) - behind :]) + task.context.suffix,
            "region_first_line": task.context.region_first_line + first,
            "cursor_line": min(task.context.cursor_line - first, len(kept) - 1),
        }
    )
    yield before, wanted
    line = new[changed].removesuffix("\n")
    typed = line[: (len(line) + len(line) - len(line.lstrip())) // 2] + "\n"
    if changed - first < len(kept) and typed.strip() and typed != old[changed]:
        yield _amid(before, changed - first, typed), wanted


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _amid(before: EditContext, number: int, typed: str) -> EditContext:
    """The context once a line of the region says `typed`, which is then the newest edit."""
    lines = split_lines(before.region)
    diff = "".join(f" {line}" for line in lines[:number][-1:]) + f"-{lines[number]}+{typed}"
    lines[number] = typed
    edit = RecentEdit(path=before.path, diff=diff)
    changed = {
        "region": "".join(lines),
        "recent_edits": (*before.recent_edits, edit),
        "cursor_line": number,
        "cursor_character": len(typed) - 1,
    }
    return before.model_copy(update=changed)

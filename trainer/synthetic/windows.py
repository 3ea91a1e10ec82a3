"""From a plan to a task: which of its edits are done and shown, and the window that comes next.

The user works down the file (sometimes up), the edits before the target are done, the last one
to three are shown. Every edit that is left within the window is wanted; in half of the tasks the
window is drawn so that only one place is left in it.

Knows lines, plans and windows. Does not know rules, languages or prompts.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store.events import EditContext, RecentEdit
from trainer.synthetic.edits import Document, LineEdit, Plan, applied
from trainer.synthetic.noise import unrelated
from trainer.synthetic.source import Source
from trainer.synthetic.words import holds_held
from trainer.tasks import NOTHING, SYNTHETIC, EditTask, recent_edits

PREFIX_LINES = 60
SUFFIX_LINES = 20
LONGEST_LINE = 160
LONGEST_REGION = 1200
MOST_CHANGED = 15
MOST_EVENT_LINES = 12
BACKWARD_SHARE = 0.15
ALONE_SHARE = 0.5
NOISE_SHARE = 0.2
TRIES = 6
_HEIGHTS = ((0.2, 4, 7), (0.5, 8, 12), (1.0, 13, 20))
"""Cumulative share, least and most lines of a region."""


@dataclass(frozen=True)
class _Moment:
    """A file in the middle of a plan: what is done, what is shown, what is left."""

    document: Document
    shown: tuple[LineEdit, ...]
    """In the order in which they were made."""
    left: tuple[tuple[int, LineEdit], ...]
    """Edits still to make and where they begin now, in document order."""
    touched: frozenset[int]
    """Lines of the document, now, that the plan changes or changed."""
    blocked: tuple[int, ...]
    """Lines of the document, now, that no window may hold."""


def edit_task(source: Source, plan: Plan, kind: str, rng: random.Random) -> EditTask | None:
    """Return the task in which one of the plan's edits comes next; None if none fits."""
    for _ in range(TRIES):
        done, shown, target = _progress(plan, rng)
        moment = _moment(source, plan, done, shown)
        place = moment.document.place(plan.edits[target].start)
        window = _around(moment, place, plan.edits[target], rng)
        if window and _fits(moment, *window):
            return _task(source, moment, window, kind, rng)
    return None


def nothing_task(source: Source, plan: Plan, rng: random.Random) -> EditTask | None:
    """Return a task in which the plan's rule asks for nothing more; None if none fits."""
    for _ in range(TRIES):
        done, shown, _ = _progress(plan, rng)
        if rng.random() < 0.5:
            done = list(range(len(plan.edits)))
        moment = _moment(source, plan, done, shown)
        height, size = _height(rng), len(moment.document.lines)
        if rng.random() < 0.5:
            at = moment.document.place(rng.choice([plan.edits[n] for n in done]).start)
            first = at - height // 2 + rng.randint(-25, 25) * rng.randint(0, 1)
        else:
            first = rng.randrange(size)
        first = max(0, min(first, size - height))
        window = (first, min(size, first + height))
        holds_left = any(window[0] <= at + len_ and at <= window[1] for at, len_ in _spans(moment))
        if not holds_left and _fits(moment, *window):
            return _task(source, moment, window, NOTHING, rng)
    return None


def _progress(plan: Plan, rng: random.Random) -> tuple[list[int], list[int], int]:
    """Draw which edits are done, which of them are shown, oldest first, and which comes next."""
    count, k = len(plan.edits), max(plan.telling, rng.choice((1, 2, 2, 3)))
    if rng.random() < BACKWARD_SHARE and plan.lead is None:
        target = rng.randrange(count - plan.telling)
        shown = list(range(target + 1, min(count, target + 1 + k)))
        done = list(range(target + 1, count)) if rng.random() < 0.5 else list(shown)
        if rng.random() < 0.5:
            shown.reverse()
        return done, shown, target
    lead = [n for n in range(count) if n == plan.lead]
    others = [n for n in range(count) if n != plan.lead]
    before = rng.randrange(plan.telling - len(lead), len(others))
    shown = lead + others[:before][before - min(before, k - len(lead)) :]
    return sorted(lead + others[:before]), shown, others[before]


def _moment(source: Source, plan: Plan, done: Sequence[int], shown: Sequence[int]) -> _Moment:
    edits = plan.edits
    document = Document(source.lines, [edits[n] for n in done])
    finished = set(done)
    left = tuple(
        (document.place(edit.start), edit) for n, edit in enumerate(edits) if n not in finished
    )
    touched = {
        document.place(edit.start) + offset
        for n, edit in enumerate(edits)
        for offset in range(-1, 1 + (len(edit.new) if n in finished else edit.end - edit.start))
    }
    blocked = tuple(document.place(line) for line in plan.blocked)
    return _Moment(document, tuple(edits[n] for n in shown), left, frozenset(touched), blocked)


def _height(rng: random.Random) -> int:
    draw = rng.random()
    _, least, most = next(row for row in _HEIGHTS if draw < row[0])
    return rng.randint(least, most)


def _spans(moment: _Moment) -> list[tuple[int, int]]:
    return [(place, edit.end - edit.start) for place, edit in moment.left]


def _around(
    moment: _Moment, place: int, edit: LineEdit, rng: random.Random
) -> tuple[int, int] | None:
    """A window of random height that holds the edit at a random height, or None."""
    old, height, size = edit.end - edit.start, _height(rng), len(moment.document.lines)
    # An insertion needs a line on either side, or the window's edge decides where it goes.
    margin = 0 if old else 1
    if old + 2 * margin > height:
        return None
    first = rng.randint(place + old + margin - height, place - margin)
    low, high = max(0, first), min(size, first + height)
    if rng.random() < ALONE_SHARE:
        above = [at + n for at, n in _spans(moment) if at + n <= place and at != place]
        below = [at for at, n in _spans(moment) if at >= place + max(old, 1)]
        alone = max([low, *(a + 1 for a in above)]), min([high, *(b - 1 for b in below)])
        if (
            alone[1] - alone[0] >= 4
            and alone[0] <= place - margin
            and alone[1] >= place + old + margin
        ):
            low, high = alone
    return low, high


def _fits(moment: _Moment, low: int, high: int) -> bool:
    """Whether a window cuts no edit in two and neither it nor its answer is too large."""
    lines = moment.document.lines[low:high]
    if not any(line.strip() for line in lines) or any(low <= at < high for at in moment.blocked):
        return False
    for at, old in _spans(moment):
        if at < low < at + old or at < high < at + old:
            return False
        if not old and at in (low, high):
            return False
    changed = [edit for _, edit in _inside(moment, low, high)]
    if sum(max(edit.end - edit.start, len(edit.new)) for edit in changed) > MOST_CHANGED:
        return False
    if any(len(edit.new) + edit.end - edit.start > MOST_EVENT_LINES for edit in moment.shown):
        return False
    texts = [*lines, *(line for edit in (*changed, *moment.shown) for line in edit.new)]
    return (
        max(map(len, texts)) <= LONGEST_LINE and sum(map(len, texts)) + len(texts) <= LONGEST_REGION
    )


def _inside(moment: _Moment, low: int, high: int) -> list[tuple[int, LineEdit]]:
    return [
        (at, edit) for at, edit in moment.left if low <= at and at + edit.end - edit.start <= high
    ]


def _task(
    source: Source, moment: _Moment, window: tuple[int, int], kind: str, rng: random.Random
) -> EditTask:
    low, high = window
    lines, inside = moment.document.lines, _inside(moment, *window)
    region = _text(lines[low:high])
    wanted = _text(applied(lines[low:high], low, inside))
    cursor = rng.randrange(high - low)
    if inside:
        cursor = max(
            0, min(inside[0][0] - low + rng.choice((0, 0, 0, -2, -1, 1, 2)), high - low - 1)
        )
    line = lines[low + cursor]
    indent = len(line) - len(line.lstrip())
    context = EditContext(
        path=source.file.path,
        language=source.language,
        prefix=_text(lines[max(0, low - PREFIX_LINES) : low]),
        region=region,
        suffix=_text(lines[high : high + SUFFIX_LINES]),
        region_first_line=source.first_line + low,
        cursor_line=cursor,
        cursor_character=rng.choice((indent, len(line), rng.randint(0, len(line)))),
        recent_edits=_events(source, moment, window, rng),
    )
    mark = "\0".join((source.file.path, region, wanted, *(e.diff for e in context.recent_edits)))
    return EditTask(
        id=hashlib.sha256(mark.encode("utf-8", "replace")).hexdigest()[:16],
        source=SYNTHETIC,
        repository=source.file.repository,
        cluster=source.file.path,
        kind=kind,
        context=context,
        wanted=wanted,
    )


def _events(
    source: Source, moment: _Moment, window: tuple[int, int], rng: random.Random
) -> tuple[RecentEdit, ...]:
    lines = moment.document.lines
    diffs: list[str] = []
    for edit in moment.shown:
        place = moment.document.place(edit.start)
        diffs.append(_diff(lines, place, source.lines[edit.start : edit.end], edit.new))
    if rng.random() < NOISE_SHARE:
        avoided = moment.touched | set(range(window[0], window[1]))
        change = unrelated(lines, avoided, source.language, rng)
        if change and not holds_held("\n".join(change[2]), "\n".join(change[1])):
            place, old, new = change
            diffs = diffs[-2:]
            diffs.insert(rng.randint(0, len(diffs)), _diff(lines, place, old, new))
    return tuple(event for diff in diffs for event in recent_edits(source.file.path, diff))


def _diff(lines: Sequence[str], place: int, old: Sequence[str], new: Sequence[str]) -> str:
    above = f" {lines[place - 1]}\n" if place else ""
    return above + "".join(f"-{line}\n" for line in old) + "".join(f"+{line}\n" for line in new)


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)

"""A task is a moment of its plan: a slice of the document after some of the plan's edits."""

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.synthetic.edits import Document, LineEdit, Plan
from trainer.synthetic.source import SourceFile, prepared
from trainer.synthetic.stream import PLANNERS
from trainer.synthetic.windows import edit_task, nothing_task
from trainer.synthetic.words import Vocabulary
from trainer.tasks import EditTask

LINES = tuple(f"line_{n} = {n}" for n in range(90))
FILE = SourceFile("r", "a.py", "python", "".join(f"{line}\n" for line in LINES))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Replacements, deletions and insertions at random lines."""
    starts = sorted(draw(st.sets(st.integers(1, 85), min_size=2, max_size=12)))
    edits = []
    for start, following in pairwise([*starts, 90]):
        old = draw(st.integers(0, min(2, following - start - 1)))
        new = draw(st.integers(0 if old else 1, 2))
        edits.append(LineEdit(start, start + old, tuple(f"new_{start}_{n}" for n in range(new))))
    lead = draw(st.one_of(st.none(), st.integers(0, len(edits) - 1)))
    return Plan(tuple(edits), lead, telling=draw(st.integers(1, min(2, len(edits) - 1))))


def moments(plan: Plan) -> list[set[int]]:
    """All sets of edits that a user may have made: down the file, or up it."""
    count = len(plan.edits)
    lead = set() if plan.lead is None else {plan.lead}
    down = [set(range(n)) | lead for n in range(count + 1)]
    up = [set(range(a, b)) for a in range(1, count) for b in {a + 1, a + 2, a + 3, count}]
    return [*down, *(done for done in up if max(done) < count)]


def explained(task: EditTask, plan: Plan) -> bool:
    """Whether a moment of the plan, and the edits left in the region, give just this task."""
    context = task.context
    first = context.region_first_line
    height = context.region.count("\n")
    for done in moments(plan):
        document = Document(LINES, [plan.edits[n] for n in sorted(done)])
        low = first - context.prefix.count("\n")
        slice_ = document.lines[low : first + height + context.suffix.count("\n")]
        if "".join(f"{line}\n" for line in slice_) != (
            context.prefix + context.region + context.suffix
        ):
            continue
        places = {n: document.place(edit.start) for n, edit in enumerate(plan.edits)}
        inside = {
            n
            for n, edit in enumerate(plan.edits)
            if n not in done and first <= places[n] <= first + height - (edit.end - edit.start)
        }
        after = Document(LINES, [plan.edits[n] for n in sorted(done | inside)]).lines
        changed = (
            document.lines[:first] + task.wanted.splitlines() + document.lines[first + height :]
        )
        if after == changed and shown_are_done(task, plan, done, document):
            return True
    return False


def shown_are_done(task: EditTask, plan: Plan, done: set[int], document: Document) -> bool:
    """Whether each event is one of the edits made, with the line above it as it is now.

    One may be unrelated: then what it leaves behind stands in the document.
    """
    diffs = set()
    for n in done:
        edit, place = plan.edits[n], document.place(plan.edits[n].start)
        body = [f"-{line}\n" for line in LINES[edit.start : edit.end]]
        body += [f"+{line}\n" for line in edit.new]
        diffs.add("".join([f" {document.lines[place - 1]}\n", *body]))
    others = [event.diff for event in task.context.recent_edits if event.diff not in diffs]
    kept = {line[1:] for diff in others for line in diff.splitlines() if line[0] in " +"}
    enough = len(task.context.recent_edits) >= plan.telling
    return enough and len(others) <= 1 and kept <= set(document.lines)


@settings(deadline=None, max_examples=200)
@given(plan=plans(), seed=st.integers(0, 2**16))
def test_a_task_is_a_moment_of_its_plan(plan: Plan, seed: int) -> None:
    rng = random.Random(seed)
    source = prepared(FILE, rng)
    assert source is not None
    made = [edit_task(source, plan, "edit", rng), nothing_task(source, plan, rng)]
    for task in made:
        assert task is None or explained(task, plan)


def test_blocked_lines_are_in_no_window() -> None:
    plan = Plan((LineEdit(10, 11, ("a",)), LineEdit(30, 31, ("b",))), blocked=frozenset({27, 33}))
    rng = random.Random(0)
    source = prepared(FILE, rng)
    assert source is not None
    made = [edit_task(source, plan, "edit", rng) for _ in range(200)]
    regions = [task.context.region for task in made if task]
    assert len(regions) > 50
    assert not any("line_27 " in region or "line_33 " in region for region in regions)


def test_an_unrelated_edit_is_true_of_the_document(modules: list[SourceFile]) -> None:
    """What every event leaves behind stands in the document, noise included."""
    words = Vocabulary.of(modules)
    checked = 0
    for seed, file in enumerate(modules[:120]):
        rng = random.Random(seed)
        source = prepared(file, rng)
        plan = source and PLANNERS["rename"](source, rng, words)
        task = source and plan and edit_task(source, plan, "rename", rng)
        if not source or not plan or not task:
            continue
        finished = set(source.lines) | {line for edit in plan.edits for line in edit.new}
        for event in task.context.recent_edits:
            kept = [line[1:] for line in event.diff.splitlines() if line[0] in " +"]
            assert set(kept) <= finished
            checked += 1
    assert checked > 50

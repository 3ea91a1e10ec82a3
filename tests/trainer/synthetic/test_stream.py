"""The laws of the stream, on real files."""

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from deploy.demo.house import TAUGHT, UNTAUGHT
from server.prompts.base import Budget
from server.prompts.region import RegionFormat
from trainer.reserved import is_reserved
from trainer.synthetic.source import SourceFile
from trainer.synthetic.stream import PLANNERS, SyntheticMix, stream
from trainer.synthetic.windows import LONGEST_LINE, LONGEST_REGION, PREFIX_LINES, SUFFIX_LINES
from trainer.synthetic.words import HELD_WORDS
from trainer.tasks import EditTask

COUNT = 2000


@pytest.fixture(scope="module")
def tasks(modules: list[SourceFile]) -> list[EditTask]:
    return list(islice(stream(modules, 7, SyntheticMix()), COUNT))


def added(task: EditTask) -> set[str]:
    """The words that the task's edits, shown and wanted, bring in."""
    diffs = [event.diff for event in task.context.recent_edits]
    new = [line[1:] for diff in diffs for line in diff.splitlines() if line[0] == "+"]
    old = [line[1:] for diff in diffs for line in diff.splitlines() if line[0] != "+"]
    wanted, region = re.findall(r"\w+", task.wanted), re.findall(r"\w+", task.context.region)
    words = set(re.findall(r"\w+", "\n".join(new))) - set(re.findall(r"\w+", "\n".join(old)))
    return words | (set(wanted) - set(region))


def test_the_same_seed_gives_the_same_tasks_and_another_gives_others(
    modules: list[SourceFile],
) -> None:
    first, again, other = (
        list(islice(stream(modules, seed, SyntheticMix()), 100)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_other_processes_make_the_same_tasks() -> None:
    """Whatever the seed of string hashes, which orders sets."""
    program = (
        "from itertools import islice\n"
        "from tests.trainer.synthetic.made import FILES\n"
        "from trainer.synthetic.stream import SyntheticMix, stream\n"
        "print([t.id for t in islice(stream(FILES, 3, SyntheticMix()), 60)])\n"
    )
    root = Path(__file__).parents[3]
    ids = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(ids) == 1
    assert len(ids.pop()) > 60


def test_the_kinds_come_in_their_mix(tasks: list[EditTask]) -> None:
    mix = SyntheticMix()
    weights = {kind: getattr(mix, kind) for kind in PLANNERS}
    counts = Counter(task.kind for task in tasks)
    assert counts["nothing"] / COUNT == pytest.approx(mix.nothing, abs=0.04)
    for kind, weight in weights.items():
        share = (1 - mix.nothing) * weight / sum(weights.values())
        assert counts[kind] / COUNT == pytest.approx(share, abs=0.04), kind


def test_nothing_is_wanted_where_the_kind_says_so_and_only_there(tasks: list[EditTask]) -> None:
    for task in tasks:
        assert task.wants_edit == (task.kind != "nothing")
        assert task.kind != "nothing" or task.wanted == task.context.region


def test_every_context_is_whole_lines_within_its_bounds(tasks: list[EditTask]) -> None:
    for task in tasks:
        context = task.context
        region = context.region.splitlines()
        assert all(not t or t.endswith("\n") for t in (context.prefix, context.region))
        assert len(context.prefix.splitlines()) <= PREFIX_LINES
        assert len(context.suffix.splitlines()) <= SUFFIX_LINES
        assert 1 <= len(region) <= 20
        assert max(len(context.region), len(task.wanted)) <= LONGEST_REGION
        assert max(map(len, (*region, *task.wanted.splitlines()))) <= LONGEST_LINE
        assert context.cursor_line < len(region)
        assert context.cursor_character <= len(region[context.cursor_line])
        assert 1 <= len(context.recent_edits) <= 3


def test_the_cursor_is_near_the_first_changed_line(tasks: list[EditTask]) -> None:
    for task in (task for task in tasks if task.wants_edit):
        before, after = task.context.region.splitlines(), task.wanted.splitlines()
        changed = next(
            (n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
            min(len(before), len(after)),
        )
        # A deleted or inserted line may equal its neighbour, which hides where the edit begins.
        slack = 2 if task.kind in {"rename", "argument"} else 4
        assert abs(task.context.cursor_line - changed) <= slack


def test_every_task_renders_within_the_embedded_models_budget(tasks: list[EditTask]) -> None:
    prompts = [RegionFormat().render(task.context, Budget()) for task in tasks]
    assert all(isinstance(prompt, str) for prompt in prompts)


def test_no_edit_writes_what_the_demos_house_writes(tasks: list[EditTask]) -> None:
    assert {*TAUGHT.values(), *UNTAUGHT.values()} == HELD_WORDS
    for task in tasks:
        assert not added(task) & HELD_WORDS


def test_reserved_modules_never_appear(tasks: list[EditTask]) -> None:
    assert not any(is_reserved(task.context.path) for task in tasks)


def test_repository_and_cluster_are_the_files(tasks: list[EditTask]) -> None:
    assert {task.source for task in tasks} == {"synthetic"}
    assert all(task.cluster == task.context.path for task in tasks)
    assert len({task.cluster for task in tasks[:50]}) > 20


@pytest.mark.parametrize("files", [[], [SourceFile("r", "a.py", "python", "x = 1\n")]])
def test_files_that_give_nothing_are_refused(files: list[SourceFile]) -> None:
    with pytest.raises(ValueError, match="source files"):
        next(stream(files, 0, SyntheticMix()))

"""The demo's two sets are what its report says they are, and measuring leaves no trace."""

from collections import Counter
from pathlib import Path

import pytest

from deploy.demo.__main__ import task_sets
from deploy.demo.habits import Noise
from deploy.demo.house import house_rules
from deploy.demo.loop import Plan
from deploy.demo.stack import run_users
from deploy.demo.taskset import TaskSets
from deploy.demo.user import Job, read_records
from tests.e2e.feedback import PROFILE
from tests.e2e.stack import Gateway, environment
from trainer.reserved import is_reserved

TASKS = 4


@pytest.fixture(scope="module")
def sets() -> TaskSets:
    return task_sets(Plan(), None)


def test_the_sets_share_no_task_file_or_target(sets: TaskSets) -> None:
    for fact in ("id", "path", "after"):
        learning = {getattr(task, fact) for task in sets.learning}
        assert learning.isdisjoint(getattr(task, fact) for task in sets.evaluation), fact
    for tasks in (sets.learning, sets.evaluation):
        assert len({task.id for task in tasks}) == len(tasks)


def test_the_sets_are_large_enough_and_quiet_enough(sets: TaskSets) -> None:
    assert len(sets.learning) >= 375
    assert len(sets.evaluation) >= 400
    for tasks in (sets.learning, sets.evaluation):
        quiet = sum(task.wanted is None for task in tasks)
        assert 0.15 <= quiet / len(tasks) <= 0.25


def test_untaught_rules_are_measured_and_never_learnt(sets: TaskSets) -> None:
    taught = {rule.name: rule.taught for rule in house_rules()}
    assert all(taught[task.rule] for task in sets.learning)
    counts = Counter(taught[task.rule] for task in sets.evaluation if task.wanted)
    assert counts[False] >= 50
    assert counts[True] >= 100


def test_tasks_come_from_reserved_modules_and_fit_a_region(sets: TaskSets) -> None:
    for task in (*sets.learning, *sets.evaluation):
        assert is_reserved(task.path)
        if task.wanted:
            assert task.wanted.end - task.wanted.start <= PROFILE.region_lines
            assert task.before != task.after
        else:
            assert task.before == task.after


@pytest.mark.engine
def test_observed_sessions_leave_no_row(real: Gateway, sets: TaskSets, tmp_path: Path) -> None:
    folder = tmp_path / "observers"
    folder.mkdir()
    env = environment(tmp_path / "home")
    settings = {"HONE_LSP_CONFIG": env["HONE_LSP_CONFIG"], "HONE_LSP_SUGGEST__DEADLINE_MS": "30000"}
    job = Job(
        name="observer",
        tasks=sets.evaluation[:TASKS],
        workspace=str(folder / "workspace"),
        output=str(folder / "observer.jsonl"),
        observe=True,
        noise=Noise(wrong=0.0, unrelated=0.0),
        seed=0,
        gateway=real.url,
        settings=settings,
    )
    run_users([job], folder, 1, lambda done: None)
    seen = read_records(Path(job.output))
    assert [record.task for record in seen] == [task.id for task in job.tasks]
    silences = {record.silence for record in seen}
    assert silences.isdisjoint({"engine_down", "gateway_down", "not_allowed", "deadline"})
    counts = real.get("/v1/status")["store"]
    tables = ("suggestions", "outcomes", "settled", "survivals", "quarantined", "batches")
    assert [counts[table] for table in tables] == [0] * len(tables)

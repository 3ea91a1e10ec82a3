"""The report's numbers and its verdict."""

from pathlib import Path
from typing import Any

from deploy.demo.report import Side, compare, table, verdict, write
from deploy.demo.tasks import Task
from trainer.metrics import Answer

KEYS = {"exact_match", "pass_at_8", "kept_rate", "accept_rate", "quiet_rate", "coverage"}


def tasks(count: int) -> list[Task]:
    return [
        Task(
            id=str(n),
            rule="r",
            taught=n % 2 == 0,
            path=f"{n // 4}.py",
            opened="x\n",
            steps=(),
            cursor_line=0,
            wanted=None,
        )
        for n in range(count)
    ]


def side(found: list[Task], right: bool) -> Side:
    answers = [
        Answer(
            task=task.id,
            cluster=task.path,
            region="x\n",
            wanted="x\n" if int(task.id) % 8 >= 6 else "y\n",
            suggestion="y\n" if right else None,
            accepted=right,
        )
        for task in found
    ]
    return Side(answers, [8 if right else 0] * len(found), lost=0)


def compared(before: bool, after: bool) -> dict[str, Any]:
    found = tasks(40)
    return compare(side(found, before), side(found, after), found, found)


def test_every_side_has_every_metric_also_by_taught_and_untaught() -> None:
    report = compared(False, True)
    for name in ("before", "after", "difference"):
        assert set(report[name]) >= KEYS
        for kind in ("taught", "untaught"):
            assert set(report[name][kind]) >= KEYS
    assert report["before"]["exact_match"] == 0
    assert report["after"]["exact_match"] == 1
    assert report["difference"]["pass_at_8"]["value"] == 1


def test_the_verdict_follows_the_interval() -> None:
    assert verdict(compared(False, True)) == "improved"
    assert verdict(compared(True, False)) == "worse"
    assert verdict(compared(True, True)) == "no change shown"


def test_report_table_and_picture_are_made(tmp_path: Path) -> None:
    report = compared(False, True)
    report["verdict"] = verdict(report)
    report["train"] = {"rewards": [0.2, 0.4], "groups": 16}
    text, picture = write(report, tmp_path)
    assert text.stat().st_size > 500
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert table(report).row_count == len(KEYS)

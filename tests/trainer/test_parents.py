"""When a run starts from the base model."""

from pathlib import Path

import pytest

from trainer.config import RestartSection
from trainer.parents import restart_reason
from trainer.records import new_run


def ran(data: Path, *results: str | None, batches: list[int] | None = None) -> None:
    for result in results:
        facts = {"batches": [1] if batches is None else batches, "restart": None}
        new_run(data).describe(**facts, **({"result": result} if result else {}))


@pytest.mark.parametrize(
    ("results", "restarts"),
    [
        ((), False),
        (("refused",), False),
        (("refused", "refused"), True),
        (("refused", "too_little", "refused"), True),
        (("refused", "refused", "promoted"), False),
        (("promoted", "refused"), False),
    ],
)
def test_after_two_refusals_in_a_row(tmp_path, results, restarts):
    ran(tmp_path, *results)
    assert (restart_reason(tmp_path, RestartSection()) is not None) is restarts
    assert restart_reason(tmp_path, RestartSection(after_refusals=0)) is None


def test_a_refused_adapter_that_was_tuned_on_tasks_is_no_refused_run(tmp_path):
    ran(tmp_path, "refused")
    ran(tmp_path, "refused", batches=[])
    assert restart_reason(tmp_path, RestartSection()) is None


def test_every_tenth_version(tmp_path):
    (tmp_path / "adapters" / "hone-000008").mkdir(parents=True)
    assert restart_reason(tmp_path, RestartSection()) is None
    (tmp_path / "adapters" / "hone-000009").mkdir()
    assert "number is 10" in (restart_reason(tmp_path, RestartSection()) or "")
    assert restart_reason(tmp_path, RestartSection(every=0)) is None
    assert restart_reason(tmp_path, RestartSection(every=4)) is None


def test_an_interrupted_run_goes_on_as_it_began(tmp_path):
    ran(tmp_path, "refused", "refused", None)
    assert restart_reason(tmp_path, RestartSection()) is None
    new_run(tmp_path).describe(batches=[1], restart="it was time")
    assert restart_reason(tmp_path, RestartSection()) == "it was time"

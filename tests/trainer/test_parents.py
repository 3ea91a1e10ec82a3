"""When a run starts from the base model."""

from pathlib import Path

import pytest

from trainer.config import RestartSection
from trainer.parents import restart_reason
from trainer.records import new_run

LIVE = "hone-000004"


def ran(data: Path, *results: str | None, **changes: object) -> None:
    asked = {"restart": RestartSection().model_dump(mode="json")}
    for result in results:
        facts = {"batches": [1], "restart": None, "live": LIVE, "settings": asked} | changes
        new_run(data).describe(**facts, **({"result": result} if result else {}))


def reason(data: Path, live: str | None = LIVE, **asked: int) -> str | None:
    return restart_reason(data, RestartSection(**asked), live)  # type: ignore[arg-type]


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
    assert (reason(tmp_path) is not None) is restarts
    assert reason(tmp_path, after_refusals=0) is None


def test_a_refused_restart_is_not_repeated_at_once(tmp_path):
    ran(tmp_path, "refused", "refused")
    ran(tmp_path, "refused", restart="the last 2 runs were refused")
    assert reason(tmp_path) is None
    ran(tmp_path, "refused", "refused")
    assert reason(tmp_path) == "the last 2 runs were refused"


def test_refusals_against_another_live_version_are_past(tmp_path):
    ran(tmp_path, "refused", "refused")
    assert reason(tmp_path, live="hone-000007") is None  # adopted, promoted or rolled back


def test_a_refused_adapter_that_was_tuned_on_tasks_is_no_refused_run(tmp_path):
    ran(tmp_path, "refused")
    ran(tmp_path, "refused", batches=[])
    assert reason(tmp_path) is None


def test_every_tenth_version(tmp_path):
    (tmp_path / "adapters" / "hone-000008").mkdir(parents=True)
    assert reason(tmp_path) is None
    (tmp_path / "adapters" / "hone-000009").mkdir()
    assert "number is 10" in (reason(tmp_path) or "")
    assert reason(tmp_path, every=0) is None
    assert reason(tmp_path, every=4) is None


def test_an_interrupted_run_goes_on_as_it_began(tmp_path):
    ran(tmp_path, "refused", "refused", None)
    assert reason(tmp_path) is None
    ran(tmp_path, None, restart="it was time")
    assert reason(tmp_path) == "it was time"
    assert reason(tmp_path, every=0, after_refusals=0) is None  # told otherwise meanwhile
    assert reason(tmp_path, live="hone-000007") is None  # it was promoted, and then killed

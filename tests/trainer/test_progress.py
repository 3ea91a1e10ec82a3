"""What a run says of itself where there is no terminal."""

import io

import pytest
from rich.console import Console

from trainer import progress
from trainer.progress import Display


def test_what_an_interrupted_run_did_shortens_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 120.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    said = io.StringIO()
    with Display(Console(file=said)).phase("train", 1000, before=900) as advance:
        advance(10, "loss 2")
    assert said.getvalue() == "train: 910/1000, 180 s left  loss 2\n"

"""The regression behind the evidence: it finds known weights, and its command writes a module."""

import gzip
import json
import runpy
from collections import Counter
from pathlib import Path

import pytest
import torch

from server.prompts import evidence
from server.prompts.guesses import guesses
from trainer.evaluation.sources import read_source
from trainer.recipe.evidence import fit, main, module
from trainer.tasks import EditTask


def test_known_weights_are_found() -> None:
    draw = torch.Generator().manual_seed(0)
    values = torch.randn(20_000, 3, generator=draw, dtype=torch.float64) * torch.tensor([1, 5, 0])
    true = torch.tensor([1.5, -0.2, 0.0], dtype=torch.float64)
    chances = torch.sigmoid(values @ true + 0.5)
    wanted = torch.bernoulli(chances, generator=draw)
    weights, bias = fit(values, wanted)
    assert weights.tolist() == pytest.approx(true.tolist(), abs=0.08)
    assert bias == pytest.approx(0.5, abs=0.08)


def test_a_written_module_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "weights.py"
    path.write_text(module(torch.arange(25) / 8, -1.5, 7, 9), encoding="utf-8")
    held = runpy.run_path(str(path))
    assert held["WEIGHTS"] == tuple(n / 8 for n in range(25))
    assert held["BIAS"] == -1.5
    assert "9 guesses at 7 tasks" in held["__doc__"]


def record(number: int, wanted: bool) -> dict[str, object]:
    """Return a task in which the newest replacement is wanted, or something else is."""
    names = "new_name" if wanted else "new_name()"
    return {
        "id": f"{number:04d}",
        "repo": "a/b",
        "commit": f"c{number}",
        "date": "2024-01-01",
        "path": "pkg/m.py",
        "language": "Python",
        "history": [{"path": "pkg/m.py", "diff": f"@@ -1 +1 @@\n-old_name\n+{names}\n"}],
        "before": "first\nold_name\n" + "pass\n" * 30,
        "before_first_line": 1,
        "region_start_line": 2,
        "region_end_line": 2,
        "region_before": "old_name",
        "region_after": "new_name" if wanted else "other",
        "cursor_line": 2,
    }


def test_without_guesses_there_is_nothing_to_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks, written = tmp_path / "train.jsonl", tmp_path / "weights.py"
    tasks.write_text(json.dumps(record(0, wanted=True) | {"history": []}) + "\n")
    assert main(["--tasks", str(tasks), "--output", str(written)]) == 2
    assert "1 had none" in capsys.readouterr().out
    assert not written.exists()


def chances(task: EditTask) -> list[float]:
    here = task.context
    return evidence.evidence(here, guesses(here.region, here.recent_edits))


def test_the_command_writes_what_it_learnt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks, written = tmp_path / "train.jsonl.gz", tmp_path / "weights.py"
    with gzip.open(tasks, "wt") as file:
        file.writelines(json.dumps(record(n, n % 2 > 0)) + "\n" for n in range(400))
    assert main(["--tasks", str(tasks), "--output", str(written)]) == 0
    learnt = runpy.run_path(str(written))
    monkeypatch.setattr(evidence, "WEIGHTS", learnt["WEIGHTS"])
    monkeypatch.setattr(evidence, "BIAS", learnt["BIAS"])
    (right,), (wrong,) = (chances(task) for task in list(read_source(tasks, Counter()))[1::-1])
    assert right > 0.7
    assert wrong < 0.3
    assert "100.0% of them are wanted, 0.0% of the others" in capsys.readouterr().err

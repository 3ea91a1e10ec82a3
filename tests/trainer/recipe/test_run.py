"""The commands, as a user types them: a small model from scratch, tuned, adapted, measured."""

import gzip
import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from trainer.cli import main
from trainer.recipe.config import SftSection
from trainer.recipe.sources import Reading, answers_of, read_tasks
from trainer.synthetic.source import SourceFile

SMALL = [
    "--model.profile=hone-tiny-span",
    "--model.device=cpu",
    "--model.threads=1",
]
BUDGET = {"tokens": 30_000, "batch_tokens": 4096, "micro_tokens": 2048, "library": "false"}


def flags(section: str, **values: object) -> list[str]:
    return [f"--{section}.{name}={value}" for name, value in values.items()]


@pytest.fixture(scope="module")
def corpus(files: list[SourceFile], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as out:
        for file in files:
            row = {"repo": "a/b", "language": "Python", "path": file.path, "text": file.text}
            out.write(json.dumps(row) + "\n")
    return path


def record(number: int, repo: str = "some/repo") -> dict[str, object]:
    lines = [f"value_{n} = old_name({n})" for n in range(40)]
    start, end = 10, 22
    after = [line.replace("old_name", "new_name") for line in lines[start:end]]
    return {
        "id": f"{number:04d}",
        "repo": repo,
        "commit": f"c{number}",
        "date": "2024-01-01",
        "path": f"pkg/m{number}.py",
        "language": "Python",
        "history": [
            {"path": f"pkg/m{number}.py", "diff": "@@ -1,1 +1,1 @@\n-old_name\n+new_name\n"}
        ],
        "before": "\n".join(lines),
        "before_first_line": 1,
        "region_start_line": start + 1,
        "region_end_line": end,
        "region_before": "\n".join(lines[start:end]),
        "region_after": "\n".join(after),
        "cursor_line": start + 1,
    }


@pytest.fixture(scope="module")
def tasks_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tasks") / "tasks.jsonl"
    path.write_text("".join(json.dumps(record(n)) + "\n" for n in range(60)))
    return path


@pytest.mark.long
def test_from_scratch_to_an_adapter_that_is_measured(
    corpus: Path, tasks_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, tuned, adapter = tmp_path / "base", tmp_path / "tuned", tmp_path / "adapter"
    shape = {"vocabulary": 512, "layers": 2, "width": 64, "mlp": 96}
    asked = flags("pretrain", output=base, corpus=json.dumps([str(corpus)]), **shape, **BUDGET)
    assert main(["pretrain", *SMALL, *asked]) == 0
    assert {"model.safetensors", "tokenizer.json", "run.json", "loss.png"} <= {
        path.name for path in base.iterdir()
    }
    assert json.loads((base / "run.json").read_text())["files"] > 10

    data = flags("sft", tasks=json.dumps([str(tasks_file)]), **BUDGET)
    assert main(["sft", *SMALL, "--base", str(base), *flags("sft", output=tuned), *data]) == 0
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tuned))
    assert any(not before[name].equal(after[name]) for name in before)

    lora = ["--lora", "--base", str(tuned), *flags("sft", output=adapter), *data]
    assert main(["sft", *SMALL, *lora]) == 0
    weights = load_file(adapter / "adapter_model.safetensors")
    assert any(bool(tensor.any()) for name, tensor in weights.items() if "lora_B" in name)

    asked = flags("evaluate", output=tmp_path / "out", label="tuned", limit=12)
    model = [*SMALL, f"--model.path={tuned}", "--sampler=torch"]
    assert main(["evaluate", str(tasks_file), *model, *asked]) == 0
    report = json.loads((tmp_path / "out" / "tuned" / "report.json").read_text())
    assert report["sampler"] == "torch"
    assert report["tasks"] == 12
    assert report["baselines"]["one_guess"]["exact_match"]["value"] is not None
    assert "exact_match" in capsys.readouterr().out


def test_a_finished_run_is_not_overwritten(
    tasks_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text("{}")
    given = flags("sft", output=tmp_path, tasks=json.dumps([str(tasks_file)]))
    assert main(["sft", *SMALL, *given]) == 1
    assert "holds a finished run" in capsys.readouterr().err


def test_an_unfinished_run_is_not_overwritten(
    tasks_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    given = flags("sft", output=tmp_path, tasks=json.dumps([str(tasks_file)]))
    assert main(["sft", *SMALL, *given]) == 1
    assert "unfinished run; go on with it" in " ".join(capsys.readouterr().err.split())


def test_tasks_that_cannot_be_said_end_the_run(
    tasks_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = flags("sft", output=tmp_path, tasks=json.dumps([str(tasks_file)]), longest=32)
    assert main(["sft", *SMALL, "--lora", "--model.profile=hone-tiny", *given]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "none of the tasks can be said to hone-tiny (" in said
    assert "prompt_too_long" in said


def test_a_base_that_is_not_here_is_not_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--base=some-org/some-model", *flags("sft", output=tmp_path)]
    assert main(["sft", *SMALL, *given]) == 1
    assert "fetch it first" in " ".join(capsys.readouterr().err.split())


def test_without_tasks_there_is_nothing_to_tune_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sft", *SMALL, *flags("sft", output=tmp_path / "new")]) == 1
    assert "no tasks to tune on" in capsys.readouterr().err


def test_what_is_like_validation_is_left_out_and_counted(tmp_path: Path) -> None:
    path, valid = tmp_path / "train.jsonl", tmp_path / "valid.jsonl"
    path.write_text("".join(json.dumps(record(n, f"r/{n % 2}")) + "\n" for n in range(8)))
    other = record(99) | {"region_after": "nothing\nalike\n"}
    valid.write_text(json.dumps(other) + "\n")
    reading = Reading()
    asked = SftSection(tasks=(path,), leave_out=("r/1",), nothing_share=0.0, held_share=0.0)
    read_tasks(asked, answers_of(valid), reading)
    assert len(reading.tasks) == 4
    assert reading.left_out == {"tasks_of_repositories_left_out": 4}
    valid.write_text(json.dumps(record(99)) + "\n")
    reading = Reading()
    read_tasks(asked, answers_of(valid), reading)
    assert not reading.tasks
    assert reading.left_out["tasks_like_validation"] == 4


def test_of_tasks_at_which_nothing_is_guessed_a_share_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    idle = [record(n) | {"history": [{"path": "a.py", "diff": "@@ -1 +1 @@\n-q\n+w\n"}]}
            for n in range(100, 300)]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in [*map(record, range(20)), *idle]))
    asked = SftSection(tasks=(path,), nothing_share=0.0, held_share=0.0)
    reading = Reading()
    read_tasks(asked, answers_of(None), reading, idle_share=0.25)
    kept = {int(task.id.split("/")[-1]) for task in reading.tasks}
    assert set(range(20)) <= kept
    assert 30 <= len(kept) - 20 <= 70
    assert reading.left_out == {"tasks_without_a_guess": 220 - len(kept)}

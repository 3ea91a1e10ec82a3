"""The whole command, with the embedded model: in this process, and through a gateway."""

import json

import pytest
import torch
from rich.console import Console

from trainer.adapters import Origin, shelf
from trainer.config import TrainerSettings
from trainer.edit_records import BadSource
from trainer.evaluation import report as reports
from trainer.evaluation.config import EvaluateSection
from trainer.evaluation.run import command_line, run
from trainer.evaluation.scores import METRICS
from trainer.gateway import GatewayError
from trainer.model import BadAdapter
from trainer.progress import Display
from trainer.torch_sampler import TorchSampler

from ..conftest import MODEL
from ..made import batch, row
from ..standin import StandIn, served

QUIET = Display(Console(quiet=True))


@pytest.fixture
def source(tmp_path, tokenizer):
    rows = [row(tokenizer, number, language="python") for number in range(6)]
    still = rows[5].context.region
    rows[5] = row(tokenizer, 5, settled_text=still, region_changed=False)
    return batch(tmp_path / "batches", 1, rows)


@pytest.fixture
def adapter(trained, tmp_path):
    """So strong that it changes short answers too."""
    with torch.no_grad():
        for name, parameter in trained.trainable():
            if ".lora_B." in name:
                parameter.mul_(8)
    place = shelf(tmp_path / "data", trained.profile, MODEL)
    return place.publish_snapshot(trained.state(), Origin(run="000001", step=1, method="gapo"))


def evaluated(tmp_path, source, settings=None, **asked):
    output = tmp_path / "out"
    section = EvaluateSection(output=output, **asked)
    settings = settings or TrainerSettings()
    assert run(settings.model_copy(update={"evaluate": section}), [source], QUIET) == 0
    (folder,) = output.iterdir()
    report = json.loads((folder / reports.REPORT).read_text())
    lines = (folder / reports.ATTEMPTS).read_text().splitlines()
    return folder, report, [json.loads(line) for line in lines]


def test_in_this_process(tmp_path, source, capsys):
    folder, report, attempts = evaluated(tmp_path, source, sampler="torch", seed=3)
    assert folder.name == "hone-tiny"
    assert (report["sampler"], report["model"], report["adapter"]) == ("torch", "hone-tiny", None)
    assert (report["tasks"], report["skipped"]) == (6, {})
    assert set(report["metrics"]) == set(METRICS)
    assert report["baselines"]["one_guess"]["exact_match"]["value"] == 1.0
    assert report["baselines"]["nothing"]["quiet_rate"]["value"] == 1.0
    exact = report["metrics"]["exact_match"]["value"]
    right = [one["exact"] for one in attempts if one["exact"] is not None]
    assert exact == pytest.approx(sum(right) / 5)
    gap = report["differences"]["one_guess"]["exact_match"]["value"]
    assert gap == pytest.approx(exact - 1)
    assert report["by_kind"]["edit"]["tasks"] == 5
    assert report["by_kind"]["nothing"]["too_few"]
    assert report["by_language"]["python"]["metrics"]["exact_match"]["value"] == exact
    silent = sum(one["reason"] is not None for one in attempts)
    assert sum(report["silent_reasons"].values()) == silent
    assert report["median_answer_tokens"] > 0
    assert "torch" in report["versions"]
    assert (folder / reports.PLOT).read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "answers by torch" in printed
    assert all(metric in printed for metric in METRICS)


def test_an_adapter_answers_instead_of_the_base(tmp_path, source, adapter):
    _, base, plain = evaluated(tmp_path / "a", source, sampler="torch")
    folder, report, adapted = evaluated(tmp_path / "b", source, sampler="torch", adapter=adapter)
    assert (folder.name, report["adapter"]) == (adapter.name, adapter.name)
    assert [one["id"] for one in plain] == [one["id"] for one in adapted]
    assert [one["proposed"] for one in plain] != [one["proposed"] for one in adapted]
    assert base["baselines"] == report["baselines"]


def test_through_the_gateway_as_in_this_process(tmp_path, source, adapter, trained):
    stand_in = StandIn(tmp_path / "data", TorchSampler(trained))
    with served(stand_in) as url:
        settings = TrainerSettings(gateway={"url": url})  # type: ignore[arg-type]
        _, _, here = evaluated(tmp_path / "a", source, sampler="torch", adapter=adapter)
        _, _, there = evaluated(tmp_path / "b", source, settings, adapter=adapter)
    assert there == here
    assert stand_in.policies == {adapter.name: "retired"}


def test_a_version_that_the_gateway_has_is_left_loaded(tmp_path, source, trained):
    place = shelf(tmp_path / "data", trained.profile, MODEL)
    folder = place.publish_policy(trained.state(), Origin("000001", 1, "gapo"))
    stand_in = StandIn(tmp_path / "data", TorchSampler(trained), policies={folder.name: "live"})
    assert stand_in.sampler is not None
    stand_in.sampler.offer(folder)
    with served(stand_in) as url:
        settings = TrainerSettings(gateway={"url": url})  # type: ignore[arg-type]
        _, report, _ = evaluated(tmp_path, source, settings, adapter=folder, label="as-served")
    assert report["adapter"] == "hone-000001"
    assert stand_in.policies == {folder.name: "live"}
    assert not [call for call in stand_in.calls if "snapshots" in call]


def test_another_base_is_refused(tmp_path, source, adapter, trained):
    stand_in = StandIn(tmp_path, base_model="other")
    asked = EvaluateSection(output=tmp_path / "out")
    with served(stand_in) as url, pytest.raises(GatewayError, match="serves other"):
        run(TrainerSettings(gateway={"url": url}, evaluate=asked), [source], QUIET)  # type: ignore[arg-type]
    manifest = adapter / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"hone-tiny"', '"other"'))
    asked = EvaluateSection(sampler="torch", adapter=adapter)
    with pytest.raises(BadAdapter, match="adapter of other"):
        run(TrainerSettings(evaluate=asked), [source], QUIET)
    assert not (tmp_path / "out").exists()


def test_no_tasks_is_an_error_before_a_model_is_loaded(tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(BadSource, match="what can be read is"):
        run(TrainerSettings(evaluate=EvaluateSection(sampler="torch")), [empty], QUIET)


def test_the_command_can_be_repeated_and_holds_no_key():
    given = ["/somewhere/bin/hone-trainer", "evaluate", "a b", "--gateway.key", "s3cret"]
    assert command_line(given) == "hone-trainer evaluate 'a b' --gateway.key ..."
    given = ["hone-trainer", "evaluate", "--gateway.key=s3cret", "--evaluate.seed", "1"]
    assert command_line(given) == "hone-trainer evaluate --gateway.key=... --evaluate.seed 1"

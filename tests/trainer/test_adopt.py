"""A tuned adapter on its way into service, judged by tasks that it was not tuned on."""

import json

import pytest
import torch
from rich.console import Console

from server.prompts.profiles import profile_for
from trainer.adapters import base_sha256
from trainer.adopt import adopt
from trainer.config import TrainerSettings
from trainer.edit_records import BadSource
from trainer.evaluation.run import run as evaluate
from trainer.model import BadAdapter, load_policy, write_adapter, zero_state
from trainer.progress import Display
from trainer.torch_sampler import TorchSampler
from trainer.verdict import Result

from .conftest import MODEL
from .made import batch, row
from .standin import StandIn, served

QUIET = Display(Console(quiet=True))


@pytest.fixture
def world(tmp_path, tokenizer):
    """A gateway, tasks to be judged by, and the folder of an adapter that changes answers."""
    source = batch(tmp_path / "batches", 1, [row(tokenizer, number) for number in range(12)])
    policy = load_policy(MODEL, profile_for("hone-tiny"), "cpu")
    with torch.no_grad():
        for name, parameter in policy.trainable():
            if ".lora_B." in name:
                parameter.normal_(0, 1e-3)
    (tmp_path / "sft").mkdir()
    write_adapter(policy.state(), policy.profile, tmp_path / "sft")
    facts = {"base_sha256": base_sha256(MODEL), "settings": {"tasks": ["elsewhere"]}}
    (tmp_path / "sft" / "run.json").write_text(json.dumps(facts))
    (tmp_path / "data").mkdir()
    stand_in = StandIn(tmp_path / "data", TorchSampler(policy))
    with served(stand_in) as url:
        yield stand_in, url, source


def settings(world, **sections):
    stand_in, url, _ = world
    asked = TrainerSettings().model_dump()
    asked["gateway"]["url"] = url
    asked["data"]["folder"] = stand_in.data
    asked["model"]["device"] = "cpu"
    asked["gate"]["min_items"] = 10
    asked["adopt"]["adapter"] = stand_in.data.parent / "sft"
    for name, values in sections.items():
        asked[name] |= values
    return TrainerSettings.model_validate(asked)


def test_what_passes_the_gate_is_live(world):
    stand_in, _, source = world
    assert adopt(settings(world), [source], QUIET) is Result.PROMOTED
    assert stand_in.policies == {"hone-000001": "live"}
    manifest = json.loads((stand_in.data / "adapters/hone-000001/manifest.json").read_text())
    assert (manifest["method"], manifest["parent"], manifest["batches"]) == ("sft", None, [])
    (decision,) = stand_in.decisions
    assert decision["passed"]
    assert decision["inputs"]["items"] == 12
    assert decision["inputs"]["probe_parent_difference"] > 0


def test_what_changes_nothing_is_refused(world):
    stand_in, _, source = world
    policy = load_policy(MODEL, profile_for("hone-tiny"), "cpu")
    write_adapter(zero_state(policy), policy.profile, stand_in.data.parent / "sft")
    assert adopt(settings(world), [source], QUIET) is Result.REFUSED
    assert stand_in.policies == {"hone-000001": "refused"}


def test_too_few_tasks_publish_nothing(world):
    stand_in, _, source = world
    few = settings(world, gate={"min_items": 13})
    assert adopt(few, [source], QUIET) is Result.TOO_LITTLE
    assert not stand_in.policies
    assert not (stand_in.data / "adapters").exists()


def test_what_is_no_adapter_of_this_base_is_refused(world):
    stand_in, _, source = world
    folder = stand_in.data.parent / "sft"
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "another"
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(BadAdapter, match="adapter of another"):
        adopt(settings(world), [source], QUIET)
    config["base_model_name_or_path"] = "hone-tiny"
    (folder / "adapter_config.json").write_text(json.dumps(config))
    facts = (folder / "run.json").read_text()
    (folder / "run.json").write_text(facts.replace(base_sha256(MODEL), "0" * 64))
    with pytest.raises(BadAdapter, match="other weights"):
        adopt(settings(world), [source], QUIET)
    (folder / "adapter_model.safetensors").write_bytes(b"cut off")
    with pytest.raises(BadAdapter, match="sft --lora"):
        adopt(settings(world), [source], QUIET)
    assert not stand_in.policies


def test_it_is_not_judged_by_what_it_was_tuned_on(world):
    stand_in, _, source = world
    facts: dict[str, object]
    facts = {"base_sha256": base_sha256(MODEL), "settings": {"tasks": [str(source)]}}
    (stand_in.data.parent / "sft" / "run.json").write_text(json.dumps(facts))
    with pytest.raises(BadSource, match="tuned on"):
        adopt(settings(world), [source], QUIET)
    facts["settings"] = {"tasks": [str(source.parent)]}
    (stand_in.data.parent / "sft" / "run.json").write_text(json.dumps(facts))
    with pytest.raises(BadSource, match="tuned on"):
        adopt(settings(world), [source], QUIET)
    assert not stand_in.policies


def test_it_is_measured_before_it_is_published(world):
    stand_in, _, source = world
    folder, reports = stand_in.data.parent / "sft", {}
    for sampler in ("torch", "gateway"):
        asked = {"adapter": folder, "sampler": sampler, "output": stand_in.data / sampler}
        assert evaluate(settings(world, evaluate=asked), [source], QUIET) == 0
        reports[sampler] = json.loads((stand_in.data / sampler / "sft/report.json").read_text())
    assert reports["torch"]["metrics"] == reports["gateway"]["metrics"]
    assert reports["gateway"]["adapter"] == "sft"
    assert set(stand_in.policies.values()) == {"retired"}
    assert not list((stand_in.data / "snapshots").iterdir())

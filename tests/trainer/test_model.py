"""Adapters on disk: the form PEFT and vLLM read, refusals, and swapping weights in and out."""

import json

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from feedback_store.publish import read_manifest
from trainer.adapters import Origin, shelf
from trainer.fused_lora import unfused
from trainer.logprobs import Group, answer_logprobs
from trainer.model import BadAdapter, equal, largest_norm, load_policy, read_adapter, zero_state
from trainer.self_check import sharing_agrees

from .conftest import MODEL
from .made import PROFILE

ORIGIN = Origin(run="000001", step=3, method="gapo", parent="hone-000001", batches=(1, 2))


@pytest.fixture
def place(policy, tmp_path):
    return shelf(tmp_path, policy.profile, MODEL)


def logits(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits


def test_peft_reads_what_is_written(trained, place):
    folder = place.publish_policy(trained.state(), ORIGIN)
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", "manifest.json",
    ]  # fmt: skip
    base = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    other = PeftModel.from_pretrained(base, str(folder))
    ids = list(range(20, 60))
    torch.testing.assert_close(logits(other, ids), logits(trained.model, ids), rtol=1e-5, atol=1e-4)
    assert all(
        tensor.dtype == torch.float32
        for tensor in load_file(folder / "adapter_model.safetensors").values()
    )


def test_manifest_and_config_say_what_it_is(policy, place):
    folder = place.publish_policy(zero_state(policy), ORIGIN, untrained=True)
    manifest = read_manifest(folder)
    assert folder.name == manifest["name"] == "hone-000001"
    assert (manifest["kind"], manifest["rank"], manifest["alpha"]) == ("policy", 8, 16)
    assert (manifest["parent"], manifest["batches"]) == ("hone-000001", [1, 2])
    assert manifest["untrained"] is True
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "hone-tiny"
    assert config["modules_to_save"] is None
    assert place.publish_policy(zero_state(policy), ORIGIN).name == "hone-000002"


def test_snapshots_have_their_own_names_and_go(policy, place):
    folder = place.publish_snapshot(policy.state(), ORIGIN)
    assert folder.name == "rollout-000001-000003"
    assert read_manifest(folder)["kind"] == "snapshot"
    place.remove_snapshot(folder.name)
    assert not folder.exists()


def test_the_zero_adapter_changes_nothing(policy):
    base = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    ids = list(range(20, 60))
    assert torch.equal(logits(policy.model, ids), logits(base, ids))


def test_fused_layers_compute_what_pefts_do(trained):
    ids = list(range(20, 60))
    with unfused(trained.model):
        wanted = logits(trained.model, ids)
    got = logits(trained.model, ids)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-4)
    assert (
        sum("forward" in vars(layer) for layer in trained.model.modules())
        == 7 * trained.model.config.num_hidden_layers
    )


def test_holding_swaps_and_restores(trained):
    own, zero = trained.state(), zero_state(trained)
    with trained.holding(zero):
        assert equal(trained.state(), zero)
        assert not torch.is_grad_enabled()
    assert equal(trained.state(), own)
    with pytest.raises(RuntimeError, match="inside"), trained.holding(zero):
        raise RuntimeError("inside")
    assert equal(trained.state(), own)


def test_foreign_adapters_are_refused(trained, place):
    state = read_adapter(place.publish_policy(trained.state(), ORIGIN))
    assert equal(state, trained.state())
    name = next(iter(state))
    with pytest.raises(BadAdapter, match="not this base's"):
        trained.load_state({key: value for key, value in state.items() if key != name})
    with pytest.raises(BadAdapter, match="wanted"):
        trained.load_state({**state, name: torch.zeros(4, 256)})


def test_norms(policy):
    state = zero_state(policy)
    assert 0 < largest_norm(state) < 100
    name = next(iter(state))
    state[name] = torch.full_like(state[name], float("nan"))
    assert largest_norm(state) != largest_norm(state)


def test_a_missing_model_says_what_to_do(policy, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\[model\] path"):
        load_policy(tmp_path, policy.profile)


def test_fused_layers_compute_under_autocast_as_peft_does(trained):
    ids = torch.arange(20, 60)[None]
    with torch.autocast("cpu", torch.bfloat16):
        fused = trained.backbone(input_ids=ids).last_hidden_state
        with unfused(trained.model):
            plain = trained.backbone(input_ids=ids).last_hidden_state
    assert torch.equal(fused, plain)


def test_a_bfloat16_base_learns_a_float32_adapter():
    policy = load_policy(MODEL, PROFILE, "cpu", dtype="bfloat16")
    assert {parameter.dtype for _, parameter in policy.trainable()} == {torch.float32}
    assert policy.dtype == torch.bfloat16
    group = Group(list(range(20, 60)), [[5, 6, 8], [7, 8]])
    logp = answer_logprobs(policy, [group])
    gradients = torch.autograd.grad(logp.sum(), [p for _, p in policy.trainable()])
    assert {gradient.dtype for gradient in gradients} == {torch.float32}
    exact = load_policy(MODEL, PROFILE, "cpu")
    torch.testing.assert_close(logp, answer_logprobs(exact, [group]), atol=0.15, rtol=0.02)
    # What the self-check compares in bfloat16 differs by rounding, and by no more.
    assert sharing_agrees(policy, [group])

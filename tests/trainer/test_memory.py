"""Estimates of memory: against what is known exactly, and in an order that makes sense."""

import pytest

from server.prompts.base import Budget
from server.prompts.families import families
from server.prompts.profile import Size
from server.prompts.profiles import profile_for
from trainer.logprobs import Group, answer_logprobs
from trainer.memory import adapter_parameters, kept_per_layer, needs
from trainer.model import load_policy
from trainer.models_table import models_table

from .test_checkpointing import saved_bytes
from .toys import FAMILIES, HEAD, HEADS, HIDDEN, LAYERS, make_toy


@pytest.mark.parametrize("name", ["mistral-7b", "qwen2.5-3b"])
def test_the_adapter_s_size_is_exact(name, tmp_path):
    size = profile_for(name).size
    assert size is not None
    policy = load_policy(tmp_path, make_toy(name, tmp_path), "cpu")
    toy = type(size)(
        size.architecture, 0.0, LAYERS, HIDDEN, 2 * HIDDEN, HEADS,
        max(1, HEADS * size.kv_heads // size.heads), HEAD, 0,
    )  # fmt: skip
    counted = sum(parameter.numel() for _, parameter in policy.trainable())
    assert adapter_parameters(toy, policy.profile.lora.rank) == counted


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_sizes_add_up_to_the_published_parameters(family):
    size = family.size
    queries = size.heads * size.head
    layer = size.hidden * (2 * queries + 2 * size.kv_width + 3 * size.intermediate)
    embeddings = size.vocabulary * size.hidden * (1 if size.tied else 2)
    assert (size.layers * layer + embeddings) / 1e9 == pytest.approx(size.billions, rel=0.02)


def test_what_a_card_can_do():
    small, large = needs(profile_for("qwen2.5-coder-3b")), needs(profile_for("qwen2.5-coder-14b"))
    assert small.serve > 2 * 3.09 * 0.93
    assert (small.on(24), small.on(48)) == ("in turns", "both")
    assert (large.on(24), large.on(48), large.on(141)) == ("no", "serve", "both")
    with pytest.raises(ValueError, match="hone-tiny"):
        needs(profile_for("hone-tiny"))


def test_the_table_names_every_model():
    names = list(models_table().columns[0].cells)
    assert {"hone-tiny", *FAMILIES} <= set(names)


def test_what_is_kept_is_what_autograd_keeps(tmp_path):
    policy = load_policy(tmp_path, make_toy("qwen3-4b", tmp_path), "cpu")
    policy.checkpointing = True
    size = Size("qwen3", 0.0, LAYERS, HIDDEN, 2 * HIDDEN, HEADS, 1, 2 * HEAD, 0)
    budget = Budget(prompt_tokens=600, answer_tokens=40)
    prompt = [20 + n % 200 for n in range(budget.prompt_tokens)]
    answers = [[30 + (n + k) % 200 for n in range(budget.answer_tokens)] for k in range(4)]
    kept = saved_bytes(lambda: answer_logprobs(policy, [Group(prompt, answers)]))
    expected = LAYERS * kept_per_layer(size, budget, samples=4) * 4
    assert kept == pytest.approx(expected, rel=0.1)

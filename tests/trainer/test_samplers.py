"""The in-process sampler: the model's own log-probs, seeded draws, exact ends."""

import pytest
import torch

from trainer.adapters import Origin, shelf
from trainer.logprobs import Group, naive_logprobs
from trainer.sampler import SamplerError, Sampling
from trainer.torch_sampler import TorchSampler

from .conftest import MODEL
from .made import row


@pytest.fixture
def prompts(tokenizer):
    return [row(tokenizer, number).prompt_token_ids for number in range(5)]


@pytest.fixture
def adapter(trained, tmp_path):
    place = shelf(tmp_path, trained.profile, MODEL)
    return place.publish_snapshot(trained.state(), Origin(run="000001", step=1, method="gapo"))


def test_logprobs_are_the_models_own(trained, adapter, prompts):
    sampler = TorchSampler(trained)
    name = sampler.offer(adapter)
    sampling = Sampling(samples=3, max_tokens=40, seed=1, stop_token_ids=trained.stop_ids)
    groups = sampler.sample(name, prompts, sampling)
    plain = [Group(p, [r.token_ids for r in g]) for p, g in zip(prompts, groups, strict=True)]
    with torch.no_grad():
        wanted = naive_logprobs(trained, plain)
    got = torch.tensor([v for group in groups for r in group for v in r.logprobs])
    assert (got - wanted).abs().max() < 1e-3
    assert (got - wanted).abs().mean() < 1e-5


def test_a_seed_gives_the_same_answers_whatever_else_is_asked(policy, prompts):
    sampler = TorchSampler(policy)
    sampling = Sampling(samples=16, max_tokens=24, seed=5, stop_token_ids=policy.stop_ids)
    all_at_once = sampler.sample(None, prompts, sampling)
    assert [r.token_ids for r in sampler.sample(None, prompts[:1], sampling)[0]] == [
        r.token_ids for r in all_at_once[0]
    ]
    other = sampler.sample(None, prompts, Sampling(16, 24, seed=6, stop_token_ids=policy.stop_ids))
    assert other != all_at_once


def test_greedy_agrees_with_transformers(policy, prompts):
    sampling = Sampling(1, 32, temperature=0.0, stop_token_ids=policy.stop_ids)
    got = TorchSampler(policy).sample(None, prompts, sampling)
    for prompt, group in zip(prompts, got, strict=True):
        wanted = policy.model.generate(
            input_ids=torch.tensor([prompt]), do_sample=False, max_new_tokens=32,
            eos_token_id=list(policy.stop_ids), pad_token_id=1,
            attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
        )  # fmt: skip
        assert list(group[0].token_ids) == wanted[0, len(prompt) :].tolist()


def test_ends(policy, prompts):
    sampler = TorchSampler(policy)
    long = sampler.sample(None, prompts, Sampling(2, 200, seed=0, stop_token_ids=policy.stop_ids))
    for rollout in (rollout for group in long for rollout in group):
        stopped = rollout.token_ids[-1] in policy.stop_ids
        assert rollout.finish_reason == ("stop" if stopped else "length")
        assert not set(rollout.token_ids[:-1]) & set(policy.stop_ids)
        assert "<|end|>" not in rollout.text
    assert any(r.finish_reason == "stop" for group in long for r in group)
    # With no token to stop at, an answer of any model runs on to its limit.
    short = sampler.sample(None, prompts, Sampling(1, 3, seed=0, stop_token_ids=(0,)))
    assert {(len(g[0].token_ids), g[0].finish_reason) for g in short} == {(3, "length")}


def test_the_adapter_counts_and_is_forgotten(trained, adapter, prompts):
    sampler = TorchSampler(trained)
    name = sampler.offer(adapter)
    sampling = Sampling(1, 24, temperature=0.0, stop_token_ids=trained.stop_ids)
    assert sampler.sample(name, prompts, sampling) != sampler.sample(None, prompts, sampling)
    sampler.withdraw(name)
    with pytest.raises(SamplerError, match="no adapter"):
        sampler.sample(name, prompts, sampling)

"""The shared prefix against the naive way: values and gradients, ragged shapes, masks, chunks."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer import logprobs
from trainer.logprobs import Group, answer_logprobs, head_logprobs, micro_batches, naive_logprobs
from trainer.self_check import disagreement

RAGGED = [
    Group([11, 12, 13, 14, 15, 16, 17], [[21, 22, 23], [21], [24, 25, 26, 27, 8]]),
    Group([31, 32], [[41, 42], [43, 44, 8]]),
    Group(list(range(50, 90)), [[8]]),
    # One answer runs on: it is computed apart, so that it does not pad the others.
    Group([33, 34, 35], [[45, 8], list(range(60, 100)), [46, 47, 8]]),
]


def test_values_equal_the_naive_ones(trained):
    with torch.no_grad():
        torch.testing.assert_close(
            answer_logprobs(trained, RAGGED), naive_logprobs(trained, RAGGED), rtol=1e-5, atol=1e-5
        )


def test_loss_and_gradients_equal_the_naive_ones(trained):
    # Of float32, with hidden states that are not small: a wrong position gives 1e-3 and more.
    assert disagreement(trained, RAGGED) < 1e-4


def test_a_wrong_position_would_be_noticed(trained, monkeypatch):
    right = logprobs._Prefix._continued

    def shifted(self, ids, owner):
        return right(replace(self, length=self.length + 1), ids, owner)

    monkeypatch.setattr(logprobs._Prefix, "_continued", shifted)
    assert disagreement(trained, RAGGED) > 1e-3


def test_a_batch_does_not_change_a_group(trained):
    with torch.no_grad():
        alone = torch.cat([answer_logprobs(trained, [group]) for group in RAGGED])
        torch.testing.assert_close(answer_logprobs(trained, RAGGED), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_head_in_chunks(temperature, monkeypatch):
    monkeypatch.setattr(logprobs, "HEAD_CHUNK", 3)
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(8, 5, generator=generator, dtype=torch.float64).float().requires_grad_()
    weight, targets = torch.randn(11, 5, generator=generator), torch.arange(8)
    got = head_logprobs(hidden, weight, targets, temperature)
    plain = (hidden @ weight.T / temperature).log_softmax(-1).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(got, plain)
    upstream = torch.linspace(-1, 1, 8)
    torch.testing.assert_close(
        torch.autograd.grad(got, hidden, upstream), torch.autograd.grad(plain, hidden, upstream)
    )


def test_a_head_that_learns_is_refused():
    weight = torch.zeros(4, 3, requires_grad=True)
    with pytest.raises(ValueError, match="frozen"):
        head_logprobs(torch.zeros(1, 3), weight, torch.zeros(1, dtype=torch.int64), 1.0)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 40)), min_size=1, max_size=12))
def test_micro_batches_hold_every_group_once_within_the_budget(shapes):
    groups = [Group([1] * prompt, [[2] * answer] * 2) for prompt, answer in shapes]
    parts = micro_batches(groups, budget=200)
    assert sorted(i for part in parts for i in part) == list(range(len(groups)))
    for part in parts:
        widest = max(len(groups[i].prompt) for i in part)
        longest = max(len(groups[i].answers[0]) for i in part)
        assert len(part) == 1 or len(part) * (widest + 2 * longest) <= 200

"""Layers computed twice: the same gradients, and a fraction of what is kept."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from trainer.logprobs import Group, answer_logprobs, naive_logprobs
from trainer.model import Policy

GROUPS = [
    Group(list(range(20, 320)), [[5, 6, 7], [8, 9, 10, 11, 12, 8]]),
    Group(list(range(40, 200)), [[50, 60, 7, 8], [8, 9], [13]]),
]


def saved_bytes(compute: Callable[[], Tensor]) -> int:
    """Return how much autograd holds after `compute`, each storage counted once."""
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        compute()
    return sum(held.values())


def gradients(policy: Policy, compute: Callable[..., Tensor]) -> Tensor:
    found = compute(policy, GROUPS)
    loss = (found * torch.linspace(0.5, 1.5, len(found))).mean()
    return torch.cat(
        [g.flatten() for g in torch.autograd.grad(loss, [p for _, p in policy.trainable()])]
    )


@pytest.mark.parametrize("compute", [answer_logprobs, naive_logprobs])
def test_gradients_are_the_same_and_little_is_kept(trained, monkeypatch, compute):
    plain, kept = gradients(trained, compute), saved_bytes(lambda: compute(trained, GROUPS))
    forwards = [vars(layer).get("forward") for layer in trained.backbone.layers]
    monkeypatch.setattr(trained, "checkpointing", True)
    torch.testing.assert_close(gradients(trained, compute), plain, rtol=1e-4, atol=1e-5)
    assert saved_bytes(lambda: compute(trained, GROUPS)) < kept / 4
    assert [vars(layer).get("forward") for layer in trained.backbone.layers] == forwards


def test_without_gradients_nothing_changes(trained, monkeypatch):
    with torch.no_grad():
        plain = answer_logprobs(trained, GROUPS)
        monkeypatch.setattr(trained, "checkpointing", True)
        assert torch.equal(answer_logprobs(trained, GROUPS), plain)

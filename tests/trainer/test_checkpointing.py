"""Layers computed twice: the same gradients, and a fraction of what is kept."""

import torch

from trainer.checkpointing import saved_bytes
from trainer.logprobs import Group, answer_logprobs
from trainer.model import Policy

GROUPS = [
    Group(list(range(20, 320)), [[5, 6, 7], [8, 9, 10, 11, 12, 8]]),
    Group(list(range(40, 200)), [[50, 60, 7, 8], [8, 9], [13]]),
]


def gradients(policy: Policy) -> torch.Tensor:
    found = answer_logprobs(policy, GROUPS)
    loss = (found * torch.linspace(0.5, 1.5, len(found))).mean()
    return torch.cat(
        [g.flatten() for g in torch.autograd.grad(loss, [p for _, p in policy.trainable()])]
    )


def test_gradients_are_the_same_and_little_is_kept(trained, monkeypatch):
    plain, kept = gradients(trained), saved_bytes(lambda: answer_logprobs(trained, GROUPS))
    forwards = [vars(layer).get("forward") for layer in trained.backbone.layers]
    monkeypatch.setattr(trained, "checkpointing", True)
    assert torch.equal(gradients(trained), plain)
    assert saved_bytes(lambda: answer_logprobs(trained, GROUPS)) < kept / 4
    assert [vars(layer).get("forward") for layer in trained.backbone.layers] == forwards


def test_without_gradients_nothing_changes(trained, monkeypatch):
    with torch.no_grad():
        plain = answer_logprobs(trained, GROUPS)
        monkeypatch.setattr(trained, "checkpointing", True)
        assert torch.equal(answer_logprobs(trained, GROUPS), plain)

"""Does sharing a prompt among its answers give the same loss and gradients as the plain way?

Knows both ways to log-probs. Does not know rewards or optimisers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.logprobs import Group, answer_logprobs, naive_logprobs
from trainer.model import Policy

TOLERANCE = 2e-3
"""Of the first groups' loss and gradients, relative. The test on random models asks for 1e-5. On a
trained one the gradients of single groups nearly cancel: of 40 groups of hone-tiny three were
beyond 1e-4 with nothing wrong, while positions that are off by one give 0.03 and more."""
ROUGH_TOLERANCE = 0.1
"""In bfloat16, where rounding alone gives up to 0.04 (hone-tiny, 36 groups): a wrong mask shows, a
position off by one does not. Those are tested in float32, for every architecture."""
GROUPS = 3
ANSWERS = 2


def sharing_agrees(policy: Policy, groups: Sequence[Group]) -> bool:
    """Whether the first of these groups come out alike, to the tolerance."""
    few = [Group(group.prompt, group.answers[:ANSWERS]) for group in groups[:GROUPS]]
    tolerance = TOLERANCE if policy.dtype == torch.float32 else ROUGH_TOLERANCE
    return disagreement(policy, few) <= tolerance


def disagreement(policy: Policy, groups: Sequence[Group]) -> float:
    """Return the largest relative difference of loss and gradients, shared prefix against plain.

    The loss is a fixed, uneven weighting of the log-probs, so that no error can cancel out.
    """
    tokens = sum(len(answer) for group in groups for answer in group.answers)
    uneven = torch.linspace(0.5, 1.5, tokens, device=policy.device) / tokens
    shared = _slope(policy, answer_logprobs(policy, groups), uneven)
    plain, first = torch.zeros_like(shared), 0
    for group in groups:
        for answer in group.answers:  # one at a time: together they would not fit where it is tight
            part = uneven[first : first + len(answer)]
            plain += _slope(policy, naive_logprobs(policy, [Group(group.prompt, [answer])]), part)
            first += len(answer)
    loss_gap = float((shared[0] - plain[0]).abs() / plain[0].abs().clamp(min=1e-12))
    return max(loss_gap, float((shared - plain)[1:].norm() / plain[1:].norm().clamp(min=1e-12)))


def _slope(policy: Policy, logp: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted sum and its gradient, flat."""
    loss = (logp * weight).sum()
    found = torch.autograd.grad(loss, [parameter for _, parameter in policy.trainable()])
    return torch.cat([loss.detach()[None], *(gradient.flatten() for gradient in found)])

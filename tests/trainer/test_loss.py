"""The policy loss against numbers computed by hand, its signs and its masks."""

import math
from dataclasses import replace

import pytest
import torch

from trainer.loss import Inputs, LossSettings, likelihood_loss, policy_loss


def inputs(  # type: ignore[no-untyped-def]
    logp,
    *,
    old=None,
    mu=None,
    reference=None,
    advantage: float | list[float] = 1.0,
    weight: float | list[float] = 1.0,
    mask=None,
    **s,
):
    logp = torch.tensor(logp, dtype=torch.float64, requires_grad=True)
    like = logp.detach()

    def given(value, fallback):
        return fallback.clone() if value is None else torch.as_tensor(value, dtype=like.dtype)

    old_tensor = given(old, like)
    full = torch.ones_like(like)
    return Inputs(
        logp=logp,
        old=old_tensor,
        mu=given(mu, old_tensor),
        reference=given(reference, like),
        advantage=full * torch.as_tensor(advantage),
        weight=full * torch.as_tensor(weight),
        mask=torch.ones_like(like, dtype=torch.bool) if mask is None else torch.tensor(mask),
        tokens=len(like) if mask is None else sum(mask),
        settings=LossSettings(**s),
    )


def gradient(given):
    assert given.logp.grad is not None
    return given.logp.grad


def test_on_policy_loss_is_minus_the_weighted_mean_advantage():
    given = inputs([-1.0, -2.0, -0.5], advantage=[1.0, -1.0, 2.0], weight=[1.0, 0.5, 0.25])
    out = policy_loss(given)
    assert out.loss.item() == pytest.approx(-(1.0 - 0.5 + 0.5) / 3)
    out.loss.backward()
    assert gradient(given).tolist() == pytest.approx([-1 / 3, 0.5 / 3, -0.5 / 3])


@pytest.mark.parametrize(("advantage", "sign"), [(1.5, -1), (-1.5, 1)])
def test_good_answers_become_more_probable_and_bad_ones_less(advantage, sign):
    given = inputs([-1.0, -1.0], advantage=advantage)
    policy_loss(given).loss.backward()
    assert (gradient(given).sign() == sign).all()


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss"),
    [
        (1.1, 1.0, -1.1),
        (1.5, 1.0, -1.28),
        (0.5, 1.0, -0.5),
        (0.5, -1.0, 0.8),
        (1.5, -1.0, 1.5),
        (50.0, -1.0, 10.0),
    ],
)
def test_clipping(ratio, advantage, loss):
    given = inputs([math.log(ratio)], old=[0.0], advantage=advantage, kl_weight=0.0)
    assert policy_loss(given).loss.item() == pytest.approx(loss)


def test_a_clipped_token_has_no_gradient():
    given = inputs([math.log(1.5)], old=[0.0], advantage=1.0, kl_weight=0.0)
    out = policy_loss(given)
    out.loss.backward()
    assert gradient(given).tolist() == [0.0]
    assert out.metrics["clip_fraction"] == 1


@pytest.mark.parametrize(
    ("gap", "factor"), [(0.0, 1.0), (math.log(1.5), 1.5), (3.0, 2.0), (-1.0, math.exp(-1))]
)
def test_the_gap_between_the_engines_is_corrected_up_to_two(gap, factor):
    given = inputs([-1.0], mu=[-1.0 - gap], kl_weight=0.0)
    assert policy_loss(given).loss.item() == pytest.approx(-factor)


def test_kl_is_k3_and_clamped():
    given = inputs([-1.0, -30.0], reference=[-1.5, -1.0], advantage=0.0)
    expected = 0.01 * ((math.exp(-0.5) + 0.5 - 1) + (math.exp(20) - 21)) / 2
    assert policy_loss(given).loss.item() == pytest.approx(expected)
    assert policy_loss(inputs([-1.0], advantage=0.0, weight=0.0)).loss.item() == 0.0


def test_masked_tokens_have_no_say_whatever_they_hold():
    given = inputs([-1.0, -2.0], old=[-1.0, -9.0], advantage=1.0, mask=[True, False])
    out = policy_loss(given)
    out.loss.backward()
    assert out.loss.item() == pytest.approx(-1.0)
    assert gradient(given).tolist() == [-1.0, 0.0]
    assert out.metrics["tokens"] == 1


def test_micro_batches_add_up():
    whole = inputs([-1.0, -2.0, -3.0], advantage=[1.0, -2.0, 0.5], reference=[-1.1, -2.2, -2.5])
    parts = [
        Inputs(
            *(
                getattr(whole, name)[cut]
                for name in ("logp", "old", "mu", "reference", "advantage", "weight", "mask")
            ),
            tokens=3,
        )
        for cut in (slice(0, 2), slice(2, 3))
    ]
    total = sum(policy_loss(part).loss.item() for part in parts)
    assert total == pytest.approx(policy_loss(whole).loss.item())


def test_likelihood():
    logp = torch.tensor([-1.0, -2.0], requires_grad=True)
    out = likelihood_loss(logp, torch.tensor([1.0, 0.5]), tokens=4)
    assert out.loss.item() == pytest.approx((1.0 + 1.0) / 4)
    out.loss.backward()
    assert logp.grad is not None
    assert logp.grad.tolist() == pytest.approx([-0.25, -0.125])
    assert out.metrics == {"imitated_tokens": 2.0, "nll": 3.0}


def test_shares_make_every_answer_count_alike():
    advantage = [1.0, 2.0, 2.0, 2.0]
    given = inputs([-1.0, -1.0, -2.0, -3.0], advantage=advantage)
    share = torch.tensor([4 / 2, *[4 / (2 * 3)] * 3])  # answers of one and three tokens
    out = policy_loss(replace(given, share=share))
    assert out.loss.item() == pytest.approx(-(1.0 + 2.0) / 2)
    assert policy_loss(given).loss.item() == pytest.approx(-(1.0 + 3 * 2.0) / 4)

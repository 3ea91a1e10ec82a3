"""GAPO's parity with the official code, and its identities as laws."""

import json
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.advantage import estimate
from trainer.estimators import ESTIMATORS

VECTORS = json.loads((Path(__file__).parent / "gapo_vectors.json").read_text())
COMPARABLE = [v for v in VECTORS["vectors"] if not v["raises"]]

dyadic = st.integers(-64, 64).map(lambda number: number / 64)
"""Rewards whose sums and differences are exact, so that no law fails by a rounding tie."""
group = st.lists(dyadic, min_size=2, max_size=16)


def one_group(rewards, **options):
    return estimate(np.array(rewards), np.zeros(len(rewards), dtype=int), **options)


@pytest.mark.parametrize("vector", COMPARABLE, ids=lambda v: v["name"])
def test_parity_with_the_official_function(vector):
    got = one_group(vector["rewards"], tau=vector["tau"], parity=True)
    np.testing.assert_allclose(got, vector["advantages"], atol=VECTORS["tolerance"], rtol=2e-6)


@pytest.mark.parametrize(
    "vector", [v for v in COMPARABLE if len(v["rewards"]) > 1], ids=lambda v: v["name"]
)
def test_parity_of_grpo(vector):
    got = one_group(vector["rewards"], method="grpo", parity=True)
    np.testing.assert_allclose(got, vector["grpo_advantages"], atol=2e-6, rtol=2e-6)


def test_all_vectors_in_one_ragged_call():
    same_tau = [v for v in COMPARABLE if v["tau"] == 0.5]
    assert len(same_tau) > 5
    rewards = np.concatenate([v["rewards"] for v in same_tau])
    groups = np.repeat(np.arange(len(same_tau)), [len(v["rewards"]) for v in same_tau])
    shuffle = np.random.default_rng(0).permutation(len(rewards))
    got = np.empty(len(rewards))
    got[shuffle] = estimate(rewards[shuffle], groups[shuffle], parity=True)
    wanted = np.concatenate([v["advantages"] for v in same_tau])
    np.testing.assert_allclose(got, wanted, atol=2e-6, rtol=2e-6)


@given(group, st.sampled_from(["gapo", "median", "grpo"]), st.floats(0.05, 1.0))
def test_squares_sum_to_n_minus_one(rewards, method, tau):
    got = one_group(rewards, method=method, tau=tau, epsilon=0.0)
    if max(rewards) == min(rewards):
        assert not np.nan_to_num(got).any()
    else:
        assert (got**2).sum() == pytest.approx(len(rewards) - 1)


@given(group, st.permutations(range(16)), st.sampled_from(sorted(ESTIMATORS)))
def test_permuting_answers_permutes_advantages(rewards, permutation, method):
    order = [index for index in permutation if index < len(rewards)]
    got = one_group(rewards, method=method)
    np.testing.assert_array_equal(one_group(np.array(rewards)[order], method=method), got[order])


@given(group, st.sampled_from([0.25, 0.5, 2.0, 8.0]), dyadic)
def test_positive_affine_maps_change_nothing(rewards, factor, shift):
    moved = np.array(rewards) * factor + shift
    np.testing.assert_allclose(
        one_group(moved, epsilon=1e-300), one_group(rewards, epsilon=1e-300), atol=1e-9
    )


@given(group)
def test_a_window_of_everything_is_the_median(rewards):
    deviation = np.array(rewards) - np.median(rewards)
    scale = math.sqrt((deviation**2).sum() / (len(rewards) - 1)) + 1e-6
    np.testing.assert_allclose(one_group(rewards, tau=1.0), deviation / scale, atol=1e-12)


def test_ties_in_decimals_are_ties_unless_parity_is_wanted():
    rewards = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    tolerant, official = one_group(rewards), one_group(rewards, parity=True)
    assert tolerant[1] < 0 < tolerant[2]  # Q = 0.25, the lowest of five equal windows
    assert official[4] < 0 < official[5]  # Q = 0.55, by the rounding of float32


def test_groups_without_signal_are_not_kept():
    rewards = [0.5, 0.9, 0.9, 0.9, 0.2, 0.21, 0.2, 0.22]
    groups = [7, 3, 3, 3, 5, 5, 9, 9]
    advantages, keep = estimate(rewards, groups, return_keep=True)
    assert keep.tolist() == [False] * 6 + [True] * 2
    assert advantages[:4].tolist() == [0.0] * 4
    parity, kept = estimate(rewards, groups, parity=True, return_keep=True)
    assert parity[0] == pytest.approx(0.5, abs=1e-6)
    assert kept.tolist() == [False] * 4 + [True] * 4


def test_torch_in_torch_out_and_scale_free_methods():
    rewards = torch.tensor([0.0, 1.0, 0.5, 0.5], dtype=torch.float32)
    groups = torch.tensor([0, 0, 0, 0])
    got = estimate(rewards, groups, method="dr_grpo")
    assert isinstance(got, torch.Tensor)
    assert got.dtype == torch.float64
    assert got.tolist() == [-0.5, 0.5, 0.0, 0.0]
    rloo = estimate(rewards, groups, method="rloo")
    assert rloo.tolist() == pytest.approx([-2 / 3, 2 / 3, 0, 0])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"reward 1 \(group 4\) is nan"):
        estimate([0.1, math.nan], [4, 4])
    with pytest.raises(ValueError, match="one reward and one group"):
        estimate([0.1, 0.2], [1])
    with pytest.raises(ValueError, match=r"known: .*gapo"):
        estimate([0.1], [1], method="ppo")
    with pytest.raises(ValueError, match="tau"):
        estimate([0.1], [1], tau=0.0)
    assert len(estimate([], [])) == 0


def plain(method: str, r: list[float], batch: list[float]) -> list[float]:
    """Return a group's advantages as the papers write them, one reward after the other."""
    n, mean, median = len(r), statistics.fmean(r), statistics.median(r)
    half = sorted(r)
    start = min(range(n // 2 + 1), key=lambda i: (half[i + (n + 1) // 2 - 1] - half[i], i))
    dense = half[start : start + (n + 1) // 2]
    dense_median = statistics.median(dense)

    def about(b: float) -> float:
        return math.sqrt(sum((x - b) ** 2 for x in r) / (n - 1)) + 1e-6

    apart = [abs(x - median) for x in r]
    mad = statistics.median(apart)
    by_others = [x - statistics.fmean(r[:i] + r[i + 1 :]) for i, x in enumerate(r)]
    gapo = [(x - dense_median) / about(dense_median) for x in r]
    kth = half[math.ceil(0.5 * n) - 1]
    return {
        "gapo": gapo,
        "gapo_mean": [(x - statistics.fmean(dense)) / about(statistics.fmean(dense)) for x in r],
        "gapo_std": [(x - dense_median) / about(mean) for x in r],
        "gapo_centred": [a - statistics.fmean(gapo) for a in gapo],
        "median": [(x - median) / about(median) for x in r],
        "grpo": [(x - mean) / about(mean) for x in r],
        "dr_grpo": [x - mean for x in r],
        "rloo": by_others,
        "qae": [(x - kth) / about(mean) for x in r],
        "mc_grpo": [(x - median) / (mad + 1e-3) * n / sum(map(bool, apart)) for x in r],
        "reinforce++": [
            (x - statistics.fmean(batch)) / (statistics.stdev(batch) + 1e-6) for x in r
        ],
    }[method]


@pytest.mark.parametrize("method", sorted(ESTIMATORS))
def test_every_estimator_is_its_paper_s_on_ragged_groups(method):
    draw = np.random.default_rng(3)
    sizes = draw.integers(3, 12, 40)
    groups = np.repeat(np.arange(40), sizes)
    shuffle = draw.permutation(len(groups))
    rewards = draw.random(len(groups))
    got = np.empty(len(groups))
    got[shuffle] = estimate(rewards[shuffle], groups[shuffle], method=method)
    wanted = [plain(method, rewards[groups == g].tolist(), rewards.tolist()) for g in range(40)]
    np.testing.assert_allclose(got, np.concatenate(wanted), atol=1e-9)


def test_reinforce_keeps_groups_that_are_alike_and_answers_that_are_alone():
    advantages, keep = estimate(
        [0.5, 0.5, 1.0, 0.0], [0, 0, 1, 2], method="reinforce++", return_keep=True
    )
    assert keep.all()
    assert advantages[2] > 0 > advantages[3]
    assert advantages[0] == advantages[1] == 0.0
    assert estimate([0.7], [0], method="reinforce++").tolist() == [0.0]


def test_the_quantile_gates_zeros_and_ones():
    hard, easy = [0.0] * 6 + [1.0] * 2, [0.0] * 2 + [1.0] * 6
    assert (one_group(hard, method="qae")[:6] == 0).all()
    assert (one_group(easy, method="qae")[2:] == 0).all()
    assert (one_group(easy, method="qae", tau=0.1)[2:] > 0).all()


def test_the_median_s_own_answer_takes_no_part_in_mc_grpo():
    rewards = [0.9, 0.1, 0.5, 0.2, 0.8]
    advantages, keep = one_group(rewards, method="mc_grpo", return_keep=True)
    assert keep.tolist() == [True, True, False, True, True]
    assert advantages[2] == 0
    _, even = one_group(rewards[:4], method="mc_grpo", return_keep=True)
    assert even.all()


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=9))
def test_zeros_and_ones_never_blow_up(rewards):
    for method in ESTIMATORS:
        assert np.abs(one_group(rewards, method=method)).max() <= len(rewards) ** 1.5

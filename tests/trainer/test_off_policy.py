"""Off-policy estimates against hand-computed weights and a policy whose worth is known."""

import numpy as np
import pytest

from trainer.off_policy import LARGEST_WEIGHT, Logged, effective, estimate, weights


def test_weights_are_ratios_and_clipped():
    assert weights([0.0, np.log(2), 900.0], [0.0, 0.0, 0.0]) == pytest.approx(
        [1.0, 2.0, LARGEST_WEIGHT]
    )
    assert weights([-900.0], [0.0]) == pytest.approx([0.0])


def test_the_effective_number_is_all_of_equals_and_one_of_one():
    assert effective(np.array([3.0, 3.0, 3.0])) == pytest.approx(3.0)
    assert effective(np.array([1.0, 1e-9, 1e-9])) == pytest.approx(1.0)
    assert effective(np.array([1.0, 3.0])) == pytest.approx(16 / 10)
    assert effective(np.array([0.0, 0.0])) == 0.0


def test_it_finds_what_another_policy_earns_on_this_ones_answers():
    generator = np.random.default_rng(0)
    live, new = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    worth = np.array([0.0, 0.5, 1.0])
    answers = generator.choice(3, size=4000, p=live)
    logged = Logged(
        new=list(np.log(new[answers])),
        live=list(np.log(live[answers])),
        reward=list(worth[answers]),
        reliability=[1.0] * 4000,
        session=[str(n) for n in range(4000)],
    )
    found = estimate(logged, 0.9)
    assert found.new == pytest.approx(float(new @ worth), abs=0.03)
    assert found.live == pytest.approx(float(live @ worth), abs=0.03)
    low, high = found.difference.low, found.difference.high
    assert low is not None
    assert high is not None
    assert low < float((new - live) @ worth) < high
    assert found.decides
    assert not found.fallen(0.0)


def test_reliability_decides_whose_reward_counts():
    logged = Logged([0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0], ["a", "b"])
    assert estimate(logged, 0.9).live == 1.0


def test_without_answers_there_is_no_estimate():
    found = estimate(Logged(), 0.9)
    assert (found.items, found.new, found.decides, found.fallen(0.0)) == (0, None, False, False)

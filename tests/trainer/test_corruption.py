"""Noise for experiments: of the kind and rate that was asked for, and the same for everybody."""

import numpy as np
import pytest

from trainer.adapters import Origin
from trainer.corruption import NOISES, Rewards, corrupted
from trainer.rollouts import rollout_batch
from trainer.run_state import Place

from .conftest import bench_with
from .made import row

MANY = 4000


def rewards(clean, answer=None):
    clean = np.array(clean, dtype=float)
    answer = np.arange(len(clean)) if answer is None else np.array(answer)
    worth = np.eye(answer.max() + 1) * 0.75 + 0.25
    return Rewards(clean, answer, worth.__getitem__)


def told(kind, of, share, seed=0):
    return corrupted(kind, of, share, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", NOISES)
def test_without_a_share_nothing_changes(kind):
    of = rewards([1, 0.2, 0.2, 0.5], [0, 1, 1, 2])
    assert told(kind, of, 0.0).tolist() == of.clean.tolist()


@pytest.mark.parametrize(("kind", "instead"), [("raised", 1), ("lowered", 0)])
def test_single_rewards_are_raised_or_lowered(kind, instead):
    got = told(kind, rewards([0.5] * MANY), 0.2)
    assert set(got) == {0.5, instead}
    assert np.mean(got == instead) == pytest.approx(0.2, abs=0.03)


def test_single_rewards_become_uniform():
    got = told("uniform", rewards([0.5] * MANY), 0.2)
    changed = got[got != 0.5]
    assert len(changed) / MANY == pytest.approx(0.2, abs=0.03)
    assert (changed.mean(), changed.std()) == pytest.approx((0.5, 12**-0.5), abs=0.03)


def test_a_wrong_reference_is_one_of_the_group_s_own_wrong_answers():
    of = rewards([1, 0.2, 0.2, 0.5], [0, 1, 1, 2])
    seen = {tuple(told("reference", of, 1.0, seed)) for seed in range(20)}
    assert seen == {(0.25, 1, 1, 0.25), (0.25, 0.25, 0.25, 1)}
    right = rewards([1, 1], [0, 0])
    assert told("reference", right, 1.0).tolist() == [1, 1]  # there is no wrong answer


def test_a_flipped_refusal_turns_the_commonest_answer():
    assert told("refused", rewards([1, 1, 0.2], [0, 0, 1]), 1.0).tolist() == [0, 0, 0.2]
    assert told("refused", rewards([1, 0.2, 0.2], [0, 1, 1]), 1.0).tolist() == [1, 1, 1]


def test_a_run_learns_from_noisy_rewards_and_reports_clean_ones(policy, tokenizer, tmp_path):
    rows = [row(tokenizer, number) for number in range(4)]
    origin = Origin(run="000001", step=0, method="gapo")

    def compared(place, **experiment):
        train = {"groups": 4, "samples": 6, "min_spread": 0.0, "farthest_share": 0}
        bench = bench_with(policy, tmp_path / place, train=train, experiment=experiment)
        return rollout_batch(bench, rows, Place(), origin).compared

    clean = compared("clean")
    noisy, again = (compared(place, noise="uniform", noise_share=0.5) for place in ("one", "two"))
    assert noisy.metrics["reward"] == clean.metrics["reward"]
    assert noisy.groups == again.groups
    assert [group.advantages for group in noisy.groups] != [g.advantages for g in clean.groups]

"""Does it learn? A few updates with a reward for silence must raise it; reversed, lower it."""

import pytest
import torch

from trainer.adapters import Origin
from trainer.examples import Examples, TrainGroup
from trainer.model import equal
from trainer.training import learner, train

from .conftest import bench_with
from .made import row

ORIGIN = Origin(run="000001", step=0, method="gapo")


def rewards_of(policy, data, steps, rate=4e-3, **experiment):
    bench = bench_with(
        policy,
        data,
        train={
            "groups": 4, "samples": 8, "max_steps": steps, "passes": 10,
            "learning_rate": rate, "warmup_steps": 0,
        },
        experiment={"reward": "silence", **experiment},
    )  # fmt: skip
    rows = [row(policy.tokenizer, number) for number in range(4)]
    start = learner(bench, policy.state())
    history = train(bench, start, rows, ORIGIN)
    assert len(history) == steps
    assert start.shares_prefix
    assert start.skipped == 0
    return [metrics["reward"] for metrics in history]


def test_updates_raise_the_reward(policy, tmp_path):
    rewards = rewards_of(policy, tmp_path, steps=4)
    assert rewards[-1] > rewards[0] + 0.15


def test_reversed_advantages_lower_it(policy, tmp_path):
    rewards = rewards_of(policy, tmp_path, steps=3, rate=3e-3, reverse_advantages=True)
    assert rewards[-1] < rewards[0] - 0.15


@pytest.fixture
def group(tokenizer):
    ids = row(tokenizer, 1).prompt_token_ids
    return TrainGroup(
        ids, [[21, 22, 8], [23, 8]], [[-1.0, -1.0, -1.0], [-1.0, -1.0]], [1.0, -1.0], 1.0
    )


def test_without_signal_nothing_moves(bench):
    before = bench.policy.state()
    start = learner(bench, before)
    assert start.step(Examples())["skipped"] == 1.0
    assert equal(bench.policy.state(), before)


def test_a_step_that_is_not_finite_is_skipped_and_counted(bench, group):
    before = bench.policy.state()
    start = learner(bench, before)
    bad = TrainGroup(group.prompt, group.answers, group.engine_logprobs, [float("nan")] * 2, 1.0)
    assert start.step(Examples([bad]))["skipped"] == 1.0
    assert (start.skipped, start.steps) == (1, 0)
    assert equal(bench.policy.state(), before)
    assert start.step(Examples([group]))["skipped"] == 0.0
    assert not equal(bench.policy.state(), before)


def test_micro_batches_change_no_result(policy, tmp_path, group):
    other = TrainGroup(group.prompt[:40], [[31, 32, 33, 8]] * 2, [[-1.0] * 4] * 2, [0.5, 0.1], 0.5)
    start = policy.state()
    states = []
    for tokens in (256, 100_000):
        small = {"micro_batch_tokens": tokens, "warmup_steps": 0}
        taught = learner(bench_with(policy, tmp_path, train=small), start)
        metrics = taught.step(Examples([group, other]))
        states.append((policy.state(), metrics))
    (small, seen), (large, wanted) = states
    assert seen["loss"] == pytest.approx(wanted["loss"], abs=1e-6)
    assert seen["grad_norm"] == pytest.approx(wanted["grad_norm"], rel=1e-4)
    for name, tensor in small.items():
        torch.testing.assert_close(tensor, large[name], rtol=1e-3, atol=1e-5)


def test_the_first_rates_are_small(bench, group):
    start = learner(bench, bench.policy.state())
    rates = [start.step(Examples([group]))["learning_rate"] for _ in range(4)]
    full = bench.policy.profile.lora.learning_rate
    assert rates == pytest.approx([full / 3, 2 * full / 3, full, full])

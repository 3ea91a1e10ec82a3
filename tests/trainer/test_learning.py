"""Does it learn? A few updates with a reward for silence must raise it; reversed, lower it."""

from trainer.adapters import Origin
from trainer.training import learner, train

from .conftest import bench_with
from .made import row

ORIGIN = Origin(run="000001", step=0, method="gapo")


def reward_before_and_after(policy, data, method="gapo", steps=4, **experiment):
    bench = bench_with(
        policy,
        data,
        train={"groups": 6, "samples": 8, "max_steps": steps, "passes": 10, "method": method,
               "learning_rate": 4e-3, "warmup_steps": 0},
        experiment={"reward": "silence", **experiment},
    )  # fmt: skip
    rows = [row(policy.tokenizer, number) for number in range(12)]
    start = learner(bench, policy.state())
    history = train(bench, start, rows, ORIGIN)
    assert len(history) == steps
    assert start.shares_prefix
    assert start.skipped == 0
    return history


def test_updates_raise_the_reward(policy, tmp_path):
    history = reward_before_and_after(policy, tmp_path, steps=6)
    rewards = [metrics["reward"] for metrics in history]
    print(
        rewards,
        [m["silence"] for m in history],
        [m["total_s"] for m in history],
        [m["update_s"] for m in history],
        [m["distinct"] for m in history],
    )
    assert rewards[-1] > rewards[0] + 0.1


def test_reversed_advantages_lower_it(policy, tmp_path):
    history = reward_before_and_after(policy, tmp_path, reverse_advantages=True)
    print([m["reward"] for m in history])
    assert history[-1]["reward"] < history[0]["reward"] - 0.1

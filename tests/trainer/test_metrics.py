"""The definitions on small cases counted by hand, and the bootstrap's behaviour."""

import numpy as np
import pytest

from trainer.metrics import Answer, Ratio, differences, paired_difference, pass_at_k, summary

OLD, NEW = "log.warn(x)\n", "log.warning(x)\n"


def answer(suggestion, *, task="t", wanted=NEW, accepted=False, cluster="f"):
    return Answer(task, cluster, OLD, wanted, suggestion, accepted)


def ends(interval):
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def test_the_definitions():
    answers = [
        answer(NEW, accepted=True),
        answer(NEW.replace("\n", " \r\n")),  # equal but for blanks and line ends
        answer("log.error(x)\n"),
        answer(None),
        answer(None, wanted=OLD),
        answer(NEW, wanted=OLD),
    ]
    assert summary(answers) == {
        "tasks": 6,
        "exact_match": 2 / 4,
        # Right: 2 of 2 tokens twice; log.error: the deletion of `warn`, 1 of 2; unwanted: 0 of 2.
        "kept_rate": 5 / 8,
        "accept_rate": 1 / 4,
        "quiet_rate": 1 / 2,
        "coverage": 3 / 4,
    }


def test_nothing_to_divide_by_is_none_not_zero():
    assert summary([answer(None)])["accept_rate"] is None
    assert summary([answer(None)])["quiet_rate"] is None


def test_a_clear_gain_has_its_interval_above_zero():
    before = [answer(None, task=str(n), cluster=str(n % 20)) for n in range(100)]
    after = [answer(NEW if n % 2 else None, task=str(n), cluster=str(n % 20)) for n in range(100)]
    got = differences(before, after)["exact_match"]
    low, high = ends(got)
    assert got.value == 0.5
    assert 0 < low < 0.5 < high
    assert differences(before, before)["exact_match"].high == 0.0


def test_clusters_widen_the_interval():
    flips = np.repeat(np.arange(20) % 2, 10).astype(float)
    ones = np.ones(200)
    nothing, some = Ratio(ones * 0, ones), Ratio(flips, ones)
    alone = paired_difference(nothing, some, [str(n) for n in range(200)])
    by_file = paired_difference(nothing, some, [str(n // 10) for n in range(200)])
    (low, high), (alone_low, alone_high) = ends(by_file), ends(alone)
    assert high - low > 2 * (alone_high - alone_low)


def test_the_same_seed_gives_the_same_interval():
    ratio = Ratio(np.arange(10, dtype=np.float64), np.ones(10))
    zero, names = Ratio(np.zeros(10), np.ones(10)), [str(n) for n in range(10)]
    assert paired_difference(zero, ratio, names, seed=3) == paired_difference(
        zero, ratio, names, seed=3
    )


def test_different_tasks_are_refused():
    with pytest.raises(ValueError, match="same tasks"):
        differences([answer(None, task="a")], [answer(None, task="b")])


def test_pass_at_k():
    assert pass_at_k([0, 8, 1], samples=8, k=8).value == pytest.approx(2 / 3)
    assert pass_at_k([2], samples=8, k=1).value == pytest.approx(0.25)
    assert pass_at_k([1], samples=4, k=2).value == pytest.approx(0.5)
    with pytest.raises(ValueError, match="at least 9"):
        pass_at_k([1], samples=8, k=9)

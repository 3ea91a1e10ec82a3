"""Every reason to refuse, and the one way to pass."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.gate import (
    Drift,
    Evidence,
    GateSettings,
    Integrity,
    Probe,
    Scored,
    Verdict,
    judge,
)
from trainer.off_policy import Logged


def scored(gain, items=120, spread=0.1, weight=1.0):
    generator = np.random.default_rng(0)
    live = generator.uniform(0.2, 0.6, items)
    new = live + gain + generator.normal(0, spread, items)
    sessions = [str(n // 4) for n in range(items)]
    return Scored(list(new), list(live), [weight] * items, sessions)


def evidence(**changes):
    good = Evidence(
        integrity=Integrity(finite=True, largest_norm=3.0, differs=True),
        probe=Probe(tokens=500, gap=0.001, parent_gap=0.05, parent_difference=0.05),
        replay=scored(0.05),
        holdout=Scored([], [], [], []),
        drift=Drift(
            kl=0.01, base_kl=0.3, new_length=50, live_length=52, new_silence=0.2, live_silence=0.3
        ),
        logged=Logged(),
    )
    return replace(good, **changes)


def verdict(**changes):
    return judge(evidence(**changes), GateSettings())


def test_a_good_adapter_passes_with_its_numbers():
    got = verdict()
    assert got.verdict is Verdict.PASSED
    assert got.inputs["items"] == 120
    assert got.inputs["reward_difference"] == pytest.approx(0.05, abs=0.03)
    low = got.inputs["reward_difference_low"]
    assert isinstance(low, float)
    assert -0.05 < low < 0.05
    assert got.inputs["holdout_reward_new"] is None


def mixed(gain_of_few: float, few: int = 30) -> Scored:
    """Items of two languages; those of the second one change by `gain_of_few`."""
    many, some = scored(0.1), scored(gain_of_few, items=few)
    return Scored(
        [*many.new, *some.new],
        [*many.live, *some.live],
        [*many.weight, *some.weight],
        [*many.session, *(f"s{name}" for name in some.session)],
        {"language": ["python"] * len(many.new) + ["go"] * few, "team": ["t"] * (120 + few)},
    )


def test_one_language_far_below_its_own_forbids_it() -> None:
    got = verdict(replay=mixed(-0.3))
    assert got.verdict is Verdict.REFUSED
    assert "the language 'go' fell by 0.2" in got.why
    assert got.inputs["language go"] == pytest.approx(-0.3, abs=0.05)
    assert got.inputs["language python"] == pytest.approx(0.1, abs=0.05)
    assert verdict(replay=mixed(-0.05)).verdict is Verdict.PASSED, "not far"
    assert verdict(replay=mixed(-0.3, few=10)).verdict is Verdict.PASSED, "too few to say"
    loose = judge(evidence(replay=mixed(-0.3)), GateSettings(slice_margin=0.5))
    assert loose.verdict is Verdict.PASSED


def test_speaking_up_more_has_to_be_worth_it():
    outspoken = replace(GOOD.drift, new_silence=0.1, live_silence=0.6)
    assert verdict(replay=scored(0.15), drift=outspoken).verdict is Verdict.PASSED
    doubtful = verdict(replay=scored(0.0), drift=outspoken)
    assert doubtful.verdict is Verdict.REFUSED
    assert "not surely risen" in doubtful.why
    mute = replace(GOOD.drift, new_silence=0.6, live_silence=0.1)
    assert verdict(replay=scored(0.15), drift=mute).verdict is Verdict.REFUSED


def test_a_few_tokens_more_are_no_drift():
    def longer(live, new):
        return verdict(drift=replace(GOOD.drift, live_length=live, new_length=new)).verdict

    assert longer(1.4, 3.8) is Verdict.PASSED
    assert longer(1.4, 21) is Verdict.REFUSED
    assert longer(50, 101) is Verdict.REFUSED
    assert longer(50, 24) is Verdict.REFUSED


def test_a_harmless_adapter_passes_and_a_worse_one_does_not():
    assert verdict(replay=scored(0.0)).verdict is Verdict.PASSED
    worse = verdict(replay=scored(-0.1))
    assert worse.verdict is Verdict.REFUSED
    assert "may have fallen" in worse.why


def test_uncertain_evidence_is_refused():
    assert verdict(replay=scored(0.0, spread=1.0)).verdict is Verdict.REFUSED


def drawn(gap: float, items: int = 200) -> Logged:
    """Answers of which half are good; the new policy is likelier by `gap` to give the bad ones."""
    good = [float(n % 2) for n in range(items)]
    new = [-gap if one else 0.0 for one in good]
    return Logged(new, [0.0] * items, good, [1.0] * items, [str(n // 4) for n in range(items)])


def test_logged_answers_decide_where_they_are_like_the_new_policys():
    worse = verdict(logged=drawn(1.0))
    assert worse.verdict is Verdict.REFUSED
    assert "200 answers that the live version drew" in worse.why
    assert worse.inputs["off_policy_decides"] is True
    assert worse.inputs["off_policy_reward_live"] == pytest.approx(0.5)
    assert worse.inputs["off_policy_reward_new"] == pytest.approx(0.269, abs=0.001)
    few = verdict(logged=drawn(1.0, items=99))
    assert few.verdict is Verdict.PASSED
    assert few.inputs["off_policy_items"] == 99
    assert verdict(logged=drawn(-1.0)).verdict is Verdict.PASSED


def test_logged_answers_unlike_the_new_policys_decide_nothing():
    answers = drawn(1.0)
    # One answer in fifty is all that the new policy would give, and it is a bad one.
    unlike = replace(answers, new=[0.0 if n % 50 == 0 else -30.0 for n in range(200)])
    got = verdict(logged=unlike)
    assert got.verdict is Verdict.PASSED
    assert got.inputs["off_policy_decides"] is False
    assert got.inputs["off_policy_reward_new"] == pytest.approx(0.0, abs=1e-6)
    assert got.inputs["off_policy_effective"] == pytest.approx(4.0)


def test_too_few_items():
    got = verdict(replay=scored(0.3, items=99))
    assert got.verdict is Verdict.TOO_LITTLE
    assert "99 held-back items" in got.why
    assert verdict(replay=Scored([], [], [], [])).verdict is Verdict.TOO_LITTLE


def test_weights_decide_whose_reward_counts():
    good, bad = scored(0.2, items=100), scored(-0.2, items=100)
    mixed = Scored(
        [*good.new, *bad.new],
        [*good.live, *bad.live],
        [1.0] * 100 + [0.001] * 100,
        [*good.session, *(f"b{s}" for s in bad.session)],
    )
    assert verdict(replay=mixed).verdict is Verdict.PASSED
    assert verdict(replay=replace(mixed, weight=[0.001] * 100 + [1.0] * 100)).verdict is (
        Verdict.REFUSED
    )


GOOD = evidence()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"integrity": replace(GOOD.integrity, finite=False)}, "not finite"),
        ({"integrity": replace(GOOD.integrity, largest_norm=1e9)}, "norm"),
        ({"integrity": replace(GOOD.integrity, differs=False)}, "does not differ"),
        ({"probe": replace(GOOD.probe, parent_difference=0.0)}, "does not differ"),
        ({"probe": replace(GOOD.probe, gap=0.03)}, "disagree"),
        ({"probe": replace(GOOD.probe, gap=float("nan"))}, "disagree"),
        ({"probe": replace(GOOD.probe, gap=0.01, parent_gap=0.0)}, "did not load"),
        ({"drift": replace(GOOD.drift, kl=2.0)}, "KL"),
        ({"drift": replace(GOOD.drift, kl=float("nan"))}, "KL"),
        ({"drift": replace(GOOD.drift, base_kl=6.0)}, "KL to the base model"),
        ({"drift": replace(GOOD.drift, base_kl=float("nan"))}, "KL to the base model"),
        ({"drift": replace(GOOD.drift, new_length=500)}, "as long"),
        ({"drift": replace(GOOD.drift, new_silence=0.9)}, "silence"),
    ],
)
def test_every_defect_refuses_however_good_the_reward(changes, why):
    got = verdict(replay=scored(0.3), **changes)
    assert got.verdict is Verdict.REFUSED
    assert why in got.why

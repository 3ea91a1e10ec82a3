"""The evidence is measured on real answers: probe, drift, and which side is which."""

from dataclasses import replace

import pytest
import torch

from trainer.adapters import Origin
from trainer.batches import Split
from trainer.gate import Verdict, judge
from trainer.gate_run import Version, gather, settings_of
from trainer.logged import was_drawn
from trainer.logprobs import Group, naive_logprobs
from trainer.model import zero_state

from .made import row


@pytest.fixture
def versions(bench, trained):
    """A trained adapter, twice as far, and the zero adapter, both known to the sampler."""
    far = {n: 2 * t if ".lora_B." in n else t for n, t in trained.state().items()}
    new = Version("hone-000002", far)
    live = Version("hone-000001", zero_state(trained))
    for version in (live, new):
        folder = bench.shelf.publish_policy(version.state, Origin("000001", 0, "gapo"))
        assert bench.sampler.offer(folder) == version.name
    return new, live


@pytest.fixture
def parts(tokenizer):
    rows = [row(tokenizer, number) for number in range(6)]
    return Split([], rows[:4], rows[4:])


def test_evidence(bench, versions, parts):
    new, live = versions
    evidence = gather(bench, new, live, parts)
    assert evidence.integrity.differs
    assert evidence.probe.gap < 1e-4 < evidence.probe.parent_difference
    assert evidence.probe.parent_gap == pytest.approx(evidence.probe.parent_difference, abs=1e-4)
    assert evidence.drift.kl > 1e-4
    assert (len(evidence.replay.new), len(evidence.holdout.new)) == (4, 2)
    assert evidence.replay.session == [r.session for r in parts.held]
    swapped = gather(bench, live, new, parts)
    assert swapped.replay.new == evidence.replay.live
    assert swapped.drift.new_length == evidence.drift.live_length


def test_the_distance_to_the_base_is_measured_whatever_is_live(bench, versions, parts):
    new, base = versions
    near = Version(new.name, {name: tensor.clone() for name, tensor in new.state.items()})
    evidence = gather(bench, new, near, parts)
    assert evidence.drift.kl < 1e-9, "the live version is the same one"
    assert evidence.drift.base_kl == pytest.approx(gather(bench, new, base, parts).drift.kl)
    assert evidence.drift.base_kl > 1e-4
    strict = replace(settings_of(bench), max_base_kl=evidence.drift.base_kl / 2)
    assert "KL to the base model" in judge(gather(bench, new, base, parts), strict).why


def test_an_engine_that_serves_another_adapter_is_caught(bench, versions, parts):
    new, live = versions
    bench.sampler._adapters[new.name] = live.state
    evidence = gather(bench, new, live, parts)
    assert evidence.probe.parent_gap < 1e-4 < evidence.probe.gap
    assert judge(evidence, settings_of(bench)).verdict is Verdict.REFUSED


def test_broken_weights_are_caught(bench, versions, parts):
    new, live = versions
    name = next(iter(new.state))
    new.state[name] = torch.full_like(new.state[name], float("inf"))
    evidence = gather(bench, new, live, parts)
    got = judge(evidence, settings_of(bench))
    assert got.verdict is Verdict.REFUSED
    assert "not finite" in got.why


def test_without_items_there_is_no_verdict_but_too_little(bench, versions):
    new, live = versions
    evidence = gather(bench, new, live, Split([], [], []))
    assert judge(evidence, settings_of(bench)).verdict is not Verdict.PASSED


def drawn_rows(tokenizer):
    """Rows whose answers were drawn, each in a way of its own, by the live version or another."""
    about = {"policy_version": "hone-000001", "temperature": 0.7}
    return [
        row(tokenizer, 0, **about),
        row(tokenizer, 1, **about | {"temperature": 0.5, "output_token_ids": [5, 6, 7, 8]}),
        row(tokenizer, 2, **about | {"temperature": 0.0}),
        row(tokenizer, 3, **about | {"temperature": 1.0}),
        row(tokenizer, 4, **about | {"policy_version": "hone-000000"}),
        row(tokenizer, 5, **about | {"output_token_ids": None}),
    ]


def test_only_what_the_live_version_drew_is_estimated_on(bench, versions, tokenizer):
    new, live = versions
    rows = drawn_rows(tokenizer)
    logged = gather(bench, new, live, Split([], rows, [])).logged
    assert (len(logged.reward), logged.session) == (2, [r.session for r in rows[:2]])
    assert logged.reliability == [r.weight for r in rows[:2]]
    assert logged.new != logged.live
    for number, (one, temperature) in enumerate(((rows[0], 0.7), (rows[1], 0.5))):
        group = Group(one.prompt_token_ids, [tuple(one.output_token_ids or ())])
        with torch.no_grad(), bench.policy.holding(live.state):
            plainly = naive_logprobs(bench.policy, [group], temperature)
        assert logged.live[number] == pytest.approx(float(plainly.sum()), abs=1e-3)


def test_of_the_base_model_rows_bear_its_own_name(tokenizer):
    one = row(tokenizer, 0, policy_version="hone-tiny", temperature=0.7)
    assert was_drawn(one, None)
    assert not was_drawn(one, "hone-000001")

"""The evidence is measured on real answers: probe, drift, and which side is which."""

from dataclasses import replace

import pytest
import torch

from trainer.adapters import Origin
from trainer.batches import Split
from trainer.gate import Verdict, judge
from trainer.gate_run import Version, gather, settings_of
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

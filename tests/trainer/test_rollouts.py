"""Which rows a rollout batch uses, when it takes more of them, and what it imitates."""

from dataclasses import replace

import pytest

from feedback_store.events import Rollout
from trainer.adapters import Origin
from trainer.rollouts import rollout_batch
from trainer.run_state import Place

from .conftest import bench_with
from .made import row

ORIGIN = Origin(run="000001", step=0, method="gapo")


class Scripted:
    """A sampler whose answers are all alike but for some prompts; remembers what it was asked."""

    engine = "scripted"

    def __init__(self, tokenizer, telling):
        self._answers = [
            tuple(tokenizer.encode(text, add_special_tokens=False))
            for text in ("<|end|>", "<|by-token|><|end|>")
        ]
        self._telling = telling
        self.asked = []

    def offer(self, folder):
        return folder.name

    def withdraw(self, name):
        pass

    def sample(self, policy, prompts, sampling):
        self.asked.append(len(prompts))
        return [
            [self._rollout(i if prompt in self._telling else 0) for i in range(sampling.samples)]
            for prompt in prompts
        ]

    def _rollout(self, number):
        ids = self._answers[number % 2]
        logprobs = (-0.5,) * len(ids)
        return Rollout(token_ids=ids, logprobs=logprobs, text="", finish_reason="stop")


@pytest.fixture
def rows(tokenizer):
    return [row(tokenizer, number) for number in range(8)]


def drawn(policy, tmp_path, rows, telling, **train):
    sections = {"groups": 2, "samples": 4, "farthest_share": 0, **train}
    bench = bench_with(policy, tmp_path, train=sections)
    prompts = [rows[number].prompt_token_ids for number in telling]
    sampler = Scripted(policy.tokenizer, prompts)
    return rollout_batch(replace(bench, sampler=sampler), rows, Place(), ORIGIN), sampler


def test_enough_signal_needs_no_refill(policy, tmp_path, rows):
    batch, sampler = drawn(policy, tmp_path, rows, telling=[0], refills=3)
    assert sampler.asked == [2]  # half of the groups are dropped: not more than half
    assert batch.place == Place(rows=2, draws=1)


def test_refills_go_on_until_enough_groups_tell_something(policy, tmp_path, rows):
    batch, sampler = drawn(policy, tmp_path, rows, telling=[2, 3], refills=3)
    assert sampler.asked == [2, 2]
    assert len(batch.compared.groups) == 2
    assert batch.place == Place(rows=4, draws=2)
    assert len(list((tmp_path / "runs" / "000001").glob("rollouts-*.parquet"))) == 2


def test_refills_are_bounded_by_the_setting_and_by_the_plan(policy, tmp_path, rows):
    batch, sampler = drawn(policy, tmp_path / "a", rows, telling=[], refills=1)
    assert (sampler.asked, batch.place.rows) == ([2, 2], 4)
    assert batch.compared.groups == []
    batch, sampler = drawn(policy, tmp_path / "b", rows[:5], telling=[], refills=8)
    assert (sampler.asked, batch.place.rows) == ([2, 2, 1], 5)


def test_references_that_no_answer_came_near_are_imitated(policy, tmp_path, rows):
    batch, _ = drawn(policy, tmp_path, rows, telling=[0], method="gapo+sft")
    assert [group.prompt for group in batch.compared.groups] == [rows[0].prompt_token_ids]
    (shown,) = batch.compared.demonstrations
    assert shown.prompt == rows[1].prompt_token_ids
    assert policy.tokenizer.decode(shown.answer) == "<|by-edit|><|end|>"


def test_a_rollout_batch_feeds_several_updates(policy, tmp_path, rows):
    batch, sampler = drawn(policy, tmp_path, rows, telling=range(8), updates=3)
    assert sampler.asked == [6]
    assert len(batch.compared.groups) == 6

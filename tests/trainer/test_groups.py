"""Answers read back from tokens, references as tokens, and rewards turned into advantages."""

from dataclasses import replace

import pytest

from feedback_store.events import Rollout
from trainer.advantage import MIN_SPREAD
from trainer.config import ExperimentSection, TrainSection
from trainer.groups import Reader, compare, demonstrations

from .made import PROFILE, row


@pytest.fixture(scope="module")
def reader(tokenizer):
    return Reader(PROFILE, tokenizer)


def answer(one, text):
    """What the model says to make `text` of the region."""
    return PROFILE.format.render_answer(one.context, text)


def said(tokenizer, text, finish="stop"):
    ids = tuple(tokenizer.encode(text, add_special_tokens=False))
    return Rollout(token_ids=ids, logprobs=(-0.5,) * len(ids), text="", finish_reason=finish)


def test_an_answer_is_read_from_its_tokens(tokenizer, reader):
    one = row(tokenizer, 1)
    right = answer(one, one.settled_text)
    assert reader.region(said(tokenizer, right), one) == one.settled_text
    assert reader.region(said(tokenizer, right, "length"), one) is None
    assert reader.region(said(tokenizer, "<|end|>"), one) == one.context.region
    assert reader.region(said(tokenizer, "x<|file|>y<|end|>"), one) is None
    assert reader.region(said(tokenizer, answer(one, "")), one) == ""


def test_scores(tokenizer, reader):
    one = row(tokenizer, 1)
    answers = (answer(one, one.settled_text), "<|end|>", "x<|file|><|end|>")
    scored = reader.score(one, [said(tokenizer, text) for text in answers])
    assert scored.rewards == [1.0, pytest.approx(PROFILE.silence_value), 0.0]
    assert scored.silent == pytest.approx(1 / 3)
    assert scored.distinct == 3


def test_references_round_trip_or_are_left_out(tokenizer, reader):
    one = row(tokenizer, 1)
    ids = reader.reference(one)
    assert tokenizer.decode(ids) == answer(one, one.settled_text)
    assert reader.reference(row(tokenizer, 1, settled_text="a<|file|>b\n")) is None
    assert reader.reference(row(tokenizer, 1, settled_text="word " * 2000)) is None
    quiet = row(tokenizer, 1, settled_text=one.context.region)
    assert tokenizer.decode(reader.reference(quiet)) == "<|end|>"


def groups_of(tokenizer, reader):
    one, other = row(tokenizer, 1), row(tokenizer, 2, outcome="accepted", retained_third=1.0)
    spread = [one.settled_text, one.context.region, "a\n", "b\n"]
    flat = [other.context.region] * 4
    return [
        reader.score(one, [said(tokenizer, answer(one, text)) for text in spread]),
        reader.score(other, [said(tokenizer, answer(other, text)) for text in flat]),
    ]


def test_groups_without_spread_are_dropped_and_counted(tokenizer, reader):
    scored = groups_of(tokenizer, reader)
    got = compare(scored, TrainSection(), ExperimentSection(), seed=0)
    assert len(got.groups) == 1
    assert got.metrics["dropped_groups"] == 1
    assert got.groups[0].weight == 1.0
    assert got.groups[0].advantages[0] == max(got.groups[0].advantages) > 0
    assert got.groups[0].answers == [rollout.token_ids for rollout in scored[0].rollouts]
    assert got.metrics["advantage"] == pytest.approx(sum(got.groups[0].advantages) / 4)
    assert got.metrics["silence"] == pytest.approx((0.25 + 1) / 2)


def test_an_answer_near_the_end_of_its_budget_loses(tokenizer, reader):
    scored = groups_of(tokenizer, reader)
    lengths = [len(rollout.token_ids) for rollout in scored[0].rollouts]
    train = TrainSection(overlong_tokens=max(lengths))
    got = compare(scored[:1], train, ExperimentSection(), 0, budget=max(lengths))
    plain = compare(scored[:1], TrainSection(), ExperimentSection(), 0)
    longest = lengths.index(max(lengths))
    assert got.groups[0].advantages[longest] < plain.groups[0].advantages[longest]
    assert got.metrics["reward"] == plain.metrics["reward"]


def test_hopeless_groups_are_dropped_where_the_reference_is_far(tokenizer, reader):
    far = row(tokenizer, 1, settled_text="entirely = something(else_)\nthan.before()\n")
    wrong = [far.context.region, far.context.region + "a\n", "b\n", "c\n"]
    scored = groups_of(tokenizer, reader)
    scored[1] = reader.score(far, [said(tokenizer, answer(far, text)) for text in wrong])
    scored[1] = replace(scored[1], rewards=[0.1, 0.05, 0.04, 0.0])
    assert scored[1].hopeless
    assert not scored[0].hopeless
    kept = compare(scored, TrainSection(farthest_share=0), ExperimentSection(), 0)
    left = compare(scored, TrainSection(farthest_share=0.5), ExperimentSection(), 0)
    assert (len(kept.groups), kept.metrics["unreachable"]) == (2, 0)
    assert (len(left.groups), left.metrics["unreachable"]) == (1, 1)


def test_where_nothing_was_wanted_a_silent_answer_is_hope(tokenizer, reader):
    one = row(tokenizer, 1, settled_text=row(tokenizer, 1).context.region)
    quiet, loud = "<|end|>", answer(one, "a\n")
    assert reader.score(one, [said(tokenizer, loud)] * 2).hopeless
    assert not reader.score(one, [said(tokenizer, quiet), said(tokenizer, loud)]).hopeless


def test_the_configured_spread_is_the_estimators():
    assert TrainSection().min_spread == MIN_SPREAD


def test_experiments(tokenizer, reader):
    scored = groups_of(tokenizer, reader)
    plain = compare(scored, TrainSection(), ExperimentSection(), seed=0).groups[0].advantages
    turned = ExperimentSection(reverse_advantages=True)
    assert compare(scored, TrainSection(), turned, 0).groups[0].advantages == [-a for a in plain]
    shuffle = ExperimentSection(shuffle_rewards=True)
    seen = {
        tuple(compare(scored, TrainSection(), shuffle, seed).groups[0].advantages)
        for seed in range(6)
    }
    assert all(sorted(one) == sorted(plain) for one in seen)
    assert len(seen) > 1


def test_demonstrations(tokenizer, reader):
    rows = [row(tokenizer, 1), row(tokenizer, 2, settled_text="a<|file|>b\n")]
    got = demonstrations(rows, reader)
    assert [one.prompt for one in got.demonstrations] == [rows[0].prompt_token_ids]
    assert got.groups == []
    assert got.metrics == {"groups": 2.0, "dropped_groups": 1.0}


def test_the_answer_budget_follows_the_region(tokenizer, reader):
    one = row(tokenizer, 1)
    tokens = len(tokenizer.encode(one.context.region, add_special_tokens=False))
    assert reader.max_tokens([one]) == 2 * tokens + 48
    big = one.context.model_copy(update={"region": "value = 1\n" * 300})
    assert (
        reader.max_tokens(
            [one, row(tokenizer, 1, context=big, settled_text="x\n", new_region=None)]
        )
        == 400
    )

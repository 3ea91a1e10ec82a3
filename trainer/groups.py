"""From a row of a batch to a group that can be learnt from: answers read, scored, compared.

Knows how an answer's tokens become a region, and which reward and estimator are asked for. Does
not know who sampled or how the update is computed (`examples` is what it gets).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from feedback_store.events import Reason, Rollout
from server.prompts.profile import ModelProfile
from trainer import noise
from trainer import reward as rewards
from trainer.advantage import estimate
from trainer.batches import Row
from trainer.config import ExperimentSection, TrainSection
from trainer.corruption import Rewards, corrupted
from trainer.examples import Demonstration, TrainGroup
from trainer.syntax import Syntax

LONGEST_FACTOR, LONGEST_SLACK = 2, 48
"""An answer rewrites the region: one that is twice as long and more has gone astray, and would
hold up its whole batch until the budget ends."""


@dataclass(frozen=True)
class Scored:
    """A row with fresh answers and what they are worth. All lists are alike long."""

    row: Row
    rollouts: Sequence[Rollout]
    answers: Sequence[str | None]
    """Regions; None for what is no edit."""
    rewards: Sequence[float]
    nothing: float = 0.0
    """What doing nothing is worth."""
    distance: int = 0
    """Characters between the untouched region and the reference."""
    told: Sequence[float] | None = None
    """In experiments: the rewards after noise was put on them, from which is learnt."""

    @property
    def learnt(self) -> Sequence[float]:
        """The rewards that advantages are made of."""
        return self.rewards if self.told is None else self.told

    @property
    def silent(self) -> float:
        """Share of answers that change nothing."""
        untouched = rewards.normalise(self.row.context.region)
        quiet = [a is not None and rewards.normalise(a) == untouched for a in self.answers]
        return sum(quiet) / len(quiet)

    @property
    def hopeless(self) -> bool:
        """Whether no answer is right, or better than doing nothing."""
        best = max(self.learnt)
        return best < 1 and best <= self.nothing

    @property
    def distinct(self) -> int:
        """How many different token sequences were sampled."""
        return len({rollout.token_ids for rollout in self.rollouts})


class Reader:
    """Reads answers and references of one model profile; holds tokenizer and grammars."""

    def __init__(self, profile: ModelProfile, tokenizer: Any, reward: str = "product") -> None:
        self._profile, self._tokenizer = profile, tokenizer
        self._stop = set(tokenizer.convert_tokens_to_ids(list(profile.format.stop)))
        self._reward = rewards.named(reward, Syntax)

    def region(self, rollout: Rollout, row: Row) -> str | None:
        """Return the region as the answer wants it; the untouched one if it changes nothing.

        The text is decoded here, from the token ids: those are what is trained on.
        """
        ids = list(rollout.token_ids)
        if ids and ids[-1] in self._stop:
            ids.pop()
        text = self._tokenizer.decode(ids, skip_special_tokens=False)
        finished = rollout.finish_reason == "stop"
        parsed = self._profile.format.parse(row.context, text, finished=finished)
        if parsed.reason is Reason.NO_EDIT:
            return row.context.region
        return parsed.new_region

    def score(self, row: Row, rollouts: Sequence[Rollout]) -> Scored:
        """Return the answers with their rewards."""
        task = row.task(self._profile.silence_value)
        answers = [self.region(rollout, row) for rollout in rollouts]
        worth = {answer: self._reward(answer, task) for answer in {*answers, row.context.region}}
        return Scored(
            row, rollouts, answers, [worth[answer] for answer in answers],
            nothing=worth[row.context.region], distance=rewards.distance(task),
        )  # fmt: skip

    def worth(self, answers: Sequence[str | None], row: Row, wanted: str | None) -> list[float]:
        """Return what the answers would be worth if `wanted` were the reference (None: silence)."""
        text = row.context.region if wanted is None else wanted
        task = replace(row.task(self._profile.silence_value), references=(text,))
        return [self._reward(answer, task) for answer in answers]

    def noisy(self, one: Scored, kind: str, share: float, seed: Sequence[int]) -> Scored:
        """Return the group with noise on its rewards, as `corruption` describes it."""
        ids = [rollout.token_ids for rollout in one.rollouts]
        place = {answer: number for number, answer in enumerate(dict.fromkeys(ids))}
        text = dict(zip(ids, one.answers, strict=True))
        distinct = [text[answer] for answer in place]
        of = Rewards(
            clean=np.array(one.rewards),
            answer=np.array([place[answer] for answer in ids]),
            if_right=lambda right: np.array(self.worth(distinct, one.row, distinct[right])),
        )
        told = corrupted(kind, of, share, np.random.default_rng(seed))
        return replace(one, told=told.tolist())

    def reference(self, row: Row) -> list[int] | None:
        """Return the settled text as an answer's token ids, for likelihood training.

        None if it cannot be said in the prompt format: the text rendered, tokenised, decoded and
        parsed must come back as it was, within the answer's budget.
        """
        shape = self._profile.format
        text = shape.render_answer(row.context, row.settled_text)
        ids = self._tokenizer.encode(text, add_special_tokens=False)
        if len(ids) > self._profile.budget.answer_tokens or not ids or ids[-1] not in self._stop:
            return None
        back = Rollout(
            token_ids=tuple(ids), logprobs=(0.0,) * len(ids), text="", finish_reason="stop"
        )
        return ids if self.region(back, row) == row.settled_text else None

    def max_tokens(self, rows: Sequence[Row]) -> int:
        """Return how long answers to these rows may get, the stop token included."""
        longest = max(
            len(self._tokenizer.encode(row.context.region, add_special_tokens=False))
            for row in rows
        )
        wanted = LONGEST_FACTOR * longest + LONGEST_SLACK
        return min(wanted, self._profile.budget.answer_tokens)


@dataclass(frozen=True)
class Compared:
    """What an update can learn from, and what was seen while choosing it."""

    groups: list[TrainGroup]
    """Those with signal."""
    metrics: dict[str, float]
    demonstrations: list[Demonstration] = field(default_factory=list)


def compare(
    scored: Sequence[Scored],
    train: TrainSection,
    experiment: ExperimentSection,
    seed: int,
    budget: int = 0,
) -> Compared:
    """Turn rewards into advantages; drop the groups that carry no signal.

    Args:
        scored: the rollout batch.
        train, experiment: the settings.
        seed: of shuffled rewards.
        budget: tokens that an answer could take, for the overlong penalty.
    """
    values = [_shaped(one, train.overlong_tokens, budget) for one in scored]
    if experiment.shuffle_rewards:
        generator = random.Random(seed)
        for group in values:
            generator.shuffle(group)
    flat = np.array([value for group in values for value in group])
    number = np.repeat(np.arange(len(values)), [len(group) for group in values])
    advantages, keep = estimate(
        flat, number, train.method.estimator, train.tau,
        min_spread=train.min_spread, return_keep=True,
    )  # fmt: skip
    if experiment.reverse_advantages:
        advantages = -advantages
    hopeless, far = [one.hopeless for one in scored], [one.distance for one in scored]
    unreachable = noise.unreachable(hopeless, far, train.farthest_share)
    keep &= ~np.array(unreachable)[number]
    parts = [(one, advantages[number == i], keep[number == i]) for i, one in enumerate(scored)]
    groups = [_learnable(*part) for part in parts if part[2].any()]
    seen = _seen(scored, advantages[keep], len(groups))
    return Compared(groups, seen | {"unreachable": float(sum(unreachable))})


def _shaped(one: Scored, overlong: int, budget: int) -> list[float]:
    lengths = [len(rollout.token_ids) for rollout in one.rollouts]
    return [
        value + rewards.overlong(length, budget, overlong)
        for value, length in zip(one.learnt, lengths, strict=True)
    ]


def _learnable(one: Scored, advantages: np.ndarray, keep: np.ndarray) -> TrainGroup:
    """The answers that carry signal, of a group that has some."""
    kept = [rollout for rollout, wanted in zip(one.rollouts, keep, strict=True) if wanted]
    return TrainGroup(
        prompt=one.row.prompt_token_ids,
        answers=[rollout.token_ids for rollout in kept],
        engine_logprobs=[rollout.logprobs for rollout in kept],
        advantages=advantages[keep].tolist(),
        weight=one.row.weight,
    )


def _seen(scored: Sequence[Scored], advantages: np.ndarray, kept: int) -> dict[str, float]:
    flat = np.array([value for one in scored for value in one.rewards])
    lengths = [len(rollout.token_ids) for one in scored for rollout in one.rollouts]
    spreads = [max(one.rewards) - min(one.rewards) for one in scored]
    weights = np.array([one.row.weight for one in scored])
    means = np.array([np.mean(one.rewards) for one in scored])
    return {
        "groups": len(scored),
        "dropped_groups": len(scored) - kept,
        "reward": float(flat.mean()),
        "reward_weighted": float((means * weights).sum() / weights.sum()),
        "reward_best": float(np.mean([max(one.rewards) for one in scored])),
        "reward_spread": float(np.mean(spreads)),
        "exact": float((flat == 1.0).mean()),
        "unusable": float(np.mean([answer is None for one in scored for answer in one.answers])),
        "silence": float(np.mean([one.silent for one in scored])),
        "distinct": float(np.mean([one.distinct for one in scored])),
        "answer_tokens": float(np.mean(lengths)),
        "advantage": float(advantages.mean()) if len(advantages) else 0.0,
    }


def demonstrations(rows: Sequence[Row], reader: Reader) -> Compared:
    """Turn rows into references to be made likely."""
    found = [(row, reader.reference(row)) for row in rows]
    shown = [Demonstration(row.prompt_token_ids, ids, row.weight) for row, ids in found if ids]
    missing = float(len(rows) - len(shown))
    return Compared([], {"groups": float(len(rows)), "dropped_groups": missing}, shown)

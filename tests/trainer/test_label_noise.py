"""What a batch tells about its own noise, on feedback whose noise is known."""

import random
from dataclasses import dataclass, field

import pytest

from trainer.label_noise import flips, measure


@dataclass(frozen=True)
class Answer:
    outcome: str = "accepted"
    user: str = "ann"
    language: str = "python"
    shown: str = "yes"
    undone: bool = False
    new_region: str | None = "x"
    prompt_token_ids: list[int] = field(default_factory=lambda: [1, 2])


def test_nothing_is_nothing():
    got = measure([])
    assert (got.answered, got.taken, got.disagree, got.habit_spread) == (0, None, None, None)


def test_only_what_somebody_could_take_counts():
    silent = Answer(outcome="withheld", new_region=None)
    unseen = Answer(outcome="expired", shown="no")
    stale = Answer(outcome="stale")
    unsure = Answer(outcome="expired", shown="unknown")
    undone = Answer(undone=True)
    got = measure([silent, unseen, stale, unsure, undone, Answer(), Answer(outcome="rejected")])
    assert got.answered == 4
    assert got.taken == 0.25
    assert got.surely_seen == 0.75


def test_the_same_suggestion_twice():
    twice = [Answer(), Answer(outcome="rejected"), Answer()]
    other = [Answer(new_region="y"), Answer(new_region="y", prompt_token_ids=[9])]
    got = measure([*twice, *other])
    assert (got.repeats, got.disagree) == (3, pytest.approx(2 / 3))


def test_flips_are_found_again():
    rng = random.Random(0)

    def answer(number: int) -> Answer:
        taken = (number % 2 == 0) ^ (rng.random() < 0.1)
        return Answer("accepted" if taken else "rejected", prompt_token_ids=[number])

    got = measure([answer(number) for number in range(2000) for _ in range(2)])
    assert got.flips == pytest.approx(0.1, abs=0.02)
    assert (flips(0.0), flips(0.5), flips(0.9)) == (0.0, 0.5, 0.5)


def test_an_eager_user_does_not_make_a_language_easy():
    rng = random.Random(0)

    def answers(user: str, language: str, chance: float, amount: int) -> list[Answer]:
        return [
            Answer("accepted" if rng.random() < chance else "diverged", user, language)
            for _ in range(amount)
        ]

    # Both languages are alike for everybody; the eager user writes Go, mostly.
    rows = [
        *answers("eager", "go", 0.9, 900), *answers("eager", "python", 0.9, 100),
        *answers("picky", "go", 0.3, 100), *answers("picky", "python", 0.3, 900),
    ]  # fmt: skip
    got = measure(rows)
    plain = {
        name: sum(r.outcome == "accepted" for r in rows if r.language == name) / 1000
        for name in ("go", "python")
    }
    assert plain["go"] - plain["python"] > 0.4
    assert got.languages["go"] == pytest.approx(got.languages["python"], abs=0.05)
    assert got.habit_spread == pytest.approx(0.3, abs=0.05)
    assert "eager" not in str(got.as_dict())

"""Simulated users accept what is right, mostly, and err as often as they are told to."""

import random

from deploy.demo.habits import Act, Noise, nearness, react

BEFORE = "a = 1\nraise ValueError(a)\nb = 2\n"
WANTED = "a = 1\nraise InputError(a)\nb = 2\n"
NEAR = "a = 1\nraise InputErr(a)\nb = 2\n"
CALM = Noise(wrong=0.0, unrelated=0.0)


def test_a_user_without_noise_accepts_what_is_right() -> None:
    reaction = react(BEFORE, WANTED, WANTED, CALM, random.Random(1))
    assert (reaction.act, reaction.final) == (Act.ACCEPT, WANTED)


def test_silence_leaves_the_user_to_write_it() -> None:
    reaction = react(BEFORE, WANTED, None, CALM, random.Random(1))
    assert (reaction.act, reaction.final) == (Act.NOTHING, WANTED)


def test_near_misses_are_accepted_more_often_than_far_ones_and_always_repaired() -> None:
    def accepted(suggestion: str) -> int:
        found = [react(BEFORE, WANTED, suggestion, CALM, random.Random(n)) for n in range(300)]
        assert {reaction.final for reaction in found} == {WANTED}
        return sum(reaction.act is Act.ACCEPT for reaction in found)

    assert accepted(NEAR) > 100
    assert accepted("a = 1\nraise Nothing()\nb = 2\n") < 20


def test_wrong_reactions_refuse_what_is_right_and_leave_something_else() -> None:
    noise = Noise(wrong=1.0, unrelated=0.0)
    reaction = react(BEFORE, WANTED, WANTED, noise, random.Random(1))
    assert reaction.act is Act.DISMISS
    assert reaction.final not in (WANTED, BEFORE)


def test_half_of_the_wrongly_accepted_stay() -> None:
    noise = Noise(wrong=1.0, unrelated=0.0)
    found = [react(BEFORE, WANTED, NEAR, noise, random.Random(n)) for n in range(400)]
    assert {reaction.act for reaction in found} == {Act.ACCEPT}
    assert 140 < sum(reaction.final == NEAR for reaction in found) < 260


def test_unrelated_edits_fall_in_as_often_as_told() -> None:
    noise = Noise(wrong=0.0, unrelated=0.1)
    found = [react(BEFORE, WANTED, None, noise, random.Random(n)) for n in range(1000)]
    assert 60 < sum(reaction.final != WANTED for reaction in found) < 140


def test_nearness_runs_from_nothing_to_everything() -> None:
    assert nearness(BEFORE, WANTED, BEFORE) == 0
    assert nearness(BEFORE, WANTED, WANTED) == 1
    assert 0 < nearness(BEFORE, WANTED, NEAR) < 1
    assert nearness(WANTED, WANTED, BEFORE) == 0

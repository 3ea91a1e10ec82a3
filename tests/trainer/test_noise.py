"""The list of DESIGN section 2, case by case, and the caps of a batch."""

from dataclasses import dataclass

import pytest

from trainer.noise import cap_nothing_wanted, cap_users, reliability, unreachable


@dataclass(frozen=True)
class Facts:
    outcome: str = "diverged"
    region_changed: bool = True
    undone: bool = False
    branch_switch: bool = False
    bulk_change: bool = False
    retained_third: float | None = None


@pytest.mark.parametrize(
    ("facts", "weight"),
    [
        *[
            (Facts(name), 1.0)
            for name in (
                "typed_through",
                "diverged",
                "rejected",
                "withheld",
                "expired",
                "failed",
                "invalid",
            )
        ],
        (Facts("accepted", retained_third=0.95), 0.5),
        (Facts("accepted", retained_third=None), 0.5),
        (Facts("accepted", retained_third=0.9), 0.7),
        (Facts("accepted", undone=True, retained_third=0.0), 0.0),
        (Facts("partially_accepted"), 0.7),
        (Facts("accepted", region_changed=False), 0.25),
        (Facts("rejected", region_changed=False), 0.25),
        (Facts("superseded"), 0.0),
        (Facts("stale", region_changed=False), 0.0),
        (Facts(branch_switch=True), 0.0),
        (Facts(bulk_change=True), 0.0),
    ],
    ids=str,
)
def test_reliability(facts, weight):
    assert reliability(facts) == weight


def users(**amounts):
    return [(who, f"{who}-{n}") for who, amount in amounts.items() for n in range(amount)]


def test_one_user_cannot_fill_a_batch():
    kept = cap_users(users(ann=90, bob=10), lambda i: i[0], lambda i: i[1], share=0.5)
    assert kept.dropped == 40
    assert sum(1 for who, _ in kept.items if who == "ann") == 50
    assert kept.items == [item for item in users(ann=90, bob=10) if item in kept.items]


def test_a_lone_user_is_not_capped():
    assert cap_users(users(ann=7), lambda i: i[0], lambda i: i[1], share=0.1).dropped == 0


@pytest.mark.parametrize(("idle", "busy", "left"), [(50, 40, 10), (5, 40, 5), (3, 0, 0)])
def test_unchanged_regions_are_at_most_a_fifth(idle, busy, left):
    items = [f"idle-{n}" for n in range(idle)] + [f"busy-{n}" for n in range(busy)]
    kept = cap_nothing_wanted(items, lambda i: i.startswith("idle"), str)
    assert sum(item.startswith("idle") for item in kept.items) == left
    assert kept.dropped == idle - left


def test_far_references_that_no_answer_came_near_are_left_out():
    hopeless = [True, False, True, True, False]
    distances = [90, 100, 10, 80, 5]
    assert unreachable(hopeless, distances, 0.4) == [True, False, False, False, False]
    assert unreachable(hopeless, distances, 0.6) == [True, False, False, True, False]
    assert unreachable(hopeless, distances, 0.1) == [False] * 5  # a tenth of five is none
    assert unreachable(hopeless, distances, 0.0) == [False] * 5

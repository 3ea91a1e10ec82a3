"""Survival by tokens: hand-counted cases, and laws."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.survival import Survival, aligned, survival

CODE = st.text(alphabet="ab(), \n", max_size=25)


@pytest.mark.parametrize(
    ("base", "accepted", "now", "retained", "grams", "reverted"),
    [
        ("x", "x y z", "x y z", 1.0, 1.0, False),
        ("x", "x y z", "x", 0.0, 0.0, True),
        ("x", "x y z", "x y", 0.5, 0.0, False),
        ("x", "x y z", "x\n    y   z\n", 1.0, 1.0, False),
        ("x", "x a b c d e", "x a b c d", 0.8, 2 / 3, False),
        ("a b", "a", "a", 1.0, 1.0, False),
        ("a b", "a", "a b", 0.0, 0.0, True),
        ("a b c", "a", "a c", 0.5, 0.5, False),
        ("f(x)", "f(x, y)", "f(x, y, z)", 1.0, 2 / 3, False),
        ("a", "b", "c", 0.0, 0.0, False),
        # Of 4-grams those count in which something is new; blanks alone are nothing to lose.
        ("a b c d e f g h", "a b c d e f g h x", "f g h x", 1.0, 1.0, False),
        ("a b", "a  b", "a c", 1.0, 1.0, False),
        ("x", "a a a a a a", "a a a a", 2 / 3, 1 / 3, False),
    ],
)
def test_what_is_left(
    base: str, accepted: str, now: str, retained: float, grams: float, reverted: bool
) -> None:
    left = survival(base, accepted, now)
    assert left == Survival(pytest.approx(retained), pytest.approx(grams), reverted)  # type: ignore[arg-type]


@given(CODE, CODE, CODE)
def test_shares_are_shares(base: str, accepted: str, now: str) -> None:
    left = survival(base, accepted, now)
    assert 0 <= left.retained <= 1
    assert 0 <= left.four_grams <= 1
    assert survival(base, accepted, accepted).retained == 1
    if left.reverted:
        assert survival(base, accepted, base) == left


@given(st.lists(st.sampled_from("abc"), max_size=9), st.lists(st.sampled_from("abc"), max_size=9))
def test_alignment_is_a_longest_common_subsequence(first: list[str], second: list[str]) -> None:
    pairs = aligned(first, second)
    assert all(first[i] == second[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(pairs))
    best = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            same = best[i][j] + 1 if one == other else 0
            best[i + 1][j + 1] = max(same, best[i][j + 1], best[i + 1][j])
    assert len(pairs) == best[-1][-1]


def test_large_texts_do_not_take_long() -> None:
    base = " ".join(f"a{n}" for n in range(3000))
    now = " ".join(f"b{n}" for n in range(3000))
    assert survival("", base, now).retained == 0

"""What two sequences have in common at their ends, each item counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.ends import common_ends, common_start

TEXTS = st.text("ab", max_size=8)


@pytest.mark.parametrize(
    ("one", "other", "ends"),
    [
        ("", "", (0, 0)),
        ("same", "same", (4, 0)),
        ("aXb", "aYYb", (1, 1)),
        ("aa", "aaa", (2, 0)),
        ("aba", "a", (1, 0)),
        ("ab", "bb", (0, 1)),
        (["one", "two"], ["two"], (0, 1)),
    ],
)
def test_examples(one: str | list[str], other: str | list[str], ends: tuple[int, int]) -> None:
    assert common_ends(one, other) == ends


@given(TEXTS, TEXTS)
def test_ends_are_common_do_not_overlap_and_cannot_grow(one: str, other: str) -> None:
    head, tail = common_ends(one, other)
    assert head == common_start(one, other)
    assert one[:head] == other[:head]
    assert one[len(one) - tail :] == other[len(other) - tail :]
    left = [text[head : len(text) - tail] for text in (one, other)]
    assert [head + len(text) + tail for text in left] == [len(one), len(other)]
    assert not all(left) or (left[0][0] != left[1][0] and left[0][-1] != left[1][-1])

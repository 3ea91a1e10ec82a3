"""Whole-token replacement, what a diff replaces, and hunks read back from a diff's body."""

from hypothesis import given, settings
from hypothesis import strategies as st

from server.prompts.text import (
    Hunk,
    common_start,
    replace_tokens,
    replacements,
    split_lines,
    tokens,
)

WORDS = st.text("ab_. (\n", min_size=1, max_size=12)


def test_a_hunk_knows_its_lines_and_the_one_above() -> None:
    assert Hunk.of(" f(\n-a\n-b\n+c\n") == Hunk("f(", ("a", "b"), ("c",))
    assert Hunk.of("+c\n") == Hunk(None, (), ("c",))
    assert Hunk.of("") == Hunk(None, (), ())


def test_lines_are_split_at_newlines_only() -> None:
    assert split_lines("a\x0cb\n\nc") == ["a\x0cb\n", "\n", "c"]


@given(st.text())
def test_no_token_is_lost(text: str) -> None:
    assert "".join(tokens(text)) == text


@settings(deadline=None)
@given(WORDS, WORDS, WORDS)
def test_replacing_there_and_back_is_the_law_of_whole_tokens(text: str, old: str, new: str) -> None:
    assert replace_tokens(text, old, old) == text
    if old not in text:
        assert replace_tokens(text, old, new) == text


@settings(deadline=None)
@given(st.lists(WORDS), st.lists(WORDS))
def test_what_is_replaced_stands_in_the_diff(removed: list[str], added: list[str]) -> None:
    lines = [f"-{t}" for text in removed for t in text.split("\n")]
    lines += [f"+{t}" for text in added for t in text.split("\n")]
    old = "\n".join(line[1:] for line in lines if line[0] == "-")
    new = "\n".join(line[1:] for line in lines if line[0] == "+")
    for before, after in replacements("".join(f"{line}\n" for line in lines)):
        assert before in old
        assert after in new
        assert before != after


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4))
def test_what_two_begin_with(same: list[str], one: list[str], other: list[str]) -> None:
    one, other = [*same, *one], [*same, *other]
    count = common_start(one, other)
    assert len(same) <= count <= min(len(one), len(other))
    assert one[:count] == other[:count]
    assert one[count : count + 1] != other[count : count + 1] or count in (len(one), len(other))
    assert common_start("".join(one), "".join(other)) >= len("".join(one[:count]))

"""Where the recent edits may have to go on: which words were lost, and where they still stand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.document import split_lines
from lsp.history import Hunk
from lsp.places import MOST_HITS, MOST_WORDS, Text, lost_words, places


def hunk(old: str, new: str, path: str = "a.py") -> Hunk:
    return Hunk(f"file:///{path}", path, 0, None, tuple(old.splitlines()), tuple(new.splitlines()))


def words(*hunks: Hunk) -> list[str]:
    return [lost.word for lost in lost_words(hunks)]


def text(content: str, uri: str = "here") -> Text:
    return Text(uri, 1, split_lines(content))


def found(lost: str, here: str, line: int, *others: str) -> list[tuple[str, int, int]]:
    more = [text(content, f"other{n}") for n, content in enumerate(others)]
    them = lost_words([hunk(lost, "changed")])
    return [(p.uri, p.line, p.column) for p in places(them, text(here), line, more)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("total = 1", "amount = 1", ["total"]),
        ("x = fetch(url)", "x = load(url, timeout)", ["fetch"]),
        ("def area(self, width):", "def area(self, height):", ["width"]),
        ("return total", "return total + 1", []),
        ("if not found:", "while found:", []),
        ("i = 1", "j = 1", []),
        ("a.old_name(b_1, b_2)", "b_2", ["old_name", "b_1"]),
    ],
)
def test_words_that_an_edit_takes_away(old: str, new: str, expected: list[str]) -> None:
    assert words(hunk(old, new)) == expected


def test_newest_first_and_replaced_before_deleted() -> None:
    assert words(
        hunk("first = 1", "uno = 1"), hunk("second = 1", "due = 1"), hunk("import third", "")
    ) == ["second", "first", "third"]


def test_of_what_is_deleted_the_first_line_counts() -> None:
    assert words(hunk("def helper(text):\n    inner = text\n    other = inner", "")) == [
        "helper",
        "text",
    ]


def test_words_that_came_back_are_not_lost() -> None:
    assert words(hunk("moved = 1", ""), hunk("", "moved = 1", "b.py")) == []
    assert words(hunk("total", "amount"), hunk("amount", "total")) == ["amount"]
    assert words(hunk("total", "amount"), hunk("x(total)", "y(total)")) == ["total"]


def test_there_are_not_too_many_words() -> None:
    assert len(words(hunk(" ".join(f"word_{n}" for n in range(50)), "x"))) == MOST_WORDS


def test_below_first_then_above_then_other_documents() -> None:
    here = "\n".join("old" if n in (1, 3, 6, 8) else "x" for n in range(10))
    expected = [("here", 6, 0), ("here", 8, 0), ("here", 3, 0), ("here", 1, 0)]
    assert found("old", here, 5, "y\n  old\n", "old") == [
        *expected,
        ("other0", 1, 2),
        ("other1", 0, 0),
    ]


def test_only_whole_words() -> None:
    assert found("old", "older\nold_2\n_old\nmold\nöold\n(old)\nold.x\n", 0) == [
        ("here", 5, 1),
        ("here", 6, 0),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_those_of_the_document(end: str) -> None:
    assert found("old", end.join(["\u2028x", "\f y", "z", "a old"]), 0) == [("here", 3, 2)]


def test_a_word_in_every_line_is_not_followed_for_ever() -> None:
    assert len(found("old", "old old\n" * 5000, 2500)) == 2 * MOST_HITS


def test_the_cursor_may_be_behind_the_end() -> None:
    assert found("old", "old\nold", 99) == [("here", 1, 0), ("here", 0, 0)]
    assert found("old", "", 0) == []


@given(st.text(alphabet="ab_ .\n\r", max_size=80), st.integers(0, 20))
def test_every_place_is_found_once(content: str, line: int) -> None:
    lines = split_lines(content)
    expected = [
        ("here", number, match.start())
        for number, one in enumerate(lines)
        for match in re.finditer(r"\bab\b", one)
    ]
    below = [place for place in expected if place[1] >= line]
    above = [place for place in expected if place[1] < line]
    assert found("ab", content, line) == below + above[::-1]

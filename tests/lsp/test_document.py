"""Edits in any encoding give the text that the client has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.document import Document, split_lines
from lsp.positions import Encoding, from_code_points, to_code_points
from tests.lsp.editor import replaced

# Line ends, what Python takes for line ends and LSP does not, and characters of every width.
ALPHABET = "ab\r\n\f\v\u2028\u0085é漢😀\t "
TEXT = st.text(alphabet=ALPHABET, max_size=40)
EDIT = st.tuples(
    st.tuples(st.integers(0, 8), st.integers(0, 9)),
    st.tuples(st.integers(0, 8), st.integers(0, 9)),
    st.text(alphabet=ALPHABET, max_size=8),
)
UNIT = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
WIDTH = {"utf-8": 1, "utf-16": 2, "utf-32": 4}


def document(text: str, encoding: Encoding = "utf-16") -> Document:
    return Document("file:///a", "python", 1, text, encoding, 10_000)


def splits_pair(text: str, position: tuple[int, int]) -> bool:
    """Whether a UTF-16 position lies within a surrogate pair."""
    lines = split_lines(text)
    line = lines[min(position[0], len(lines) - 1)].rstrip("\r\n")
    there = to_code_points(line, position[1], "utf-16")
    units = sum(len(char.encode("utf-16-le")) // 2 for char in line)
    return from_code_points(line, there, "utf-16") != min(position[1], units)


@given(TEXT, st.lists(EDIT, max_size=6))
def test_edits_in_utf16_give_the_clients_text(text: str, edits: list) -> None:
    mine, theirs = document(text), text
    for one, other, new in edits:
        start, end = min(one, other), max(one, other)
        if start[0] > len(mine.lines) or splits_pair(theirs, start) or splits_pair(theirs, end):
            continue
        mine.apply(start, end, new)
        theirs = replaced(theirs, start, end, new)
        assert mine.text == theirs
        assert mine.lines == split_lines(theirs)


@given(TEXT, EDIT)
def test_a_change_says_what_it_replaced(text: str, edit: tuple) -> None:
    mine = document(text)
    before = list(mine.lines)
    start, end = sorted(edit[:2])
    change = mine.apply(start, end, edit[2])
    if change is not None:
        spliced = before[: change.first] + list(change.new)
        spliced += before[change.first + len(change.old) :]
        assert before[change.first : change.first + len(change.old)] == list(change.old)
        assert "".join(spliced) == mine.text


@given(st.text(alphabet="aé漢😀\u2028", max_size=12), st.sampled_from(sorted(UNIT)), st.data())
def test_columns_round_trip(line: str, encoding: Encoding, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(line)))
    column = from_code_points(line, index, encoding)
    assert column == len(line[:index].encode(UNIT[encoding])) // WIDTH[encoding]
    assert to_code_points(line, column, encoding) == index


@given(TEXT)
def test_splitting_loses_nothing_and_splits_only_at_line_ends(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert all(line.endswith(("\n", "\r")) for line in lines[:-1])
    assert not lines[-1].endswith(("\n", "\r"))
    inner = [line.removesuffix("\r\n").removesuffix("\n").removesuffix("\r") for line in lines]
    assert not any("\n" in line or "\r" in line for line in inner)


def test_column_inside_a_pair_is_its_start() -> None:
    assert to_code_points("a😀b", 2, "utf-16") == 1
    assert to_code_points("a😀b", 3, "utf-16") == 2


def test_halves_of_a_pair_arriving_apart_are_joined() -> None:
    mine = document("ab")
    mine.apply((0, 1), (0, 1), "\ud83d")
    mine.apply((0, 2), (0, 2), "\ude00")
    assert mine.text == "a😀b"


def test_carriage_return_and_newline_become_one_line_end() -> None:
    mine = document("a\rb")
    mine.apply((1, 0), (1, 1), "\n")
    assert mine.lines == ["a\r\n", ""]


@pytest.mark.parametrize(
    ("start", "end"), [((5, 0), (5, 0)), ((1, 0), (0, 0)), ((0, 2), (0, 1)), ((-1, 0), (0, 0))]
)
def test_impossible_ranges_end_the_trust(start: tuple[int, int], end: tuple[int, int]) -> None:
    mine = document("a\nb\n")
    assert mine.apply(start, end, "x") is None
    assert not mine.trusted
    assert mine.text == "a\nb\n"
    assert mine.apply((0, 0), (0, 0), "x") is None
    mine.replace_all("new")
    assert (mine.trusted, mine.text) == (True, "new")


def test_too_large_and_binary() -> None:
    big = Document("file:///a", "python", 1, "x" * 20, "utf-16", 10)
    assert (big.oversized, big.text) == (True, "")
    big.replace_all("small")
    assert (big.oversized, big.text) == (False, "small")
    assert document("a\0b").binary


def test_full_text_is_reduced_to_what_changed() -> None:
    mine = document("a\nb\nc\nd\n")
    change = mine.replace_all("a\nb\nX\nd\n")
    assert (change.first, change.old, change.new) == (2, ("c\n",), ("X\n",))


@pytest.mark.parametrize(
    ("inserted", "removed", "by_hand"),
    [
        ("x", "", True),
        ("\n    ", "", True),
        ("()", "", True),
        ("", "x", True),
        ("xy", "", False),
        ("", "xy", False),
        ("f(", "", False),
    ],
)
def test_what_one_key_can_do(inserted: str, removed: str, by_hand: bool) -> None:
    mine = document("a" + removed + "b")
    change = mine.apply((0, 1), (0, 1 + len(removed)), inserted)
    assert change
    assert change.by_hand is by_hand

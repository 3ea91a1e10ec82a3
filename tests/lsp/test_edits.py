"""Edits are small, exact, and keep the document's line ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.document import normalise, split_lines
from lsp.edits import Replacement, at_cursor, fitted, slide, smallest_edit

LINES = st.text(alphabet="ab \n", max_size=30)


def applied(lines: list[str], edit: Replacement) -> str:
    text = "".join(lines)

    def offset(at: tuple[int, int]) -> int:
        return sum(map(len, lines[: at[0]])) + at[1]

    return text[: offset(edit.start)] + edit.text + text[offset(edit.end) :]


@given(LINES, LINES, st.sampled_from(["\n", "\r\n", "\r"]))
def test_applying_the_edit_gives_the_new_region(old: str, new: str, eol: str) -> None:
    raw = split_lines(old.replace("\n", eol))
    edit = smallest_edit(0, raw, new, eol)
    wanted = fitted(old, new)
    if edit is None:
        assert wanted == old
    else:
        result = applied(raw, edit)
        assert normalise(result) == wanted
        assert result == wanted.replace("\n", eol)


@given(LINES, LINES)
def test_the_edit_is_the_smallest(old: str, new: str) -> None:
    edit = smallest_edit(0, split_lines(old), new, "\n")
    if edit is not None:
        lines = split_lines(old)
        removed = "".join(lines)
        start = sum(map(len, lines[: edit.start[0]])) + edit.start[1]
        end = sum(map(len, lines[: edit.end[0]])) + edit.end[1]
        removed = removed[start:end]
        assert not removed or not edit.text or removed[0] != edit.text[0]
        assert not removed or not edit.text or removed[-1] != edit.text[-1]


def test_mixed_line_ends_stay_where_lines_stay() -> None:
    raw = ["a\r\n", "b\n", "c\r\n", "d\n"]
    edit = smallest_edit(0, raw, "A\nb\nc\nD\n", "\r\n")
    assert edit
    assert applied(raw, edit) == "A\r\nb\nc\r\nD\n"


@pytest.mark.parametrize(
    ("region", "new", "result"),
    [
        ("a\n", "b", "b\n"),
        ("a\n", "b\n", "b\n"),
        ("a", "b\n", "b"),
        ("a\n", "", ""),
        ("", "b\n", "b\n"),
    ],
)
def test_the_final_newline_is_the_files_own(region: str, new: str, result: str) -> None:
    assert fitted(region, new) == result


@given(LINES, st.integers(0, 30), st.text(alphabet="ab\n", min_size=1, max_size=5), st.data())
def test_sliding_gives_the_same_text(
    text: str, at: int, inserted: str, data: st.DataObject
) -> None:
    lines = split_lines(text)
    at = min(at, len(text))
    start = text.count("\n", 0, at), at - (text.rfind("\n", 0, at) + 1)
    line = data.draw(st.integers(0, len(lines) - 1))
    cursor = line, data.draw(st.integers(0, len(lines[line].rstrip("\n"))))
    edit = Replacement(start, start, inserted)
    assert applied(lines, slide(edit, lines, cursor)) == applied(lines, edit)
    ghost = at_cursor(edit, lines, cursor)
    if ghost is not None:
        assert applied(lines, ghost) == applied(lines, edit)
        assert ghost.start == cursor
        assert ghost.end[0] == cursor[0]


def test_a_line_below_the_cursor_is_ghost_text() -> None:
    lines = ["if x:\n", "y\n", ""]
    edit = Replacement((1, 0), (1, 0), "    pass\n")
    assert at_cursor(edit, lines, (0, 5)) == Replacement((0, 5), (0, 5), "\n    pass")


def test_crlf_line_below_the_cursor_is_ghost_text() -> None:
    lines = ["if x:\r\n", "y\r\n", ""]
    edit = Replacement((1, 0), (1, 0), "    pass\r\n")
    assert at_cursor(edit, lines, (0, 5)) == Replacement((0, 5), (0, 5), "\r\n    pass")


@pytest.mark.parametrize(
    "edit",
    [
        Replacement((0, 0), (0, 1), "x"),
        Replacement((1, 0), (1, 0), "x"),
        Replacement((0, 0), (0, 0), "x"),
        Replacement((0, 1), (0, 2), ""),
    ],
)
def test_what_ghost_text_cannot_show(edit: Replacement) -> None:
    assert at_cursor(edit, ["abc\n", "def\n", ""], (0, 1)) is None

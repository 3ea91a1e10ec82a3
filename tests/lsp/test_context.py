"""The region is what the profile allows, holds the cursor, and is the document's own text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store.events import RecentEdit
from lsp.context import Limits, build_context, region_around
from lsp.document import Document, normalise, split_lines


def document(text: str) -> Document:
    return Document("file:///a", "python", 1, text, "utf-16", 1_000_000)


@given(st.integers(0, 60), st.integers(1, 25), st.booleans(), st.data())
def test_region_holds_the_cursor_and_is_full(
    count: int, limit: int, newline: bool, data: st.DataObject
) -> None:
    lines = split_lines("\n".join("x" for _ in range(count)) + ("\n" if newline else ""))
    cursor = data.draw(st.integers(0, len(lines) - 1))
    region = region_around(lines, cursor, limit)
    real = len(lines) - (lines[-1] == "")
    assert region.first <= cursor < region.last
    assert min(region.last, real) - region.first == min(limit, real)


@pytest.mark.parametrize(
    ("cursor", "limit", "expected"),
    [(10, 10, (7, 17)), (0, 10, (0, 10)), (1, 10, (0, 10)), (29, 10, (20, 31)), (30, 10, (20, 31))],
)
def test_a_third_above_the_cursor(cursor: int, limit: int, expected: tuple[int, int]) -> None:
    region = region_around(split_lines("x\n" * 30), cursor, limit)
    assert (region.first, region.last) == expected


@given(st.text(alphabet="ab\r\n\f\u2028", max_size=60), st.data())
def test_context_is_a_slice_of_the_document(text: str, data: st.DataObject) -> None:
    doc = document(text)
    cursor = data.draw(st.integers(0, len(doc.lines) - 1)), 0
    built = build_context(doc, "a.py", cursor, Limits(4, 3, 2, 3), ())
    assert built
    region, context = built
    whole = context.prefix + context.region + context.suffix
    assert whole in normalise(text)
    assert "\r" not in whole
    assert context.region.count("\n") <= 4
    assert context.prefix.count("\n") <= 3
    assert context.cursor_line == cursor[0] - region.first


def test_what_cannot_be_sent() -> None:
    half = document("a = '\ud83d'\n")
    assert build_context(half, "a.py", (0, 0), Limits(), ()) is None
    long = document("x" * 70_000)
    assert build_context(long, "a.py", (0, 0), Limits(), ()) is None


def test_everything_the_model_knows() -> None:
    recent = (RecentEdit(path="b.py", diff="-x\n+y\n"),)
    built = build_context(document("a\nb\nc\nd\n"), "a.py", (2, 1), Limits(2, 1, 1, 3), recent)
    assert built
    context = built[1]
    assert (context.prefix, context.region, context.suffix) == ("b\n", "c\nd\n", "")
    assert (context.region_first_line, context.cursor_line, context.cursor_character) == (2, 0, 1)
    assert (context.language, context.recent_edits) == ("python", recent)

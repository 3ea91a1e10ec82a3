"""The `lines` format: every line behind its boundary, and nothing else reads back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_store.events import EditContext, Reason
from server.prompts.lines import LinesFormat

LINES = LinesFormat()


def context(region: str = "a\nb\n") -> EditContext:
    return EditContext(
        path="pkg/mod.py", language="python", prefix="before\n", region=region, suffix="after\n",
        region_first_line=1, cursor_line=0, cursor_character=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ("a\nc\n", "<|L0|>a\n<|L1|>c\n<|L2|><|end|>"),
        ("a\n", "<|L0|>a\n<|L1|><|L2|><|end|>"),
        ("a\nx\nb\n", "<|L0|>a\nx\n<|L1|>b\n<|L2|><|end|>"),
        ("x\na\nb\n", "<|L0|>x\na\n<|L1|>b\n<|L2|><|end|>"),
        ("a\nc\nd\n", "<|L0|>a\n<|L1|>c\nd\n<|L2|><|end|>"),
    ],
)
def test_each_line_is_answered_behind_its_boundary(wanted: str, answer: str) -> None:
    assert LINES.render_answer(context(), wanted) == answer


def test_an_empty_region_is_filled_behind_its_only_boundary() -> None:
    assert LINES.render_answer(context(""), "x\n") == "<|L0|>x\n<|end|>"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "a\nb\n",
        "<|L0|>a\n<|L1|>b\n",
        "<|L0|>a\n<|L2|>",
        "<|L1|>a\n<|L0|>b\n<|L2|>",
        "x<|L0|>a\n<|L1|>b\n<|L2|>",
        "<|L0|>a\n<|L1|>b\n<|L2|><|edit|>",
        "<|L0|>a\n<|L1|>\ufffd\n<|L2|>",
    ],
)
def test_a_boundary_that_is_missing_or_out_of_order_is_unparsable(answer: str) -> None:
    assert LINES.parse(context(), answer, finished=True).reason is Reason.UNPARSABLE


def test_a_cut_off_answer_is_no_edit() -> None:
    assert LINES.parse(context(), "<|L0|>a", finished=False).reason is Reason.TRUNCATED


line = st.sampled_from(["a", "b", "", "    c", "d\x0ce", "é", "𝄞"])
lines = st.lists(line, max_size=12)


@settings(deadline=None)
@given(lines, lines, st.sampled_from(["", "x"]))
def test_what_is_rendered_reads_back(old: list[str], new: list[str], last: str) -> None:
    """Whether or not the file's last line has a line end."""
    region, wanted = ("".join(f"{line}\n" for line in part) + last for part in (old, new))
    here = context(region)
    parsed = LINES.parse(here, LINES.render_answer(here, wanted), finished=True)
    if wanted == region:
        assert parsed.reason is Reason.NO_EDIT
    else:
        assert parsed.new_region == wanted

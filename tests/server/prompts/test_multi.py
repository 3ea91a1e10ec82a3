"""The `multi` formats: what is asked for, what is answered, what reads back."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_store.events import Diagnostic, EditContext, Excerpt, Reason, RecentEdit
from server.prompts.base import Budget
from server.prompts.families import family_profiles
from server.prompts.multi import (
    COMPLAINTS,
    DEEPSEEK,
    LEAST,
    MOST,
    PLAIN,
    QWEN,
    MultiFormat,
    boundaries,
)
from server.prompts.text import split_lines

MULTI = MultiFormat("multi-qwen", QWEN)
FORMATS = [MULTI, MultiFormat("multi-deepseek", DEEPSEEK), MultiFormat("multi-plain", PLAIN)]
REGION = "a = 1\nb = 2\nc = 3\n\nd = 4\ne = 5\nf = 6\n"


def context(region: str = REGION, **changes: object) -> EditContext:
    given = {
        "path": "pkg/mod.py", "language": "python", "prefix": "before\n", "region": region,
        "suffix": "after\n", "region_first_line": 1, "cursor_line": 1, "cursor_character": 1,
    }  # fmt: skip
    return EditContext.model_validate(given | changes)


def test_the_whole_prompt() -> None:
    shown = context(
        recent_edits=(
            RecentEdit(path="a.py", diff="-x\n+y\n"),
            RecentEdit(path="a.py", diff=" z\n-x\n+y\n"),
            RecentEdit(path="pkg/mod.py", diff="+w\n"),
        ),
        diagnostics=(Diagnostic(line=4, severity=1, message="no such name"),),
        excerpts=(Excerpt(path="lib.py", text="def f(): ..."),),
    )
    assert MULTI.render(shown, Budget()) == (
        "<|file_sep|>lib.py\ndef f(): ...\n"
        "<|file_sep|>edits\n--- a.py\n-x\n+y\n z\n-x\n+y\n--- pkg/mod.py\n+w\n"
        "<|file_sep|>complaints\nline 5: no such name\n"
        "<|file_sep|>pkg/mod.py\n<|fim_prefix|>before\n"
        "<|marker_1|>\na = 1\nb<|user_cursor|> = 2\nc = 3\n\n<|marker_2|>\nd = 4\ne = 5\nf = 6\n"
        "<|marker_3|>\n<|fim_suffix|>after\n<|fim_middle|>"
    )


def test_an_instruction_stands_right_before_the_code() -> None:
    plain, told = (MULTI.render(one, Budget()) for one in (context(), context(instruction="sort")))
    assert told == f"<|file_sep|>instruction\nsort\n{plain}"
    sign = context(instruction="write <|fim_middle|>")
    assert MULTI.render(sign, Budget()) is Reason.SENTINEL


def test_only_the_blocks_that_change_are_rewritten() -> None:
    new = REGION.replace("e = 5", "e = 6\ne2 = 7")
    answer = "<|marker_2|>\nd = 4\ne = 6\ne2 = 7\nf = 6\n<|marker_3|><|endoftext|>"
    assert MULTI.render_answer(context(), new) == answer
    assert MULTI.parse(context(), answer, finished=True).new_region == new


def test_silence_is_one_token_and_the_same_marker_twice_is_silence() -> None:
    assert MULTI.render_answer(context(), REGION) == "<|endoftext|>"
    for answer in ("<|endoftext|>", "", "<|marker_2|><|marker_2|>", "<|marker_1|>\n<|marker_1|>"):
        assert MULTI.parse(context(), answer, finished=True).reason is Reason.NO_EDIT, answer


def test_markers_in_between_and_cursors_say_nothing() -> None:
    answer = "<|marker_1|>\nx<|user_cursor|>\n<|marker_2|>\ny\n<|marker_3|>"
    assert MULTI.parse(context(), answer, finished=True).new_region == "x\ny\n"


def test_what_is_appended_or_written_between_markers_stands_on_lines_of_its_own() -> None:
    appended = MULTI.parse(context("a\nx"), "<|marker_2|>\nnew\n<|marker_2|>", finished=True)
    assert appended.new_region == "a\nx\nnew"
    answer = "<|marker_1|>\nx<|marker_2|>\ny\n<|marker_3|>"
    assert MULTI.parse(context(), answer, finished=True).new_region == "x\ny\n"
    removed = MULTI.parse(context("a\nx"), "<|marker_1|>\n<|marker_2|>", finished=True)
    assert removed.new_region == ""


def test_answers_that_make_no_sense_are_unparsable() -> None:
    for answer in (
        "text",
        "<|marker_1|>\nx\n",
        "x\n<|marker_1|>\ny\n<|marker_2|>",
        "<|marker_2|>\nx\n<|marker_1|>",
        "<|marker_0|>\nx\n<|marker_1|>",
        "<|marker_1|>\nx\n<|marker_4|>",
        "<|marker_1|>\nx\n<|marker_2|>\nmore",
        "<|marker_1|>\n<|fim_prefix|>\n<|marker_2|>",
        "<|marker_1|>\n\ufffd\n<|marker_2|>",
    ):
        assert MULTI.parse(context(), answer, finished=True).reason is Reason.UNPARSABLE, answer
    cut = MULTI.parse(context(), "<|marker_1|>\nx\n", finished=False)
    assert cut.reason is Reason.TRUNCATED


def test_trimming_goes_from_the_outside_in() -> None:
    long = context(
        prefix="".join(f"before {n}\n" for n in range(90)),
        suffix="".join(f"after {n}\n" for n in range(90)),
        excerpts=(Excerpt(path="lib.py", text="excerpt\n" * 90),),
        recent_edits=(RecentEdit(path="a.py", diff="-x\n+y\n"),),
    )
    prompt = MULTI.render(long, Budget(prompt_tokens=300, chars_per_token=2.0))
    assert isinstance(prompt, str)
    assert len(prompt) <= 600
    assert "excerpt" not in prompt
    assert "before 89\n<|marker_1|>" in prompt
    assert "+y" in prompt
    tight = Budget(prompt_tokens=10, chars_per_token=2.0)
    assert MULTI.render(long, tight) is Reason.PROMPT_TOO_LONG


@pytest.mark.parametrize("shape", FORMATS, ids=lambda shape: shape.name)
def test_markers_in_code_are_refused(shape: MultiFormat) -> None:
    for sign in shape.markers:
        assert shape.render(context(f'x = "{sign}"\n'), Budget()) is Reason.SENTINEL
        edit = RecentEdit(path="a.py", diff=f"+{sign}\n")
        assert shape.render(context(recent_edits=(edit,)), Budget()) is Reason.SENTINEL


line = st.sampled_from(["a", "b", "", "    c", "d\x0ce", "é", "𝄞"])
lines = st.lists(line, max_size=24)


@given(lines)
def test_blocks_are_neither_short_nor_long(region: list[str]) -> None:
    places = boundaries([f"{one}\n" for one in region])
    sizes = [last - first for first, last in pairwise(places)]
    assert sum(sizes) == len(region)
    assert all(size <= MOST + LEAST for size in sizes)
    assert len(sizes) == 1 or all(size >= LEAST for size in sizes)


@settings(deadline=None)
@given(lines, lines, st.sampled_from(FORMATS), st.booleans())
def test_what_is_rendered_reads_back(
    old: list[str], new: list[str], shape: MultiFormat, cut: bool
) -> None:
    region, wanted = ("".join(f"{line}\n" for line in part) for part in (old, new))
    if cut:  # a file's last line has no line end
        region, wanted = region + "x", wanted + "y"
    here = context(region)
    answer = shape.render_answer(here, wanted)
    assert answer.endswith(shape.stop[0])
    parsed = shape.parse(here, answer, finished=True)
    if wanted == region:
        assert parsed.reason is Reason.NO_EDIT
    else:
        assert parsed.new_region == wanted
    blocks = len(boundaries(split_lines(region)))
    prompt = shape.render(here, Budget())
    assert isinstance(prompt, str)
    assert prompt.count("<|marker_") == blocks


def test_large_models_ask_for_what_their_prompt_has_room_for() -> None:
    asked = {(one.excerpts, one.diagnostics) for one in family_profiles()}
    assert asked == {(4, COMPLAINTS)}

"""The `span` format: what is asked for, what is answered, what reads back."""

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_store.events import EditContext, Reason, RecentEdit
from server.prompts.base import Budget
from server.prompts.span import MOST_LINES, SpanFormat

SPAN = SpanFormat()
REGION = "a = 1\nb = 2\nc = 3\nd = 4\n"


def context(region: str = REGION, **changes: object) -> EditContext:
    given = {
        "path": "pkg/mod.py",
        "language": "python",
        "prefix": "before\n",
        "region": region,
        "suffix": "after\n",
        "region_first_line": 1,
        "cursor_line": 0,
        "cursor_character": 0,
    }
    return EditContext.model_validate(given | changes)


def test_every_boundary_of_the_region_is_marked() -> None:
    assert SPAN.render(context("x\ny\n"), Budget()) == (
        "<|file|>pkg/mod.py\n<|prefix|>before\n"
        "<|region|><|L0|>x\n<|L1|>y\n<|L2|><|suffix|>after\n<|edit|>"
    )


def test_edits_of_other_files_are_shown() -> None:
    elsewhere = RecentEdit(path="other.py", diff="-x\n+y\n")
    prompt = SPAN.render(context(recent_edits=(elsewhere,)), Budget())
    assert "<|event|>-x\n+y\n<|prefix|>" in prompt


def test_no_edit_is_one_token() -> None:
    assert SPAN.render_answer(context(), REGION) == "<|end|>"
    assert SPAN.parse(context(), "<|end|>", finished=True).reason is Reason.NO_EDIT


def test_replaced_lines_keep_their_inner_boundaries() -> None:
    new = "a = 1\nB = 2\nC = 3\nd = 4\n"
    answer = "<|L1|>B = 2\n<|L2|>C = 3\n<|L3|><|end|>"
    assert SPAN.render_answer(context(), new) == answer


def test_insertion_deletion_and_two_places() -> None:
    assert SPAN.render_answer(context(), "a = 1\nnew\nb = 2\nc = 3\n") == (
        "<|L1|>new\n<|L1|><|edit|><|L3|><|L4|><|end|>"
    )


def test_answers_that_make_no_sense_are_unparsable() -> None:
    for answer in (
        "text",
        "<|L1|>",
        "<|L1|>x\n",
        "x<|L1|>y\n<|L2|>",
        "<|L2|>x\n<|L1|>",
        "<|L1|>x\n<|L9|>",
        "<|L2|>x\n<|L3|><|edit|><|L0|>y\n<|L1|>",
        "<|L1|>x<|file|>\n<|L2|>",
        "<|L1|>x\n<|L2|><|edit|>",
    ):
        assert SPAN.parse(context(), answer, finished=True).reason is Reason.UNPARSABLE, answer
    cut = SPAN.parse(context(), "<|L1|>x\n<|L2|>", finished=False)
    assert cut.reason is Reason.TRUNCATED


def test_what_is_appended_stands_on_its_own_line() -> None:
    assert SPAN.parse(context("a\nx"), "<|L2|>y\n<|L2|>", finished=True).new_region == "a\nx\ny"


def test_silence_is_silence_whatever_stands_in_the_region() -> None:
    odd = context("x = '\ufffd'\n")
    assert SPAN.parse(odd, "<|end|>", finished=True).reason is Reason.NO_EDIT
    broken = SPAN.parse(odd, "<|L0|>\ufffd\n<|L1|>", finished=True)
    assert broken.reason is Reason.UNPARSABLE


def test_a_region_with_more_lines_than_markers_has_no_prompt() -> None:
    assert SPAN.render(context("x\n" * MOST_LINES), Budget()) not in list(Reason)
    assert SPAN.render(context("x\n" * (MOST_LINES + 1)), Budget()) is Reason.PROMPT_TOO_LONG


def test_boundaries_in_code_are_refused() -> None:
    assert SPAN.render(context('x = "<|L3|>"\n'), Budget()) is Reason.SENTINEL


line = st.sampled_from(["a", "b", "", "    c", "d\x0ce", "é", "𝄞"])
lines = st.lists(line, max_size=12)


@settings(deadline=None)
@given(lines, lines)
def test_what_is_rendered_reads_back(old: list[str], new: list[str]) -> None:
    region, wanted = ("".join(f"{line}\n" for line in part) for part in (old, new))
    here = context(region)
    parsed = SPAN.parse(here, SPAN.render_answer(here, wanted), finished=True)
    if wanted == region:
        assert parsed.reason is Reason.NO_EDIT
    else:
        assert parsed.new_region == wanted


@settings(deadline=None)
@given(lines, lines)
def test_a_last_line_without_line_end_stays_so(old: list[str], new: list[str]) -> None:
    region, wanted = "".join(f"{x}\n" for x in old) + "x", "".join(f"{x}\n" for x in new) + "y"
    here = context(region)
    parsed = SPAN.parse(here, SPAN.render_answer(here, wanted), finished=True)
    assert parsed.new_region == wanted

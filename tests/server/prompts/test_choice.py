"""The `choice` format: guesses stand in the prompt, answers take one of them or write a change."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_store.events import Reason, RecentEdit
from server.prompts.base import Budget
from server.prompts.choice import ChoiceFormat
from server.prompts.region import RegionFormat
from server.prompts.span import SpanFormat

from .test_span import context

CHOICE = ChoiceFormat()
RENAME = (RecentEdit(path="pkg/mod.py", diff="-old = 1\n+new = 1\n"),)
HERE = context("x = old\ny = 2\n", recent_edits=RENAME)


def test_guesses_stand_before_the_answer() -> None:
    assert CHOICE.render(HERE, Budget()) == (
        "<|file|>pkg/mod.py\n<|event|>-old = 1\n+new = 1\n<|prefix|>before\n"
        "<|region|><|L0|>x = old\n<|L1|>y = 2\n<|L2|><|suffix|>after\n"
        "<|by-edit|><|by-token|><|by-part|>\n<|L0|>x = new\n<|L1|>8<|edit|>"
    )


def test_the_likeliest_guess_stands_last() -> None:
    edits = (RecentEdit(path="a.py", diff="-f(a, 1)\n+g(b, 1)\n"),)
    here = context("f(a)\n", recent_edits=edits)
    prompt = CHOICE.render(here, Budget())
    assert isinstance(prompt, str)
    shown = re.findall(r"<\|L0\|>(\w\(\w\))\n<\|L1\|>(\d)", prompt)
    assert sorted(text for text, _ in shown) == ["f(b)", "g(b)"]
    assert [digit for _, digit in shown] == sorted(digit for _, digit in shown)
    assert prompt.endswith(f"{shown[-1][1]}<|edit|>")


def test_without_a_guess_the_prompt_is_that_of_span() -> None:
    prompt = CHOICE.render(context("x\n"), Budget())
    assert isinstance(prompt, str)
    assert prompt.endswith("<|L0|>x\n<|L1|><|suffix|>after\n<|edit|>")


def test_a_guess_is_taken_by_any_of_its_names() -> None:
    assert CHOICE.render_answer(HERE, "x = new\ny = 2\n") == "<|by-edit|><|end|>"
    for name in ("<|by-edit|>", "<|by-token|>", "<|by-edit|><|end|>"):
        assert CHOICE.parse(HERE, name, finished=True).new_region == "x = new\ny = 2\n"


def test_a_guess_that_stands_alone_goes_by_any_name() -> None:
    assert CHOICE.parse(HERE, "<|by-line|>", finished=True).new_region == "x = new\ny = 2\n"
    bare = context("x\n")
    assert CHOICE.parse(bare, "<|by-line|>", finished=True).reason is Reason.UNPARSABLE
    two = context("x = old\nold_list\n", recent_edits=RENAME)
    assert str(CHOICE.render(two, Budget())).count("<|L0|>x = new") == 2
    assert CHOICE.parse(two, "<|by-block|>", finished=True).reason is Reason.UNPARSABLE


def test_silence_and_written_changes_stay_possible() -> None:
    assert CHOICE.render_answer(HERE, HERE.region) == "<|end|>"
    assert CHOICE.parse(HERE, "<|end|>", finished=True).reason is Reason.NO_EDIT
    assert CHOICE.render_answer(HERE, "x = old\ny = 3\n") == "<|L1|>y = 3\n<|L2|><|end|>"
    written = CHOICE.parse(HERE, "<|L1|>y = 3\n<|L2|>", finished=True)
    assert written.new_region == "x = old\ny = 3\n"


def test_answers_that_make_no_sense_are_unparsable() -> None:
    for answer in ("<|by-edit|>x", "<|by-edit|><|by-token|>", "<|by-edit|><|L0|>"):
        assert CHOICE.parse(HERE, answer, finished=True).reason is Reason.UNPARSABLE, answer
    assert CHOICE.parse(HERE, "<|by-edit|>", finished=False).reason is Reason.TRUNCATED


def test_only_edits_that_are_shown_are_guessed_from() -> None:
    later = tuple(RecentEdit(path="a", diff=f"-z{n}\n+w{n}\n") for n in range(4))
    prompt = CHOICE.render(context("x = old\n", recent_edits=RENAME + later), Budget())
    assert isinstance(prompt, str)
    assert "<|by-" not in prompt


def test_guesses_take_room_from_what_is_around() -> None:
    far = "".join(f"line {n} of what stands before\n" for n in range(30))
    here = context("x = old\n" * 8, prefix=far, recent_edits=RENAME)
    whole, small = (CHOICE.render(here, Budget(prompt_tokens=n)) for n in (1400, 150))
    assert isinstance(whole, str)
    assert isinstance(small, str)
    assert len(small) <= 150 * Budget().chars_per_token < len(whole)
    assert "<|by-edit|>" in small
    assert CHOICE.render(here, Budget(prompt_tokens=40)) is Reason.PROMPT_TOO_LONG


def test_markers_in_code_are_refused() -> None:
    assert CHOICE.render(context('x = "<|by-line|>"\n'), Budget()) is Reason.SENTINEL
    edit = RecentEdit(path="a", diff='-x\n+"<|L3|>"\n')
    assert CHOICE.render(context("x\n", recent_edits=(edit,)), Budget()) is Reason.SENTINEL


line = st.sampled_from(["a", "f(a)", "    f(b)", "", "c = old", "d\x0ce"])
lines = st.lists(line, max_size=8)


@settings(deadline=None)
@given(lines, lines, st.booleans())
def test_what_is_rendered_reads_back(old: list[str], new: list[str], ends: bool) -> None:
    end = "\n" if ends else "x"
    region, wanted = ("".join(f"{line}\n" for line in part) + end for part in (old, new))
    edits = (RecentEdit(path="a", diff="-f(a)\n+f(a, 1)\n"), *RENAME)
    here = context(region, recent_edits=edits)
    parsed = CHOICE.parse(here, CHOICE.render_answer(here, wanted), finished=True)
    if wanted == region:
        assert parsed.reason is Reason.NO_EDIT
    else:
        assert parsed.new_region == wanted


def test_the_embedded_models_formats_know_no_instructions() -> None:
    told = context("x\n", instruction="make it asynchronous")
    for shape in (CHOICE, SpanFormat(), RegionFormat()):
        assert not shape.instructions
        assert shape.render(told, Budget()) is Reason.NO_INSTRUCTIONS

"""Which answers are never shown, and for which reason."""

import pytest

from feedback_store.events import EditContext, Reason, RecentEdit
from server.prompts.filters import is_reversal, reason_to_withhold, without_reversals
from server.prompts.text import Hunk

MANY = "".join(f"line {n}\n" for n in range(12))


def context(region: str, diff: str = "", **changes: object) -> EditContext:
    edits = (RecentEdit(path="a.py", diff=diff),) if diff else ()
    given = {
        "path": "a.py", "language": "python", "prefix": "", "region": region, "suffix": "",
        "region_first_line": 0, "cursor_line": 0, "cursor_character": 0, "recent_edits": edits,
    }  # fmt: skip
    return EditContext.model_validate(given | changes)


def test_an_edit_of_blanks_alone_is_withheld() -> None:
    for blank in ("a = 1 \nb\n", "a=1\nb\n", "a = 1\n\nb\n", "  a = 1\n  b\n"):
        assert reason_to_withhold(context("a = 1\nb\n"), blank) is Reason.WHITESPACE_ONLY
    assert reason_to_withhold(context("a = 1\nb\n"), "a = 1\nb.\n") is None


@pytest.mark.parametrize(
    ("diff", "region", "answer"),
    [
        ("-foo()\n+bar()\n", "bar()\n", "foo()\n"),
        ("+one()\n+two()\n", "one()\ntwo()\nx\n", "one()\nx\n"),
        ("+one()\n+two()\n", "one()\ntwo()\nx\n", "x\n"),
        ("-x = f()\n+x = f(first, second)\n", "x = f(first, second)\n", "x = f(first)\n"),
        ("-x = f()\n+x = f(first, second)\n", "x = f(first, second)\n", "x = f()\n"),
        ("+return value\n", "a\nreturn value\n", "a\nreturn\n"),
    ],
)
def test_what_takes_back_the_last_edit_is_a_reversal(diff: str, region: str, answer: str) -> None:
    assert reason_to_withhold(context(region, diff), answer) is Reason.REVERSAL


@pytest.mark.parametrize(
    ("diff", "region", "answer"),
    [
        ("-f(a)\n+f(a, b))\n", "f(a, b))\n", "f(a, b)\n"),  # a bracket too many
        ("-x = f()\n+x = f(first, second)\n", "x = f(first, second)\n", "x = f(second)\n"),
        ("+one()\n+two()\n", "one()\ntwo()\nx\n", "one()\ntwo()\n"),  # other lines
        ("+one()\n", "one()\nx\n", "one(1)\nx\n"),
        ("-old\n+new\n", "new\nold\n", "new\nnew\n"),
    ],
)
def test_what_goes_on_from_the_last_edit_is_shown(diff: str, region: str, answer: str) -> None:
    assert reason_to_withhold(context(region, diff), answer) is None


LINES = "".join(f"value_{n} = {n}\n" for n in range(10))
THIRD = " value_2 = 2\n-value_3 = 3\n+total_3 = 3\n"
FIFTH = " value_4 = 4\n-value_5 = 5\n+total_5 = 5\n"
INSERTED = " value_2 = 2\n+new = 1\n"


def edited(*diffs: str) -> EditContext:
    """A file after edits, the newest last."""
    text = LINES
    for diff in diffs:
        hunk = Hunk.of(diff)
        old = "".join(f"{line}\n" for line in (hunk.above, *hunk.removed))
        new = "".join(f"{line}\n" for line in (hunk.above, *hunk.added))
        assert text.count(old) == 1
        text = text.replace(old, new)
    recent = tuple(RecentEdit(path="a.py", diff=diff) for diff in diffs)
    return context(text, recent_edits=recent)


@pytest.mark.parametrize("diffs", [(THIRD, FIFTH), (FIFTH, THIRD), (INSERTED, FIFTH)])
def test_to_undo_any_or_all_recent_edits_is_a_reversal(diffs: tuple[str, ...]) -> None:
    here = edited(*diffs)
    for undone in (diffs[:1], diffs[1:]):
        answer = edited(*undone).region
        assert reason_to_withhold(here, answer) is Reason.REVERSAL
        assert is_reversal(here, answer)
    assert reason_to_withhold(here, LINES) is Reason.REVERSAL
    assert is_reversal(here, LINES)


@pytest.mark.parametrize("diffs", [(THIRD,), (THIRD, FIFTH), (INSERTED,)])
@pytest.mark.parametrize("other", [("value_7 = 7", "value_7 = 8"), ("value_4 = 4", "total_4 = 4")])
def test_what_undoes_an_edit_is_left_out_of_a_larger_answer(
    diffs: tuple[str, ...], other: tuple[str, str]
) -> None:
    here = edited(*diffs)
    answer = LINES.replace(*other)
    assert reason_to_withhold(here, answer) is None
    assert not is_reversal(here, answer)
    assert without_reversals(here, answer) == here.region.replace(*other)


def test_a_line_that_moves_is_not_taken_back() -> None:
    here = edited(INSERTED)
    moved = "new = 1\n" + LINES
    assert without_reversals(here, moved) == moved
    assert reason_to_withhold(here, moved) is None


def test_blank_lines_come_and_go() -> None:
    here = edited(" value_2 = 2\n+\n", FIFTH)
    answer = here.region.replace("\n\n", "\n").replace("value_7 = 7", "value_7 = 8")
    assert without_reversals(here, answer) == answer


def test_told_in_words_anything_may_be_undone() -> None:
    here = edited(THIRD).model_copy(update={"instruction": "undo that"})
    assert without_reversals(here, LINES) == LINES


def test_rewards_know_whole_reversals_only() -> None:
    edited = context("one()\ntwo()\nx\n", "+one()\n+two()\n")
    assert is_reversal(edited, "x\n")
    assert not is_reversal(edited, "one()\nx\n")


def test_edits_of_other_files_are_not_reversed() -> None:
    elsewhere = (RecentEdit(path="b.py", diff="-foo()\n+bar()\n"),)
    here = context("bar()\n", recent_edits=elsewhere)
    assert reason_to_withhold(here, "foo()\n") is None


def test_much_is_deleted_only_by_hand() -> None:
    assert reason_to_withhold(context(MANY), "line 0\n") is Reason.MASS_DELETION
    assert reason_to_withhold(context(MANY), "line 0\n", by_hand=True) is None
    assert reason_to_withhold(context(MANY), MANY.replace("line 3\n", "")) is None


def test_an_instruction_may_ask_for_anything() -> None:
    told = context(MANY, "-x\n+line 0\n", instruction="remove all of it")
    assert reason_to_withhold(told, "") is None
    assert reason_to_withhold(told, MANY.replace("line", "  line")) is None

"""Which answers are never shown, and for which reason."""

import pytest

from feedback_store.events import EditContext, Reason, RecentEdit
from server.prompts.filters import is_reversal, reason_to_withhold

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

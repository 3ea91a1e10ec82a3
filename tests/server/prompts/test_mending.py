"""What is put right in an answer: code repeated from behind the region, foreign indentation."""

import pytest

from server.prompts.mending import indented_alike, mended, without_repeated_suffix
from tests.server.prompts.test_filters import context

SUFFIX = "    return total\n\ndef other():\n    pass\n"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("    total += 1\n    return total\n", "    total += 1\n"),
        ("    total += 1\n    return total\n\ndef other():\n", "    total += 1\n"),
        ("    total = 0\n    return total\n\n", "    total = 0\n"),
        ("    return total\n    total += 1\n", "    return total\n    total += 1\n"),
    ],
)
def test_lines_repeated_from_behind_the_region_are_cut_off(answer: str, kept: str) -> None:
    assert without_repeated_suffix(context("    total = 0\n", suffix=SUFFIX), answer) == kept


def test_brackets_may_well_stand_there_twice() -> None:
    here = context("if (a) {\n    b();\n", suffix="}\n}\n")
    answer = "if (a) {\n    b();\n    if (c) {\n        d();\n    }\n}\n"
    assert without_repeated_suffix(here, answer) == answer


def test_what_was_there_twice_before_stays() -> None:
    here = context("x\nprint(value)\n", suffix="print(value)\n")
    assert without_repeated_suffix(here, "y\nprint(value)\n") == "y\nprint(value)\n"


def test_an_answer_that_is_a_repetition_only_changes_nothing() -> None:
    here = context("    total = 0\n", suffix=SUFFIX)
    assert mended(here, "    total = 0\n    return total\n") == here.region


@pytest.mark.parametrize(
    ("region", "answer", "kept"),
    [
        ("\tif a:\n\t\tb\n", "\tif a:\n\t\tb\n        c\n", "\tif a:\n\t\tb\n\t\tc\n"),
        ("\tif a:\n\t\tb\n", "\tif a:\n\t\tb\n  c\n", "\tif a:\n\t\tb\n\tc\n"),
        ("    a\n", "    a\n\tb\n\t\tc\n", "    a\n    b\n        c\n"),
        ("  a\n    b\n", "  a\n    b\n\tc\n", "  a\n    b\n  c\n"),
        ("a\n", "a\n\tb\n", "a\n\tb\n"),  # nothing to go by
        ("    a\n\tb\n", "    a\n\tb\n\tc\n", "    a\n\tb\n\tc\n"),  # both
        ("\ta\n", "\ta\n\n \tb\n", "\ta\n\n \tb\n"),
    ],
)
def test_new_lines_are_indented_as_the_file_is(region: str, answer: str, kept: str) -> None:
    assert indented_alike(context(region), answer) == kept


def test_old_lines_keep_their_indentation() -> None:
    here = context("\ta\n b\n")
    assert indented_alike(here, "\ta\n b\n    c\n") == "\ta\n b\n\tc\n"

"""How texts relate to a proposed edit."""

import pytest

from lsp.matching import is_part, loosely_equal, progress, reaches

BASE, NEW = "    return x\n", "    return x + f(a, b)\n"


def text(middle: str) -> str:
    return f"    return x{middle}\n"


@pytest.mark.parametrize(
    ("middle", "done"),
    [("", 0), (" +", 2), (" + f()", 5), (" + f(a, b)", 10), (" - ", None), (" + f(a)]", 6)],
)
def test_progress(middle: str, done: int | None) -> None:
    assert progress(BASE, NEW, text(middle)) == done


def test_progress_over_what_is_to_be_deleted() -> None:
    assert progress("value = 1\n", "total = 1\n", "tovalue = 1\n") == 2
    assert progress("value = 1\n", "total = 1\n", "toue = 1\n") == 2
    assert progress("value = 1\n", "total = 1\n", "tox = 1\n") is None


@pytest.mark.parametrize(
    ("base", "new", "now"), [("ab", "aXb", "zXb"), ("ab", "aXb", "aXz"), ("aa", "aXa", "a")]
)
def test_what_an_edit_leaves_alone_must_still_be_there(base: str, new: str, now: str) -> None:
    assert progress(base, new, new) == 1
    assert progress(base, new, now) is None


@pytest.mark.parametrize(
    ("middle", "beyond"),
    [(" + f(a, b) + 1", True), (" + f(a, b)", True), (" + f(a, ", False), ("- 1", False)],
)
def test_reaches(middle: str, beyond: bool) -> None:
    assert reaches(BASE, NEW, text(middle)) == beyond


def test_a_word_that_goes_on_is_another_word() -> None:
    assert not reaches("x = 1\n", "x = 12\n", "x = 123\n")
    assert reaches("x = 1\n", "x = 12\n", "x = 12 + 3\n")


@pytest.mark.parametrize(
    ("before", "after", "outside", "within"),
    [
        ("", " + f", True, True),
        ("", " + f(a, b", True, True),
        (" ", " + ", True, True),
        ("", " ", False, False),
        (" + form", " + format", False, True),
        (" + form", " + format(a", True, True),
        ("", " + for", False, False),
        ("", " + for_", False, False),
        (" * 2", " + f", False, False),
    ],
)
def test_parts_are_whole_words(before: str, after: str, outside: bool, within: bool) -> None:
    name = "for_mat" if "for_" in after else "format" if "for" in after else "f"
    new = NEW.replace("f(", f"{name}(")
    steps = (BASE, new, text(before), text(after))
    assert is_part(*steps, from_within=False) == outside
    assert is_part(*steps, from_within=True) == within


def test_the_first_word_of_a_file_is_a_part() -> None:
    assert is_part("\n", "import os\n", "\n", "import\n", from_within=False)


def test_what_editors_change_by_themselves_does_not_count() -> None:
    assert loosely_equal("\tx = 1  \n", "    x = 1\n\n")
    assert loosely_equal("x = 1  \n    \ny = 2\n", "x = 1\n\ny = 2\n")
    assert not loosely_equal("x = 1\n", "x =  1\n")

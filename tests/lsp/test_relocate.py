"""Finding a region again in a text that somebody else changed meanwhile."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lsp.context import Region
from lsp.document import split_lines
from lsp.relocate import Place, find_again, place_of

TEXT = "import os\n\ndef f(a):\n    x = 1\n    return x\n\nprint(f(2))\nprint(f(3))\n"
PLACE = place_of(split_lines(TEXT), Region(3, 5))
WHOLE = "    x = 1\n    return x\n"


def text_at(text: str, place: Place = PLACE) -> str | None:
    found = find_again(text, place)
    return found and found.text


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", WHOLE),
        ("import os", "import os\nimport re\n\n\n", WHOLE),
        ("return x", "return x + 1", "    x = 1\n    return x + 1\n"),
        ("    x = 1\n", "", "    return x\n"),
        (WHOLE, "    pass\n", "    pass\n"),
        (WHOLE, "", ""),
        ("x = 1\n", "x = 1   \n", "    x = 1   \n    return x\n"),
        ("def f(a):", "def g(a):", WHOLE),
        ("def f(a):\n    x = 1", "def g(b):\n    x = 2", None),
        (TEXT, "", None),
        (TEXT, TEXT + TEXT, None),
        (TEXT, WHOLE + TEXT, WHOLE),
        ("print(f(2))", "x = 7", WHOLE),
        (WHOLE + "\nprint(f(2))", "y\n" * 60 + "\nprint(f(2))", None),
    ],
)
def test_where_a_region_went(old: str, new: str, found: str | None) -> None:
    assert text_at(TEXT.replace(old, new, 1) if old else TEXT) == found


def test_regions_at_the_edges() -> None:
    first = place_of(split_lines(TEXT), Region(0, 1))
    assert text_at(TEXT.replace("import os", "import sys"), first) == "import sys\n"
    last = place_of(split_lines(TEXT), Region(7, 9))
    assert text_at(TEXT.replace("print(f(3))\n", "print(f(4))"), last) == "print(f(4))"
    everything = place_of(split_lines("a\n"), Region(0, 2))
    assert text_at("b\n", everything) == "b\n"


def test_the_place_found_is_remembered_with_its_new_surroundings() -> None:
    moved = find_again(
        TEXT.replace("print(f(3))", "log(f(3))").replace("return x", "return 0"), PLACE
    )
    assert moved
    assert moved.after == ("", "print(f(2))", "log(f(3))")
    # What is around it now finds it where the old surroundings would not.
    later = "def g(a):\n    y = 3\n\nprint(f(2))\nlog(f(3))\ndef f(a):\n"
    assert text_at(later, moved) is None
    assert text_at(later.replace("def g(a)", "def f(a)", 1), moved) == "    y = 3\n"


NAMES = st.lists(st.text("abc", min_size=2, max_size=4), min_size=3, max_size=12)


@given(NAMES, NAMES, NAMES, st.data())
def test_never_another_place_than_the_right_one(above, inside, below, data) -> None:
    """Whatever happens outside, what is found is what stands between the same neighbours."""
    lines = [f"{name}\n" for name in (*above, *inside, *below)]
    place = place_of([*lines, ""], Region(len(above), len(above) + len(inside)))
    gone = data.draw(st.integers(0, len(above)))
    more = data.draw(NAMES)
    text = "".join(f"{name}\n" for name in (*more, *above[gone:], *inside, *below))
    found = text_at(text, place)
    assume(found is not None)
    assert found == "".join(f"{name}\n" for name in inside)

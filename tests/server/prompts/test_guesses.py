"""Each way to guess, on edits that a person would carry on; and that agreeing ways are joined."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_store.events import RecentEdit
from server.prompts.guesses import WAYS, guesses


def found(region: str, *diffs: str) -> dict[str, str]:
    """Return what each way guesses."""
    edits = [RecentEdit(path="a.py", diff=diff) for diff in diffs]
    return {way: guess.region for guess in guesses(region, edits) for way in guess.ways}


@pytest.mark.parametrize(
    ("way", "diff", "region", "guess"),
    [
        # lines that differ in names only, at their own indentation
        (
            "by-line",
            "-a = get(a)\n+a: int = get(a)\n",
            "    b = get(b)\n    c = other(c)\n",
            "    b: int = get(b)\n    c = other(c)\n",
        ),
        # all of them, and several lines at once
        (
            "by-line",
            "-open(f)\n-read(f)\n+load(f)\n",
            "open(x)\nread(x)\nopen(y)\nread(y)\n",
            "load(x)\nload(y)\n",
        ),
        # a name cannot be two names
        ("by-line", "-f(a, a)\n+g(a)\n", "f(b, c)\n", None),
        # too little in common
        ("by-line", "-x = 1\n+y = 1\n", "a = b\n", None),
        # the same lines again
        ("by-block", "-if x:\n-    y\n+z\n", "  if x:\n      y\n", "  z\n"),
        # an insertion after the same line
        ("by-block", " import os\n+import sys\n", "import os\n\n", "import os\nimport sys\n\n"),
        # deleted lines
        ("by-block", "-import os\n", "import os\nimport sys\n", "import sys\n"),
        # all that an edit replaces, not its last part alone
        ("by-edit", "-f(a, 1)\n+g(b, 1)\n", "f(a)\n", "g(b)\n"),
        ("by-token", "-f(a, 1)\n+g(b, 1)\n", "f(a)\n", "f(b)\n"),
        # parts of names, in their spellings
        (
            "by-part",
            "-old_name = 1\n+new_name = 1\n",
            "class OldThing:\n    OLD_X = getOldName()\n    bold = told\n",
            "class NewThing:\n    NEW_X = getNewName()\n    bold = told\n",
        ),
        # one word has no spelling of its own: that of the new name
        ("by-part", "-count = 1\n+row_total = 1\n", "user_count\n", "user_row_total\n"),
        ("by-part", "-count = 1\n+rowTotal = 1\n", "user_count\n", "user_rowTotal\n"),
        # what is inserted after a last line without line end
        ("by-block", " import os\n+import sys\n", "import os", "import os\nimport sys"),
    ],
)
def test_a_way(way: str, diff: str, region: str, guess: str | None) -> None:
    assert found(region, diff).get(way) == guess


def test_ways_that_agree_are_one_guess() -> None:
    edits = [RecentEdit(path="a.py", diff="-f(old)\n+f(new)\n")]
    only = guesses("f(old)\n", edits)
    assert [(guess.region, guess.ways) for guess in only] == [("f(new)\n", WAYS)]


def test_a_guess_knows_which_edit_it_follows() -> None:
    diffs = ("-f(a)\n+g(a)\n", "-x\n+y\n")
    edits = [RecentEdit(path="a.py", diff=diff) for diff in diffs]
    (guess,) = guesses("f(b)\nf(c)\n", edits)
    assert guess.age == 1
    assert guess.changes[guess.age].hunk.removed == ("f(a)",)
    (guess,) = guesses("x\ny\n", edits)
    assert guess.age == 0


def test_the_newest_edit_that_fits_wins() -> None:
    assert found("a(1)\n", "-a\n+b\n", "-a\n+c\n", "-x\n+y\n")["by-token"] == "c(1)\n"


def test_an_edit_too_long_to_be_compared_is_known_by_its_lines_alone() -> None:
    words = [f"word{n}" for n in range(1000)]
    old, new = " ".join(words), " ".join(["other", *words[1:]])
    assert found(f"{old}\nword0\n", f"-{old}\n+{new}\n") == {
        "by-line": f"{new}\nword0\n",
        "by-block": f"{new}\nword0\n",
    }


def test_without_edits_there_is_nothing_to_guess() -> None:
    assert guesses("a\n", []) == ()
    assert found("import sys\n", "+import os\n") == {}


line = st.sampled_from(["a", "f(a)", "    f(b, a)", "", "A_b = aB", "x.y"])
lines = st.lists(line, max_size=6)


@settings(deadline=None)
@given(lines, lines, lines, st.booleans())
def test_guesses_differ_from_the_region_and_from_each_other(
    old: list[str], new: list[str], here: list[str], ends: bool
) -> None:
    diff = "".join(f"-{x}\n" for x in old) + "".join(f"+{x}\n" for x in new)
    region = "\n".join(here) + ("\n" if ends else "")
    made = guesses(region, [RecentEdit(path="a", diff=diff)])
    texts = [guess.region for guess in made]
    assert region not in texts
    assert len(set(texts)) == len(texts)
    assert all(guess.ways and set(guess.ways) <= set(WAYS) for guess in made)


def test_guesses_are_what_adapters_were_trained_with() -> None:
    """If this fails, the guesses changed: give the format that shows them a new name."""
    diffs = [
        "-a = get(a, 1)\n+a: int = get(a)\n",
        " import os\n+import sys\n",
        "-old_name = run(x)\n+new_name = self.run(x)\n",
        "-del x\n",
        "-print(m)\n+logger.info(m)\n",
    ]
    regions = [
        "b = get(b, 1)\nOldName = run(x)\n",
        "import os\nprint(m)\nprint(n)\n",
        "def f():\n    del x\n    old_name = run(y)\n",
    ]
    made = [
        [(guess.region, guess.ways, guess.age) for guess in guesses(region, edits)]
        for region in regions
        for first in range(len(diffs))
        for edits in [[RecentEdit(path="a", diff=diff) for diff in diffs[: first + 1]]]
    ]
    digest = hashlib.sha256(json.dumps(made).encode()).hexdigest()
    assert digest[:16] == "57995b191ff415cf"

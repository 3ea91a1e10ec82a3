"""The one guess on edits that a person would carry on, and where it must stay silent."""

import pytest

from trainer.evaluation.baselines import BASELINES, nothing, one_guess

from .test_scores import task


@pytest.mark.parametrize(
    ("edits", "region", "guess"),
    [
        # a rename goes on, in whole words only
        (["-total = 0\n+amount = 0\n"], "total = subtotal\n", "amount = subtotal\n"),
        # nothing to carry on here
        (["-total = 0\n+amount = 0\n"], "other = 1\n", None),
        # the newest edit that fits wins
        (["-a\n+b\n", "-a\n+c\n", "-x\n+y\n"], "a\n", "c\n"),
        # of one edit, the last replacement that fits
        (["-a = b\n+c = d\n"], "a b\n", "a d\n"),
        # an insertion takes a neighbour along on either side
        (["-    run(x)\n+    self.run(x)\n"], "    run(y)\n", "    self.run(y)\n"),
        # so does a deletion
        (["-f(a, loop)\n+f(a)\n"], "g(b)\nh(a, loop)\n", "g(b)\nh(a)\n"),
        # a replaced phrase
        (
            ["-x = yield from f()\n+x = await f()\n"],
            "z = yield from g()\n",
            "z = await g()\n",
        ),
        # only lines added, or only removed, say nothing
        (["+import os\n"], "import sys\n", None),
        (["-import os\n"], "import os\n", None),
        ([], "a\n", None),
        # what a pattern or a replacement would read as special is text
        (["-a.b\n+a[0]\\1\n"], "a.b, axb\n", "a[0]\\1, axb\n"),
    ],
)
def test_one_guess(edits, region, guess):
    assert one_guess(task(region=region, edits=edits)) == guess


def test_the_wanted_text_is_not_looked_at():
    edits = ["-total = 0\n+amount = 0\n"]
    guesses = {one_guess(task(region="total\n", wanted=w, edits=edits)) for w in ("x\n", "y\n")}
    assert guesses == {"amount\n"}


def test_nothing_is_silent():
    assert nothing(task()) is None
    assert set(BASELINES) == {"nothing", "one_guess"}

"""What is counted about a guess, and that the weights turn it into a chance."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store.events import EditContext, RecentEdit
from server.prompts.evidence import FACTS, MOST, chance, evidence, facts, terms
from server.prompts.evidence_weights import WEIGHTS
from server.prompts.guesses import WAYS, guesses

from .test_span import context

RENAME = RecentEdit(path="pkg/mod.py", diff="-old = 1\n+new = 1\n")


def counted(here: EditContext) -> dict[str, float]:
    """Return the facts about the first guess."""
    found = guesses(here.region, here.recent_edits)
    return dict(zip(FACTS, facts(here, found[0], len(found)), strict=True))


def test_facts_of_a_rename() -> None:
    here = context(
        "x = old\ny = 2\nnew = 1\n", prefix="old old\nolder\n", recent_edits=(RENAME, RENAME)
    )
    assert counted(here) == dict.fromkeys(WAYS, 0) | {
        "by-edit": 1, "by-token": 1, "by-part": 1, "lines": 1, "beside": 1, "name": 1,
        "replaced": 1, "removed": 1, "added": 1, "same_file": 1, "before": 2, "repeated": 2,
        "edits": 2, "rivals": 1,
    }  # fmt: skip


def test_facts_of_lines_that_come_again() -> None:
    edit = RecentEdit(path="other.py", diff=" import os\n+import sys\n+import re\n")
    found = counted(context("import os\n\n", recent_edits=(edit,)))
    said = {name for name, count in found.items() if count}
    assert said == {"by-block", "added", "edits", "rivals"}
    assert found["added"] == 2


def test_a_rename_is_wanted_where_the_old_name_is_left_over_and_not_by_chance() -> None:
    sure = context("x = old\n", prefix="old\nold\n", recent_edits=(RENAME, RENAME))
    blank = RecentEdit(path="else.py", diff="-a, )\n-b\n-c\n+a, 1)\n+x\n+y\n+z\n")
    unsure = context("f(a, b)\nf(c)\n", recent_edits=(blank,))
    assert max(evidence(sure, guesses(sure.region, sure.recent_edits))) > 0.5
    assert max(evidence(unsure, guesses(unsure.region, unsure.recent_edits))) < 0.2


def test_without_guesses_there_is_no_evidence() -> None:
    assert evidence(context("x\n"), ()) == []


@given(st.lists(st.integers(0, 10**6), min_size=len(FACTS), max_size=len(FACTS)))
def test_any_facts_have_a_chance(counts: list[float]) -> None:
    assert 0 <= chance(terms(counts)) <= 1
    assert terms(counts) == terms([min(count, MOST) for count in counts])


def test_there_is_a_weight_for_each_fact_and_each_two() -> None:
    assert len(WEIGHTS) == len(FACTS) * (len(FACTS) + 1) // 2
    with pytest.raises(ValueError, match="shorter"):
        chance([0.0])


def test_chances_are_what_the_model_was_tuned_with() -> None:
    """If this fails, prompts changed: tune the model anew and give the format a new name."""
    found = [chance(terms([(n * k) % 17 for k in range(len(FACTS))])) for n in range(40)]
    digits = "".join(str(min(int(10 * one), 9)) for one in found)
    assert hashlib.sha256(digits.encode()).hexdigest()[:16] == "738d5ebf4c40e8c6"

"""The definitions on cases counted by hand, their laws, and slices with intervals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_store.events import EditContext, RecentEdit
from trainer.evaluation.scores import (
    METRICS,
    Attempt,
    compared,
    delta_chrf,
    intervals,
    similarity_over_nothing,
    table,
    undoes,
)
from trainer.metrics import Answer
from trainer.tasks import EditTask

OLD, NEW = "log.warn(x)\n", "log.warning(x)\n"


def task(name="t", region=OLD, wanted=NEW, cluster="c", edits=()):
    context = EditContext(
        path="a.py",
        language="python",
        prefix="",
        region=region,
        suffix="",
        region_first_line=0,
        cursor_line=0,
        cursor_character=0,
        recent_edits=tuple(RecentEdit(path="a.py", diff=diff) for diff in edits),
    )
    kind = "edit" if region != wanted else "nothing"
    return EditTask(name, "mined", "r", cluster, kind, context, wanted)


def answer(suggestion, region=OLD, wanted=NEW):
    return Answer("t", "c", region, wanted, suggestion)


def test_similarity_over_nothing_by_hand():
    # 10 characters, one wrong: the region has 0.9 of the wanted text.
    region, wanted = "abcdefghij\n", "abcdefghiX\n"
    assert similarity_over_nothing(answer(None, region, wanted)) == 0
    assert similarity_over_nothing(answer(region, region, wanted)) == 0
    assert similarity_over_nothing(answer(wanted, region, wanted)) == 1
    two_wrong = "abcdefghYj\n"
    assert similarity_over_nothing(answer(two_wrong, region, wanted)) == pytest.approx(-1)
    assert similarity_over_nothing(answer("far away\n" * 9, region, wanted)) == -1
    half = answer("aXcdefghij\n", region, "aXcdefghiX\n")
    assert similarity_over_nothing(half) == pytest.approx(0.5)


def test_delta_chrf_by_hand():
    # Only one-character n-grams exist: wanted +b -a, made +c -a. One of two is right, both ways.
    assert delta_chrf(answer("c\n", "a\n", "b\n")) == pytest.approx(0.5)
    # Wanted +b +c -a; made +b -a: all of it right (precision 1), 2 of 3 found (recall 2/3); the
    # pair "bc" is missed: precision 0 and recall 0 at length 2. Means 1/2 and 1/3.
    expected = 5 * (1 / 2) * (1 / 3) / (4 * (1 / 2) + 1 / 3)
    assert delta_chrf(answer("b\n", "a\n", "bc\n")) == pytest.approx(expected)
    assert delta_chrf(answer(None)) == 0
    assert delta_chrf(answer(OLD)) == 0
    assert delta_chrf(answer(NEW)) == pytest.approx(1)
    assert delta_chrf(answer("log.warning(x)  \r\n")) == pytest.approx(1)


TEXT = st.text("ab \n(", max_size=30)


@settings(deadline=None)
@given(TEXT, TEXT, TEXT)
def test_the_scores_stay_in_their_bounds(region, wanted, suggestion):
    one = answer(suggestion, region, wanted)
    if one.wants_edit:
        assert -1 <= similarity_over_nothing(one) <= 1
        assert 0 <= delta_chrf(one) <= 1 + 1e-12
        assert similarity_over_nothing(answer(wanted, region, wanted)) == pytest.approx(1)
        assert similarity_over_nothing(answer(region, region, wanted)) == 0
        assert delta_chrf(answer(region, region, wanted)) == 0


def test_a_change_of_blanks_alone_is_right_or_wrong():
    assert delta_chrf(answer("if x:\n    y\n", "if x:\n  y\n", "if x:\n    y\n")) == 1
    assert delta_chrf(answer("if x:\n      y\n", "if x:\n  y\n", "if x:\n    y\n")) == 0


def test_the_table():
    undoing = task("u", region="y = 1\n", wanted="z = 1\n", edits=["-x = 1\n+y = 1\n"])
    quiet = task("q", wanted=OLD)
    found = table(
        [
            Attempt(task("a"), NEW),
            Attempt(task("b"), None, "no_edit"),
            Attempt(undoing, "x = 1\n", "reversal"),
            Attempt(quiet, None, "no_edit"),
            Attempt(quiet, NEW),
        ]
    )
    assert tuple(found) == METRICS
    values = {name: ratio.value for name, ratio in found.items()}
    assert values["exact_match"] == pytest.approx(1 / 3)
    assert values["coverage"] == pytest.approx(1 / 3)
    assert values["quiet_rate"] == 1 / 2
    assert values["reversal_rate"] == pytest.approx(1 / 3)
    assert values["delta_chrf"] == pytest.approx(1 / 3)
    assert values["edit_similarity_over_nothing"] == pytest.approx(1 / 3)
    # Of 4 tokens inserted or deleted (warn -> warning, twice), one task's were wanted.
    assert values["kept_rate"] == 1 / 2


def test_undoing_needs_the_same_file_and_lines():
    edited = task(region="y = 1\n", wanted="z\n", edits=["-x = 1\n+y = 1\n"])
    assert undoes(Attempt(edited, "x = 1\n"))
    assert not undoes(Attempt(edited, "x = 2\n"))
    assert not undoes(Attempt(edited, None))


def test_intervals_hold_the_value_and_differences_are_paired():
    tasks = [task(str(n), cluster=str(n % 30)) for n in range(120)]
    some = table([Attempt(one, NEW if n % 3 else None) for n, one in enumerate(tasks)])
    none = table([Attempt(one, None) for one in tasks])
    clusters = [one.cluster for one in tasks]
    found = intervals(some, clusters)
    exact = found["exact_match"]
    assert exact.value == pytest.approx(2 / 3)
    assert exact.low is not None
    assert exact.high is not None
    assert 0.4 < exact.low < 2 / 3 < exact.high < 0.9
    assert found["quiet_rate"].value is None
    assert found["quiet_rate"].low is None
    assert compared(none, some, clusters)["exact_match"] == exact
    assert compared(some, some, clusters)["delta_chrf"].high == 0
    part = intervals(some, clusters, [n for n in range(120) if n % 3 == 0])
    assert part["exact_match"].value == 0

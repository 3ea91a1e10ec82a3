"""Every branch of the product's reward, with numbers computed by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store.events import EditContext, RecentEdit
from trainer.reward import (
    Task,
    bleu,
    distance,
    ed,
    edem,
    em,
    named,
    normalise,
    overlong,
    product,
    silence,
)
from trainer.syntax import Syntax

REGION = "value = first(1)\nprint(value)\n"


@pytest.fixture(scope="module")
def syntax():
    return Syntax()


def context(region=REGION, language="text", prefix="", edits=()):
    return EditContext(
        path="a.py",
        language=language,
        prefix=prefix,
        region=region,
        suffix="",
        region_first_line=0,
        cursor_line=0,
        cursor_character=0,
        recent_edits=edits,
    )


def task(*references, refused=(), s=0.2, **of_context):
    return Task(context(**of_context), references, refused, s)


def test_the_graded_part(syntax):
    score = product(syntax)
    wanted = REGION.replace("first", "second")  # d0 = 6: five substitutions, one insertion
    d0 = 6
    assert score(wanted, task(wanted)) == 1.0
    assert score(REGION, task(wanted)) == pytest.approx(0.2)
    nearer = wanted.replace("second", "secon")
    assert score(nearer, task(wanted)) == pytest.approx(0.2 + 0.3 * (d0 - 1) / d0)
    farther = REGION.removesuffix("\n") + "x" * 6
    assert score(farther, task(wanted)) == pytest.approx(0.2 * d0 / 12)


def test_nothing_wanted(syntax):
    score = product(syntax)
    assert score(REGION, task(REGION)) == 1.0
    assert score(REGION + "x" * 20, task(REGION)) == pytest.approx(0.2 * 20 / 41)


def test_line_ends_and_trailing_blanks_do_not_count(syntax):
    score = product(syntax)
    assert score("a = 1  \r\nb = 2", task("a = 1\nb = 2\n")) == 1.0
    assert score(REGION.replace("\n", " \n"), task(REGION)) == 1.0
    assert score("  a\n", task("a\n")) < 1.0


def test_what_is_no_edit_is_worth_nothing(syntax):
    assert product(syntax)(None, task("x\n")) == 0.0
    assert silence(None, task("x\n")) == 0.0


def test_refused_text_is_worth_nothing_unless_it_was_right_after_all(syntax):
    score, refused = product(syntax), REGION.replace("first", "fist")
    wanted = REGION.replace("first", "fast")
    assert score(refused, task(wanted)) > 0.2
    assert score(refused, task(wanted, refused=(refused,))) == 0.0
    assert score(refused, task(refused, refused=(refused,))) == 1.0


def test_undoing_the_last_edit_is_worth_nothing(syntax):
    edit = RecentEdit(path="a.py", diff="-value = zero(1)\n+value = first(1)\n")
    back = REGION.replace("first", "zero")
    wanted = REGION.replace("first", "zeta")
    assert product(syntax)(back, task(wanted)) > 0.2
    assert product(syntax)(back, task(wanted, edits=(edit,))) == 0.0


def test_undoing_several_edits_is_worth_nothing_but_doing_more_is_graded(syntax):
    edits = tuple(
        RecentEdit(path="a.py", diff=diff)
        for diff in ("-value = zero(1)\n+value = first(1)\n", "+print(value)\n")
    )
    region = REGION + "print(value)\n"
    wanted, score = region + "print(more)\n", product(syntax)
    undone = REGION.replace("first", "zero")
    assert score(undone, task(wanted, edits=edits, region=region)) == 0.0
    more = region.replace("first", "zero") + "print(more)\n"
    assert score(more, task(wanted, edits=edits, region=region)) > 0.2


def test_new_syntax_errors_cap_the_reward(syntax):
    wanted, broken = REGION.replace("first", "second"), REGION.replace("first(1)", "second(1")
    score = product(syntax)
    assert score(broken, task(wanted)) > 0.2  # plain text has no grammar
    assert score(broken, task(wanted, language="python")) == pytest.approx(0.1)
    already = "def f(:\n"
    same_errors = task(wanted, language="python", region="x = (\n", prefix=already)
    assert score(wanted, same_errors) == 1.0


def test_the_better_reference_counts(syntax):
    accepted, settled = REGION.replace("first", "second"), REGION.replace("first", "third")
    score = product(syntax)
    both = task(settled, accepted)
    assert score(accepted, both) == score(settled, both) == 1.0
    assert score(accepted, task(settled)) < 1.0


@given(
    st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.sampled_from([0.1, 0.2])
)
def test_reward_is_graded_within_its_bands(region, wanted, answer, s):
    subject = task(wanted, region=region, s=s)
    got = product(Syntax({}))(answer, subject)
    assert 0 <= got <= 1
    assert (got == 1.0) == (normalise(answer) == normalise(wanted))
    if not subject.wants_nothing:
        assert product(Syntax({}))(region, subject) == pytest.approx(s)
        assert got == 1.0 or got <= 0.5


def test_the_papers_rewards():
    assert em(" a\n", "a") == 1.0
    assert ed("abcd", "abce") == pytest.approx(0.75)
    assert ed("", "") == 1.0
    assert edem("abcd", "abce") == pytest.approx(0.375)


def test_bleu_is_that_of_sentences():
    assert bleu("return a + b\n", "return a + b") == pytest.approx(1.0)
    assert bleu("", "") == 1.0
    assert bleu("x", "") == 0.0
    # Four of five words, 3 of 4 pairs, 2 of 3 triples, 1 of 2 fours right.
    assert bleu("a b c d e", "a b c d f") == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 / 2) ** 0.25)


@pytest.mark.parametrize("name", ["em", "ed", "edem", "bleu"])
def test_the_papers_rewards_take_the_best_reference(name):
    reward = named(name, lambda: Syntax({}))
    both = task("one two three four\n", "five six seven eight\n")
    assert reward("five six seven eight\n", both) == pytest.approx(1.0)
    assert reward("five six seven\n", both) < 1.0
    assert reward(None, both) == 0.0


def test_the_overlong_penalty_is_linear_in_its_margin():
    assert [overlong(n, 100, 20) for n in (60, 80, 90, 100, 120)] == [0.0, 0.0, -0.5, -1.0, -1.0]
    assert overlong(100, 100, 0) == 0.0


def test_distance_is_to_the_nearest_reference():
    assert distance(task("abcd", "abxx", region="abcc")) == 1


def test_silence_reward_is_graded():
    assert silence(REGION, task("x")) == 1.0
    assert silence(REGION.replace("f", "g"), task("x")) == pytest.approx(0.5 * 20 / 21)

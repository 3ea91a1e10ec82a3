"""What answers are worth, without a gateway: alternatives and how sure a model was."""

import math

import pytest

from feedback_store.events import Outcome, Reason, SuggestRequest
from server.engine.answer import CONVERGED, Completion
from server.judging import choose, confidence, judge
from server.prompts.profiles import profile_for
from tests.server.samples import ANSWER, BETTER, CONTEXT, REGION, suggestion

PROFILE = profile_for("hone-tiny")
REWRITES = profile_for("hone-tiny-region")
OTHER = REGION.replace("width * height", "height")
SAID = "<|L1|>    return height\n<|L2|>"


def request(**changes: object) -> SuggestRequest:
    return SuggestRequest.model_validate(suggestion(**changes))


def answer(text: str, logprob: float = -0.1, finish: str = "stop") -> Completion:
    return Completion(text, (1,), (1, 2), (logprob, logprob), finish)


def test_the_likeliest_edit_that_was_not_offered_is_taken() -> None:
    answers = [answer(SAID, -2.0), answer(ANSWER, -0.1), answer("", -0.2)]
    assert choose(PROFILE, request(), answers).new_region == BETTER
    made = choose(PROFILE, request(avoid=[BETTER]), answers)
    assert (made.outcome, made.new_region) == (None, OTHER)
    assert made.completion == answers[0]
    assert choose(PROFILE, request(avoid=[BETTER.rstrip()]), answers).new_region == OTHER


def test_without_another_edit_there_is_silence_that_says_what_was_answered() -> None:
    answers = [answer(ANSWER), answer(ANSWER, -0.2), answer("", -0.3), answer("x", -0.4)]
    made = choose(PROFILE, request(avoid=[BETTER]), answers)
    assert (made.outcome, made.reason) == (Outcome.WITHHELD, Reason.NO_ALTERNATIVE)
    assert made.detail == "4 answers: 2 offered already, 1 no_edit, 1 unparsable"
    assert (made.new_region, made.completion) == (None, answers[0])


def test_confidence_does_not_sink_with_length() -> None:
    made = judge(PROFILE, request(), answer(ANSWER, math.log(0.5)))
    assert confidence(made) == pytest.approx(0.5)
    long = Completion(SAID, (1,), (1,) * 20, (math.log(0.5),) * 20, "stop")
    assert confidence(judge(PROFILE, request(), long)) == pytest.approx(0.5)
    assert confidence(judge(PROFILE, request(), Completion("", (1,), (), (), "stop"))) is None


def test_an_answer_that_repeats_what_follows_is_no_edit() -> None:
    behind = CONTEXT["suffix"].splitlines(keepends=True)[:3]
    repeats = answer(f"<|L2|>{''.join(behind)}<|L2|>")
    made = judge(PROFILE, request(), repeats)
    assert (made.outcome, made.reason) == (Outcome.WITHHELD, Reason.NO_EDIT)


def test_what_undoes_a_recent_edit_is_left_out_of_what_is_shown() -> None:
    edit = {"path": CONTEXT["path"], "diff": "-line zero\n+line 0\n"}
    asked = request(region="line 0\nline 1\nline 2\n", recent_edits=[edit])
    made = judge(PROFILE, asked, answer("<|L0|>line zero\nline 1\nline two\n<|L3|>"))
    assert (made.outcome, made.new_region) == (None, "line 0\nline 1\nline two\n")
    made = judge(PROFILE, asked, answer("<|L0|>line zero\n<|L1|>"))
    assert (made.outcome, made.reason) == (Outcome.WITHHELD, Reason.REVERSAL)


def test_by_hand_much_may_be_deleted() -> None:
    region = "".join(f"line {n}\n" for n in range(9))
    deletes = answer("<|L1|><|L9|>")
    automatic, by_hand = (
        judge(PROFILE, request(region=region, trigger=trigger), deletes)
        for trigger in ("automatic", "invoked")
    )
    assert automatic.reason is Reason.MASS_DELETION
    assert (by_hand.outcome, by_hand.new_region) == (None, "line 0\n")


def test_what_an_answer_that_ended_early_left_out_is_the_old_text() -> None:
    lines = [f"line{n}\n" for n in range(9)]
    asked = request(region="".join(lines))
    said = "".join(["other\n", *lines[1:4], "li"])
    made = judge(REWRITES, asked, answer(said, finish=CONVERGED))
    assert (made.outcome, made.new_region) == (None, "".join(["other\n", *lines[1:]]))
    assert made.completion == answer(said, finish=CONVERGED)
    doubtful = judge(REWRITES, asked, answer("".join(lines[:4]), finish=CONVERGED))
    assert (doubtful.outcome, doubtful.reason) == (Outcome.INVALID, Reason.TRUNCATED)

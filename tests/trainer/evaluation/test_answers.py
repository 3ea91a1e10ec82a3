"""The embedded model is asked, and its answers are judged as the gateway judges them."""

import pytest
from rich.console import Console

from feedback_store.events import Reason, Rollout
from server.prompts.profiles import profile_for
from trainer.evaluation.answers import Subject, answers, prompt_ids, read
from trainer.progress import Display
from trainer.sampler import Sampling
from trainer.tasks import from_row
from trainer.torch_sampler import TorchSampler

from ..made import context, row
from .test_scores import task


@pytest.fixture
def subject(policy):
    return Subject(profile_for("hone-tiny"), policy.tokenizer, TorchSampler(policy))


@pytest.fixture
def tasks(tokenizer):
    return [from_row(row(tokenizer, number)) for number in range(5)]


def rollout(subject, text, *, stop=True):
    ids = subject.tokenizer.encode(text + ("<|end|>" if stop else ""), add_special_tokens=False)
    return Rollout(
        token_ids=tuple(ids),
        logprobs=(0.0,) * len(ids),
        text=text,
        finish_reason="stop" if stop else "length",
    )


def test_answers_are_the_models_own_in_the_tasks_order(subject, tasks, policy):
    marked = context().model_copy(update={"region": "x = '<|edit|>'\n"})
    unasked = from_row(row(policy.tokenizer, 1, context=marked))
    asked = [tasks[3], unasked, *tasks[:3]]
    found = answers(subject, asked, Display(Console(quiet=True)))
    assert [attempt.task for attempt in found] == asked
    assert (found[1].reason, found[1].proposed, found[1].tokens) == ("sentinel", None, None)
    budget = subject.profile.budget
    sampling = Sampling(1, budget.answer_tokens, 0.0, stop_token_ids=policy.stop_ids)
    for attempt in (found[0], *found[2:]):
        (group,) = subject.sampler.sample(None, [prompt_ids(subject, attempt.task)], sampling)
        assert attempt == read(subject, attempt.task, group[0])
        assert attempt.tokens == len(group[0].token_ids)


def test_the_prompt_is_what_feedback_recorded(subject, tokenizer):
    recorded = row(tokenizer, 2)
    assert prompt_ids(subject, from_row(recorded)) == recorded.prompt_token_ids


def test_a_prompt_that_does_not_fit_is_silence(subject):
    long = task(region="é" * 900 + "\n")
    assert prompt_ids(subject, long) is Reason.PROMPT_TOO_LONG
    (found,) = answers(subject, [long], Display(Console(quiet=True)))
    assert (found.reason, found.shown) == ("prompt_too_long", None)


@pytest.mark.parametrize(
    ("text", "stop", "reason", "shown"),
    [
        ("<|L0|>b = 2\n<|L1|>", True, None, "b = 2\n"),
        ("", True, "no_edit", None),
        ("<|L0|>a  =  1\n<|L1|>", True, "whitespace_only", None),
        ("<|L0|>old = 1\n<|L1|>", True, "reversal", None),
        ("<|L0|>b = 2\n<|L1|>", False, "truncated", None),
        ("<|region|>", True, "unparsable", None),
    ],
)
def test_an_answer_is_judged_as_it_would_be_served(subject, text, stop, reason, shown):
    one = task(region="a = 1\n", edits=["-old = 1\n+a = 1\n"])
    found = read(subject, one, rollout(subject, text, stop=stop))
    assert (found.reason, found.shown) == (reason, shown)
    assert found.proposed == (
        text[6:-6] if reason in (None, "whitespace_only", "reversal") else None
    )

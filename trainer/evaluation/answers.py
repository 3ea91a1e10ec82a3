"""Asks a model for every task: greedily, one answer each, as the gateway would.

Knows prompt formats, tokens and the sampler's contract. Does not know where tasks come from or
what an answer is worth. A task that cannot be asked is silence with its reason, as in an editor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feedback_store.events import Reason, Rollout
from server.prompts.filters import reason_to_withhold, without_reversals
from server.prompts.mending import mended
from server.prompts.profile import ModelProfile
from trainer.evaluation.scores import Attempt
from trainer.progress import Display
from trainer.sampler import Sampler, Sampling
from trainer.tasks import EditTask

TASKS_AT_ONCE = 64


@dataclass(frozen=True)
class Subject:
    """Who is asked."""

    profile: ModelProfile
    tokenizer: Any
    sampler: Sampler
    policy: str | None = None
    """A name that the sampler knows; None is the base model."""


def answers(subject: Subject, tasks: Sequence[EditTask], display: Display) -> list[Attempt]:
    """Return one attempt per task, in their order.

    Raises:
        SamplerError, GatewayError: sampling failed for good.
    """
    prompts = [prompt_ids(subject, task) for task in tasks]
    found = [Attempt(task, None, _silence(ids)) for task, ids in zip(tasks, prompts, strict=True)]
    # Alike lengths together: the in-process sampler pads a batch to its longest prompt.
    ready = sorted((len(ids), i) for i, ids in enumerate(prompts) if not isinstance(ids, Reason))
    sampling = Sampling(
        samples=1, max_tokens=subject.profile.budget.answer_tokens, temperature=0.0,
        stop_token_ids=_stop_ids(subject),
    )  # fmt: skip
    shown = 0
    with display.phase("answers", len(ready)) as advance:
        for first in range(0, len(ready), TASKS_AT_ONCE):
            part = [index for _, index in ready[first : first + TASKS_AT_ONCE]]
            batch = [ids for index in part if not isinstance(ids := prompts[index], Reason)]
            groups = subject.sampler.sample(subject.policy, batch, sampling)
            for index, group in zip(part, groups, strict=True):
                found[index] = read(subject, tasks[index], group[0])
                shown += found[index].shown is not None
            advance(len(part), f"{shown} suggestions")
    return found


def prompt_ids(subject: Subject, task: EditTask) -> list[int] | Reason:
    """Return the prompt's token ids, or why there is none."""
    profile = subject.profile
    prompt = profile.format.render(task.context, profile.budget)
    if isinstance(prompt, Reason):
        return prompt
    # The engine adds special tokens to a text prompt where the model's tokenizer says so.
    ids: list[int] = subject.tokenizer.encode(prompt, add_special_tokens=True)
    return ids if len(ids) <= profile.budget.prompt_tokens else Reason.PROMPT_TOO_LONG


def read(subject: Subject, task: EditTask, rollout: Rollout) -> Attempt:
    """Return an answer as the gateway judges it: parsed, and withheld where a filter says so."""
    ids = list(rollout.token_ids)
    if ids and ids[-1] in _stop_ids(subject):
        ids.pop()
    text = subject.tokenizer.decode(ids, skip_special_tokens=False)
    finished = rollout.finish_reason == "stop"
    parsed = subject.profile.format.parse(task.context, text, finished=finished)
    tokens = len(rollout.token_ids)
    if parsed.new_region is None:
        reason = parsed.reason or Reason.UNPARSABLE
        return Attempt(task, None, reason.value, tokens)
    new_region = mended(task.context, parsed.new_region)
    if new_region == task.context.region:
        return Attempt(task, None, Reason.NO_EDIT.value, tokens)
    withheld = reason_to_withhold(task.context, new_region)
    if withheld is not None:
        return Attempt(task, new_region, withheld.value, tokens)
    return Attempt(task, without_reversals(task.context, new_region), None, tokens)


def _silence(ids: list[int] | Reason) -> str | None:
    return ids.value if isinstance(ids, Reason) else None


def _stop_ids(subject: Subject) -> tuple[int, ...]:
    return tuple(subject.tokenizer.convert_tokens_to_ids(list(subject.profile.format.stop)))

"""What a model's answer is worth: an edit to show, or an outcome with the reason why not.

Pure: answers in, verdicts out. Does not know engines, stores or HTTP (server.suggest).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from feedback_store.events import Outcome, Reason, SuggestRequest, Trigger
from server.engine.answer import CONVERGED, Completion
from server.engine.errors import EngineBusy, EngineError, EngineSlow, PromptTooLong
from server.prompts.convergence import converged
from server.prompts.filters import reason_to_withhold, without_reversals
from server.prompts.mending import mended
from server.prompts.profile import ModelProfile

NO_INSTRUCTIONS = "this gateway's model cannot follow instructions; a larger one can"


@dataclass(frozen=True)
class Made:
    """What came of one request, before anybody hears of it."""

    outcome: Outcome | None = None
    reason: Reason | None = None
    new_region: str | None = None
    completion: Completion | None = None
    prompt_token_ids: tuple[int, ...] | None = None
    detail: str = ""


def judge(profile: ModelProfile, request: SuggestRequest, completion: Completion) -> Made:
    """Return what an answer is worth: an edit to show, silence, or an invalid answer."""
    context = request.context
    finished = completion.finish_reason == "stop"
    text = completion.text
    if completion.finish_reason == CONVERGED:
        new_region = converged(context.region, text)
        finished, text = new_region is not None, new_region or text
    parsed = profile.format.parse(context, text, finished=finished)
    ids = completion.prompt_token_ids
    if parsed.new_region is None:
        silent = parsed.reason is Reason.NO_EDIT
        outcome = Outcome.WITHHELD if silent else Outcome.INVALID
        return Made(outcome, parsed.reason, None, completion, ids)
    new_region = mended(context, parsed.new_region)
    if new_region == context.region:
        return Made(Outcome.WITHHELD, Reason.NO_EDIT, None, completion, ids)
    by_hand = request.trigger is Trigger.INVOKED
    withheld = reason_to_withhold(context, new_region, by_hand=by_hand)
    if withheld is not None:
        return Made(Outcome.WITHHELD, withheld, new_region, completion, ids)
    return Made(None, None, without_reversals(context, new_region), completion, ids)


def choose(
    profile: ModelProfile, request: SuggestRequest, completions: Sequence[Completion]
) -> Made:
    """Return the likeliest of several answers that is an edit nobody has offered yet.

    Without one, the likeliest answer is kept as what the model said, and nothing is shown.
    """
    ranked = sorted(completions, key=lambda one: -math.fsum(one.logprobs))
    judged = [judge(profile, request, one) for one in ranked]
    offered = {text.rstrip("\n") for text in request.avoid}
    for made in judged:
        if made.outcome is None and (made.new_region or "").rstrip("\n") not in offered:
            return made
    said = Counter(made.reason.value if made.reason else "offered already" for made in judged)
    detail = f"{len(judged)} answers: " + ", ".join(f"{n} {why}" for why, n in said.most_common())
    first = judged[0]
    return replace(
        first,
        outcome=Outcome.WITHHELD,
        reason=Reason.NO_ALTERNATIVE,
        new_region=None,
        detail=detail,
    )


def confidence(made: Made) -> float | None:
    """Return how sure the model was, from 0 to 1: the geometric mean of its tokens' probabilities.

    The mean of logarithms, so that a long answer is not unsure for its length alone.
    """
    logprobs = made.completion.logprobs if made.completion else ()
    if not logprobs:
        return None
    return min(1.0, math.exp(math.fsum(logprobs) / len(logprobs)))


def hold_out(made: Made, drawn: bool) -> Made:
    """Keep an edit from being shown, if this request was drawn for the holdout."""
    if not drawn or made.outcome is not None:
        return made
    return replace(made, outcome=Outcome.WITHHELD, reason=Reason.HOLDOUT)


def unrenderable(reason: Reason) -> Made:
    """Return what comes of a context of which no prompt can be made."""
    detail = NO_INSTRUCTIONS if reason is Reason.NO_INSTRUCTIONS else ""
    return Made(Outcome.WITHHELD, reason, detail=detail)


def failure(error: EngineError) -> Made:
    """Return what an engine's error means for the suggestion."""
    kinds: tuple[tuple[type[EngineError], Outcome, Reason], ...] = (
        (EngineSlow, Outcome.FAILED, Reason.DEADLINE),
        (EngineBusy, Outcome.FAILED, Reason.OVERLOADED),
        (PromptTooLong, Outcome.WITHHELD, Reason.PROMPT_TOO_LONG),
        (EngineError, Outcome.FAILED, Reason.ENGINE_DOWN),
    )
    outcome, reason = next((o, r) for kind, o, r in kinds if isinstance(error, kind))
    return Made(outcome, reason, detail=str(error))

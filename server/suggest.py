"""One suggestion: from a request to a row in the store and an answer for the editor.

Knows the order: exclude, render, generate, judge, hold out, write down, answer. Failures are data:
every path ends in an outcome with a reason. Does not know HTTP, the engine's routes, what is
excluded (server.exclusions), or what an answer is worth (server.judging).
"""

import asyncio
import logging
import time
from concurrent.futures import Future
from dataclasses import replace

from feedback_store.entries import Ack, lower
from feedback_store.errors import StoreUnavailable
from feedback_store.events import (
    FeedbackLevel,
    Outcome,
    Reason,
    SuggestRequest,
    SuggestResponse,
)
from feedback_store.rows import SuggestionRow
from server.auth import Caller
from server.engine.answer import Completion
from server.engine.client import Sampling
from server.engine.errors import EngineError, EngineSlow
from server.exclusions import Withheld, marked
from server.gateway import Gateway
from server.judging import Made, choose, confidence, failure, hold_out, judge, unrenderable
from server.prompts.convergence import converged
from server.routing import Asker

logger = logging.getLogger(__name__)

TOKENIZE_SHARE = 0.1
"""Of a deadline, kept back to learn the prompt's tokens when generation was too slow: such a
suggestion still has a prompt to train on."""


OTHERS = 8
"""Answers that are sampled where the user wants another than those offered."""


async def suggest(gateway: Gateway, caller: Caller, request: SuggestRequest) -> SuggestResponse:
    """Make one suggestion. It is bound to the policy that answers it now, whatever happens later.

    Cancelling it aborts the engine's work and writes the suggestion down as cancelled.

    Raises:
        StoreUnavailable: it cannot be recorded.
    """
    try:
        request = await gateway.exclusions.admitted(request)
    except Withheld as error:
        return _withhold(gateway, caller, request, str(error))
    asker = Asker(caller.team, request.context.language, request.session)
    suggestion_id, policy = gateway.new_id(), gateway.policy_for(asker)
    drawn = _may_hold_out(request) and gateway.draw() < gateway.settings.suggest.holdout_share
    started = time.perf_counter()
    gateway.in_flight += 1
    try:
        with gateway.flights.count(policy), gateway.traces.span("generate") as span:
            span.set_attribute("hone.policy", policy)
            made = await _make(gateway, policy, request)
            span.set_attribute("hone.outcome", str(made.outcome or "edit"))
            span.set_attribute("hone.reason", str(made.reason or ""))
    except asyncio.CancelledError:
        made = Made(Outcome.FAILED, Reason.CANCELLED)
        row = _row(gateway, request, made, suggestion_id, policy, started, drawn)
        _write_down(gateway, caller, row)
        raise
    finally:
        gateway.in_flight -= 1
    made = hold_out(made, drawn)
    row = _row(gateway, request, made, suggestion_id, policy, started, drawn)
    written = _write_down(gateway, caller, row)
    gateway.metrics.suggestion(row, time.perf_counter() - started)
    if not written:
        # An edit that cannot be recorded is not shown: its feedback would have no home.
        raise StoreUnavailable("the gateway's store takes nothing at this moment; see its log")
    return _answer(row, made)


def _withhold(
    gateway: Gateway, caller: Caller, request: SuggestRequest, why: str
) -> SuggestResponse:
    """Answer for what may reach neither model nor store; only that it was asked is written down."""
    asker = Asker(caller.team, request.context.language, request.session)
    suggestion_id, policy = marked(gateway.new_id()), gateway.policy_for(asker)
    made, started = Made(Outcome.WITHHELD, Reason.EXCLUDED, detail=why), time.perf_counter()
    row = _row(gateway, request, made, suggestion_id, policy, started, drawn=False)
    if row.level is FeedbackLevel.FULL:
        row = row.without_content()
    _write_down(gateway, caller, row)
    gateway.metrics.suggestion(row, time.perf_counter() - started)
    return _answer(row, made)


def _answer(row: SuggestionRow, made: Made) -> SuggestResponse:
    return SuggestResponse(
        suggestion_id=row.suggestion_id,
        policy_version=row.policy_version,
        new_region=made.new_region if made.outcome is None else None,
        outcome=made.outcome,
        reason=made.reason,
        detail=made.detail,
        confidence=confidence(made),
        engine_ms=row.engine_ms,
    )


async def _make(gateway: Gateway, policy: str, request: SuggestRequest) -> Made:
    limits, profile = gateway.settings.suggest, gateway.profile
    if gateway.in_flight > limits.max_in_flight:
        return Made(Outcome.FAILED, Reason.OVERLOADED, detail="too many suggestions at once")
    prompt = profile.format.render(request.context, profile.budget)
    if isinstance(prompt, Reason):
        return unrenderable(prompt)
    deadline_s = min(request.deadline_ms, limits.max_deadline_ms) / 1000
    sampling = Sampling(
        max_tokens=profile.budget.answer_tokens,
        temperature=_temperature(gateway, request),
        samples=OTHERS if request.avoid else 1,
        stop=profile.format.stop,
    )
    try:
        generating = _generate(gateway, policy, request, prompt, sampling, deadline_s)
        # The client's timeout is per read; the deadline is for the whole answer.
        completions = await asyncio.wait_for(generating, deadline_s * (1 - TOKENIZE_SHARE))
    except TimeoutError:
        ids = await _prompt_ids(gateway, prompt, deadline_s * TOKENIZE_SHARE)
        slow = failure(EngineSlow(f"no answer within {deadline_s:.2f} s"))
        return replace(slow, prompt_token_ids=ids)
    except EngineError as error:
        return failure(error)
    if request.avoid:
        return choose(profile, request, completions)
    return judge(profile, request, completions[0])


async def _generate(
    gateway: Gateway,
    policy: str,
    request: SuggestRequest,
    prompt: str,
    sampling: Sampling,
    timeout_s: float,
) -> list[Completion]:
    """Return the answers. A stream costs more than one piece: it is for what may end early."""
    fleet, key, region = gateway.fleet, request.session, request.context.region
    early = gateway.settings.suggest.early_stop and gateway.profile.format.repeats
    early = early and sampling.temperature == 0  # what was drawn is weighed by all of its tokens
    if not early or sampling.samples > 1:
        return await fleet.complete(policy, prompt, sampling, timeout_s, key)

    def enough(so_far: str) -> bool:
        return converged(region, so_far) is not None

    return [await fleet.complete_until(policy, prompt, sampling, timeout_s, key, enough)]


def _may_hold_out(request: SuggestRequest) -> bool:
    """Whether the request may be drawn for the holdout. What leaves no row would be withheld for
    nothing; and who asks for another edit, or in words, is no unbiased sample."""
    asked_for = request.avoid or request.context.instruction is not None
    return request.level is not FeedbackLevel.OFF and not asked_for


def _temperature(gateway: Gateway, request: SuggestRequest) -> float:
    return 1.0 if request.avoid else gateway.settings.suggest.temperature


async def _prompt_ids(gateway: Gateway, prompt: str, timeout_s: float) -> tuple[int, ...] | None:
    try:
        tokenizing = gateway.fleet.client(gateway.profile.name).tokenize(prompt, timeout_s)
        return await asyncio.wait_for(tokenizing, timeout_s)
    except (EngineError, TimeoutError):
        return None


def _row(
    gateway: Gateway,
    request: SuggestRequest,
    made: Made,
    suggestion_id: str,
    policy: str,
    started: float,
    drawn: bool,
) -> SuggestionRow:
    completion, profile = made.completion, gateway.profile
    return SuggestionRow(
        suggestion_id=suggestion_id,
        session=request.session,
        workspace=request.workspace,
        client=request.client,
        document=request.document,
        document_version=request.document_version,
        level=lower(request.level, gateway.settings.feedback.level),
        language=request.context.language,
        policy_version=policy,
        base_model=profile.name,
        prompt_format=profile.format.name,
        profile=profile.name,
        temperature=_temperature(gateway, request),
        prompt_token_ids=made.prompt_token_ids,
        output_token_ids=completion.token_ids if completion else None,
        output_logprobs=completion.logprobs if completion else None,
        output_text=completion.text if completion else None,
        finish_reason=completion.finish_reason if completion else None,
        context=request.context,
        new_region=made.new_region,
        outcome=made.outcome,
        reason=made.reason,
        holdout=drawn,
        engine_ms=(time.perf_counter() - started) * 1000,
        created_at=time.time(),
    )


def _write_down(gateway: Gateway, caller: Caller, row: SuggestionRow) -> bool:
    """Queue the row; the answer need not wait for the disk. False if the store takes nothing."""
    if row.level is FeedbackLevel.OFF:
        return True
    kept = row if row.level is FeedbackLevel.FULL else row.without_content()
    if gateway.store.trouble is not None:
        return False
    try:
        payload = kept.model_dump(mode="json")
        writing = gateway.store.record("suggestion", payload, user=caller.user, team=caller.team)
    except StoreUnavailable as error:
        logger.warning("suggestion %s not stored: %s", row.suggestion_id, error)
        return False
    writing.add_done_callback(_log_loss)
    return True


def _log_loss(writing: "Future[Ack]") -> None:
    error = writing.exception()
    if error is not None:
        logger.error("a suggestion's row was lost: %s", error)

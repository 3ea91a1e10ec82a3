"""Feedback as editors would leave it, without editors: seeded over the gateway's own routes.

The tasks are cut from the reserved modules of the standard library, as the demo's are; no
training of the embedded model reads those. Knows tasks, contexts and events. Does not know what
is learnt from them.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.demo.house import house_rules
from deploy.demo.measure import context_of
from deploy.demo.tasks import Task, modules, standard_library
from deploy.demo.taskset import TaskSets, build
from feedback_store.events import (
    Client,
    EditContext,
    FeedbackBatch,
    Outcome,
    OutcomeEvent,
    SettledBy,
    SettledEvent,
    Shown,
    SuggestRequest,
    SuggestResponse,
    SurvivalEvent,
)
from server.prompts.profiles import profile_for
from tests.e2e.stack import Gateway
from trainer.reserved import is_reserved

PROFILE = profile_for("hone-tiny")
SESSIONS = 24
EDITOR = Client(name="test-editor")
AT_ONCE = 16

Settle = Callable[[Task, EditContext], str]
"""The region's text in the end, given the task and what the editor showed of it."""


def small_sets(learning: int, evaluation: int) -> TaskSets:
    """Return fewer tasks than the demo's, by the same rules from the same modules."""
    reserved = (found for found in modules(standard_library()) if is_reserved(found[0]))
    rules = house_rules()
    return build(reserved, rules, learning=learning, evaluation=evaluation, seed=0)


def true_edit(task: Task, context: EditContext) -> str:
    """Return the region as the user wants it."""
    head = "".join(task.before.splitlines(keepends=True)[: context.region_first_line])
    tail = task.before[len(head) + len(context.region) :]
    assert task.after.startswith(head), "the wanted edit lies in the region"
    assert task.after.endswith(tail), "the wanted edit lies in the region"
    return task.after[len(head) : len(task.after) - len(tail)]


def nonsense(task: Task, context: EditContext) -> str:
    """Return a region whose words are all there, in an order that means nothing."""
    words = context.region.split()
    return "".join(f"{' '.join(sorted(words[i::3], key=len))}\n" for i in range(3))


def leave(gateway: Gateway, tasks: Sequence[Task], settle: Settle = true_edit) -> None:
    """Ask for a suggestion in every task, and report what became of it."""

    def live_through(numbered: tuple[int, Task]) -> None:
        number, task = numbered
        context = context_of(task, PROFILE)
        session = f"session-{number % SESSIONS:02}"
        answer = suggestion(gateway, context, session)
        batch = _report(answer, context, settle(task, context), session, f"spool-{number}")
        ack = gateway.post("/v1/feedback", batch)
        assert ack["stored"] == len(batch["events"])
        assert ack["quarantined"] == 0

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(live_through, enumerate(tasks)))


def suggestion(gateway: Gateway, context: EditContext, session: str = "asking") -> SuggestResponse:
    """Ask for one suggestion, with all the time in the world."""
    request = SuggestRequest(
        session=session,
        workspace="workspace",
        client=EDITOR,
        document=context.path,
        document_version=1,
        context=context,
        deadline_ms=120_000.0,
        client_time=time.time(),
    )
    answer = gateway.post("/v1/suggest", request.model_dump(mode="json"))
    return SuggestResponse.model_validate(answer)


def _report(
    answer: SuggestResponse, context: EditContext, settled: str, session: str, producer: str
) -> dict[str, Any]:
    """What a language server reports: accepted if right, else overtyped, else nothing to see."""
    accepted = answer.outcome is None and answer.new_region == settled
    common: dict[str, Any] = {
        "suggestion_id": answer.suggestion_id,
        "session": session,
        "workspace": "workspace",
        "client": EDITOR,
        "client_time": time.time(),
    }
    outcome = answer.outcome or (Outcome.ACCEPTED if accepted else Outcome.DIVERGED)
    shown = Shown.YES if answer.outcome is None else Shown.NO
    events: list[OutcomeEvent | SettledEvent | SurvivalEvent] = [
        OutcomeEvent(seq=1, outcome=outcome, shown=shown, reason=answer.reason, **common),
        SettledEvent(
            seq=2,
            settled_by=SettledBy.QUIET,
            region_changed=settled != context.region,
            settled_text=settled,
            accepted_text=settled if accepted else None,
            **common,
        ),
    ]
    if accepted:
        last = SurvivalEvent(
            seq=3, horizon_s=900.0, last=True, observed=True, retained=1.0, **common
        )
        events.append(last)
    return FeedbackBatch(producer=producer, events=tuple(events)).model_dump(mode="json")

"""One question to the gateway, as a language server asks it, about a few lines made up for it.

At level `off`, so that nothing is recorded. Knows the question and how long its answer may take.
Does not know what to make of the answer.
"""

import asyncio
import time
import uuid

from feedback_store import __version__
from feedback_store.events import (
    Client,
    EditContext,
    FeedbackLevel,
    Reason,
    RecentEdit,
    SuggestRequest,
    SuggestResponse,
    Trigger,
)
from lsp.gateway import Gateway, Silence

NAME = "hone-lsp-doctor"
_REGION = "def total(values):\n    result = 0\n    for value in values:\n        sum += value\n"
_CONTEXT = EditContext(
    path="total.py",
    language="python",
    prefix="",
    region=_REGION,
    suffix="    return result\n",
    region_first_line=0,
    cursor_line=1,
    cursor_character=10,
    recent_edits=(
        RecentEdit(path="total.py", diff=" def total(values):\n-    sum = 0\n+    result = 0\n"),
    ),
)


async def tried(gateway: Gateway, deadline_ms: float) -> tuple[SuggestResponse | Silence, float]:
    """Return what the gateway makes of the question within an editor's deadline, and how many
    milliseconds that took. The first answer of an engine that has just started may come late."""
    answer, took_ms = await _once(gateway, deadline_ms)
    if answer.reason == Reason.DEADLINE:
        answer, took_ms = await _once(gateway, deadline_ms)
    return answer, took_ms


async def _once(gateway: Gateway, deadline_ms: float) -> tuple[SuggestResponse | Silence, float]:
    begun = time.monotonic()
    try:
        async with asyncio.timeout(deadline_ms / 1000.0):
            answer = await gateway.suggest(_request(deadline_ms))
    except TimeoutError:
        answer = Silence(Reason.DEADLINE, f"no answer within {deadline_ms:g} ms")
    return answer, 1000.0 * (time.monotonic() - begun)


def _request(deadline_ms: float) -> SuggestRequest:
    return SuggestRequest(
        session=uuid.uuid4().hex,
        workspace=NAME,
        client=Client(name=NAME, version=__version__),
        document=NAME,
        document_version=1,
        context=_CONTEXT,
        trigger=Trigger.INVOKED,
        level=FeedbackLevel.OFF,
        deadline_ms=deadline_ms,
        client_time=time.time(),
    )

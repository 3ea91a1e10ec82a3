"""What editors ask: hello, suggestions, feedback."""

from fastapi import APIRouter, Request, Response

from feedback_store.events import (
    WIRE_VERSIONS,
    FeedbackAck,
    FeedbackBatch,
    Hello,
    Reason,
    SuggestRequest,
    SuggestResponse,
)
from server import __version__
from server.feedback import take
from server.limits import TooMany
from server.routes.common import Editor, Reporter, TheGateway, check_wire, unless_gone
from server.suggest import suggest

CLIENT_CLOSED_REQUEST = 499
"""nginx's number for a client that hung up; nobody reads the answer, but logs do."""

AGAIN_S = 1.0
"""When an editor may ask again that found the gateway or its engine overloaded."""

router = APIRouter(prefix="/v1", tags=["editor"])


@router.get("/hello", operation_id="hello")
async def hello(gateway: TheGateway, caller: Editor) -> Hello:
    """Say what this gateway speaks and how much context its model takes."""
    profile = gateway.profile
    return Hello(
        version=__version__,
        wire_versions=WIRE_VERSIONS,
        policy_version=gateway.registry.book.live,
        base_model=profile.name,
        region_lines=profile.region_lines,
        prefix_lines=profile.prefix_lines,
        suffix_lines=profile.suffix_lines,
        recent_edits=profile.recent_edits,
        excerpts=profile.excerpts,
        diagnostics=profile.diagnostics,
        instructions=profile.format.instructions,
        feedback_level=gateway.settings.feedback.level,
    )


@router.post("/suggest", operation_id="suggest", response_model=SuggestResponse)
async def make_suggestion(
    request: Request, body: SuggestRequest, gateway: TheGateway, caller: Editor
) -> SuggestResponse | Response:
    """Make one suggestion. Hanging up aborts it. Failures are answers too: 200 with a reason; but
    who asks more than can be answered is told when to come back, which any client understands."""
    check_wire(body.wire)
    with gateway.traces.span("suggest", request.headers) as span:
        span.set_attribute("hone.language", body.context.language)
        made = await unless_gone(request, suggest(gateway, caller, body))
    if made is not None and made.reason is Reason.OVERLOADED:
        raise TooMany(made.detail or "too much at once", AGAIN_S)
    return made if made is not None else Response(status_code=CLIENT_CLOSED_REQUEST)


@router.post("/feedback", operation_id="feedback")
async def take_feedback(body: FeedbackBatch, gateway: TheGateway, caller: Reporter) -> FeedbackAck:
    """Store feedback. The answer promises that it is on disk; sending it again does no harm."""
    check_wire(body.wire)
    limit = gateway.settings.feedback.level
    ack = await take(gateway.store, caller, body, limit, gateway.exclusions)
    gateway.metrics.feedback(ack)
    return ack

"""What editors ask that speak OpenAI's completions and nothing of Hone's."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from server.completions import NAME, CompletionRequest, complete, joined
from server.engine.errors import EngineError
from server.routes.common import Editor, TheGateway, unless_gone
from server.routes.editor import CLIENT_CLOSED_REQUEST

router = APIRouter(prefix="/v1", tags=["openai"])
Pieces = AsyncGenerator[dict[str, Any], None]


@router.get("/models", operation_id="list_models")
async def models(caller: Editor) -> dict[str, Any]:
    """List the one name that completions are asked of."""
    return {"object": "list", "data": [{"id": NAME, "object": "model", "owned_by": "hone"}]}


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer, or a stream of its pieces",
        "content": {"application/json": {}, "text/event-stream": {}},
    },
}


@router.post("/completions", operation_id="complete", response_model=None, responses=ANSWERS)
async def completions(
    request: Request, body: CompletionRequest, gateway: TheGateway, caller: Editor
) -> Response:
    """Complete a prompt of the editor's own making. Hanging up aborts it."""
    pieces = complete(gateway, caller, body, request.headers)
    if not body.stream:
        found = await unless_gone(request, _all(pieces))
        if found is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        return JSONResponse(joined(found))
    # The first piece is awaited here, so that a refusal is still a problem document.
    first = await unless_gone(request, anext(pieces))
    if first is None:
        await pieces.aclose()
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return StreamingResponse(_events(first, pieces), media_type="text/event-stream")


async def _all(pieces: Pieces) -> list[dict[str, Any]]:
    async with aclosing(pieces):
        return [piece async for piece in pieces]


async def _events(first: dict[str, Any], rest: Pieces) -> AsyncIterator[str]:
    """A stream that breaks off ends with OpenAI's error instead of its end."""
    async with aclosing(rest):
        yield _event(first)
        try:
            async for piece in rest:
                yield _event(piece)
        except EngineError as error:
            yield _event({"error": {"message": str(error), "type": "server_error"}})
            return
        yield "data: [DONE]\n\n"


def _event(said: dict[str, Any]) -> str:
    return f"data: {json.dumps(said)}\n\n"

"""What people and machines look at: health, status, metrics, and what the page draws."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from feedback_store.events import Scope
from server.queues import Depths
from server.routes.common import Anyone, TheGateway
from server.runs import last_runs
from server.status import status, why_not_ready

router = APIRouter(tags=["observe"])
RUNS_SHOWN = 12


@router.get("/livez", operation_id="livez")
async def livez() -> dict[str, bool]:
    """Say that the process answers."""
    return {"live": True}


@router.get("/readyz", operation_id="readyz")
async def readyz(gateway: TheGateway) -> JSONResponse:
    """200 once suggestions are answered and recorded, else 503 and what is in the way."""
    why = why_not_ready(gateway)
    return JSONResponse(
        {"ready": False, "why": why} if why else {"ready": True}, 503 if why else 200
    )


@router.get("/v1/status", operation_id="status")
async def get_status(request: Request, gateway: TheGateway, caller: Anyone) -> dict[str, Any]:
    """Return the gateway's state and counts."""
    counters = await gateway.read(request.app.state.counters.read, not gateway.door.open)
    found = status(gateway, counters, await request.app.state.queues.read(gateway))
    if not caller.has(Scope.TRAIN):
        # They hold figures of single teams, however small.
        told = [one | {"inputs": None} for one in found.get("decisions", ())]
        found["decisions"] = told
    return found


@router.get("/v1/dashboard", operation_id="dashboard")
async def get_dashboard(
    gateway: TheGateway, caller: Anyone, days: Annotated[int, Query(ge=1, le=366)] = 14
) -> dict[str, Any]:
    """Return how suggestions fared in the last days, by version, language and team."""
    return await gateway.read(gateway.boards.read, days, not gateway.door.open)


@router.get("/v1/runs", operation_id="list_runs")
async def list_runs(gateway: TheGateway, caller: Anyone) -> list[dict[str, Any]]:
    """Return the last training runs, newest first, with their curves."""
    folder = gateway.settings.data.folder / "runs"
    return await gateway.read(last_runs, folder, RUNS_SHOWN)


@router.get("/v1/policies/{name}/manifest", operation_id="policy_manifest")
async def policy_manifest(name: str, gateway: TheGateway, caller: Anyone) -> dict[str, Any]:
    """Return what a version's folder says of itself: parent, batches, metrics, hashes."""
    return await gateway.read(gateway.registry.manifest, name)


@router.get("/v1/me", operation_id="me")
async def me(gateway: TheGateway, caller: Anyone) -> dict[str, Any]:
    """Return who asks, and what that allows."""
    allowed = sorted(scope.value for scope in Scope if caller.has(scope))
    return {"team": caller.team, "scopes": allowed, "signed_in": not gateway.door.open}


@router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
async def metrics(request: Request, gateway: TheGateway, caller: Anyone) -> Response:
    """Return the gateway's counters as Prometheus reads them."""
    depths: Depths = await request.app.state.queues.read(gateway)
    waiting = {name: getattr(depths, name) for name in ("suggestions", "rollouts", "entries")}
    gateway.metrics.depths(waiting, depths.engines)
    book = gateway.registry.book
    serving = {"live": book.live or gateway.profile.name, "canary": book.canary}
    text = gateway.metrics.render(gateway.fleet, serving)
    return Response(text, media_type="text/plain; version=0.0.4")

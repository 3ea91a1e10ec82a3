"""What a trainer asks: rollouts, batches, policy versions and their promotion. Scope `train`."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from feedback_store.events import (
    Decision,
    Frozen,
    PolicyInfo,
    RolloutRequest,
    RolloutResponse,
    Scope,
)
from feedback_store.export import TooLittle
from server.book import PolicyConflict, Status
from server.rollouts import sample
from server.routes.common import TheGateway, Trainer, check_wire, unless_gone
from server.routes.editor import CLIENT_CLOSED_REQUEST

router = APIRouter(prefix="/v1", tags=["training"])


class Named(Frozen):
    """The name of a folder that the trainer published."""

    name: str = Field(max_length=100)


class BatchRequest(Frozen):
    """Ask for the next training batch."""

    min_items: int = Field(ge=1)
    max_items: int = Field(ge=1)


class BatchStateRequest(Frozen):
    """Say what became of a batch."""

    state: Literal["spent", "offered"]
    policy: str | None = None


@router.post("/rollouts", operation_id="rollouts", response_model=RolloutResponse)
async def rollouts(
    request: Request, body: RolloutRequest, gateway: TheGateway, caller: Trainer
) -> RolloutResponse | Response:
    """Sample answers to token-level prompts, behind everything that editors ask."""
    check_wire(body.wire)
    with gateway.rollout_room.enter():
        sampled = await unless_gone(request, sample(gateway, body))
    return sampled if sampled is not None else Response(status_code=CLIENT_CLOSED_REQUEST)


@router.get("/policies", operation_id="list_policies")
async def list_policies(gateway: TheGateway, caller: Trainer) -> list[PolicyInfo]:
    """List all versions."""
    return gateway.registry.infos(gateway.fleet.loaded)


@router.post("/policies", operation_id="register_policy", status_code=201)
async def register_policy(body: Named, gateway: TheGateway, caller: Trainer) -> PolicyInfo:
    """Verify a published adapter and load it as a candidate, which no editor reaches."""
    await asyncio.to_thread(gateway.audit.write, caller, "register", policy=body.name)
    await gateway.registry.register(body.name, Status.CANDIDATE, gateway.fleet)
    return _info(gateway, body.name)


@router.post("/policies/{name}/decision", operation_id="decide")
async def decide(name: str, body: Decision, gateway: TheGateway, caller: Trainer) -> PolicyInfo:
    """Store a gate's decision: the candidate goes live (where canaries are configured, for a share
    of sessions first), or is refused for good."""
    if body.policy != name:
        raise PolicyConflict(f"the decision is about {body.policy!r}, the address about {name!r}")
    about = {"policy": name, "passed": body.passed, "why": body.why}
    await asyncio.to_thread(gateway.audit.write, caller, "decision", **about)
    as_canary = gateway.settings.canary.share > 0
    await gateway.registry.decide(body, gateway.fleet, as_canary=as_canary)
    return _info(gateway, name)


@router.post("/policies/{name}/promote", operation_id="promote")
async def promote(name: str, gateway: TheGateway, caller: Trainer) -> PolicyInfo:
    """Make an untrained adapter live; any other needs a stored passing decision, and the scope
    `admin`, since the gate's own decision makes it live where nothing is paused or tried first."""
    if not gateway.registry.book.get(name).untrained:
        caller.require(Scope.ADMIN)
    await asyncio.to_thread(gateway.audit.write, caller, "promote", policy=name)
    await gateway.registry.promote(name, gateway.fleet)
    return _info(gateway, name)


@router.post("/snapshots", operation_id="load_snapshot", status_code=201)
async def load_snapshot(body: Named, gateway: TheGateway, caller: Trainer) -> PolicyInfo:
    """Load a rollout snapshot of a running training; editors never reach it."""
    await gateway.registry.register(body.name, Status.SNAPSHOT, gateway.fleet)
    return _info(gateway, body.name)


@router.delete("/snapshots/{name}", operation_id="drop_snapshot")
async def drop_snapshot(name: str, gateway: TheGateway, caller: Trainer) -> PolicyInfo:
    """Unload a rollout snapshot; its name is used up."""
    await gateway.registry.drop_snapshot(name, gateway.fleet)
    return _info(gateway, name)


TOO_FEW: dict[int | str, dict[str, Any]] = {
    200: {"description": "Too little is ready, and how much"}
}


@router.post("/batches", operation_id="export_batch", status_code=201, responses=TOO_FEW)
async def export_batch(body: BatchRequest, gateway: TheGateway, caller: Trainer) -> JSONResponse:
    """Publish the next batch: 201 with its manifest, or 200 and how much is ready."""
    await asyncio.to_thread(gateway.audit.write, caller, "export batch", most=body.max_items)
    found = await gateway.asks.run(gateway.store.export, body.min_items, body.max_items)
    if isinstance(found, TooLittle):
        return JSONResponse({"reason": "too_little", "ready": found.ready}, 200)
    return JSONResponse(found.manifest | {"folder": str(found.folder)}, 201)


@router.get("/batches", operation_id="list_batches")
async def list_batches(gateway: TheGateway, caller: Trainer) -> list[dict[str, Any]]:
    """List the batches and the latest state of each."""
    return await gateway.read(
        gateway.store.query,
        "SELECT b.number, b.items, strftime(b.received_at, '%Y-%m-%dT%H:%M:%SZ') AS created_at, "
        "coalesce(arg_max(s.state, s.ingest_seq), 'new') AS state, "
        "arg_max(s.policy, s.ingest_seq) AS policy "
        "FROM batches b LEFT JOIN batch_states s USING (number) GROUP BY ALL "
        "HAVING state <> 'expired' ORDER BY 1",
    )


@router.post("/batches/{number}/state", operation_id="set_batch_state", status_code=204)
async def set_batch_state(
    number: Annotated[int, Path(ge=1, le=2**31)],
    body: BatchStateRequest,
    gateway: TheGateway,
    caller: Trainer,
) -> None:
    """Say that a batch was spent by a policy, or is offered again."""
    sql = "SELECT 1 FROM batches WHERE number = ?"
    known = await gateway.read(gateway.store.query, sql, [number])
    if not known:
        raise HTTPException(404, f"there is no batch {number}; see /v1/batches")
    payload = {"number": number, "state": body.state, "policy": body.policy}
    await asyncio.wrap_future(gateway.store.record("batch_state", payload))


def _info(gateway: TheGateway, name: str) -> PolicyInfo:
    return gateway.registry.info(name, gateway.fleet.loaded)

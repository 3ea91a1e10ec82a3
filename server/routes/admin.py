"""What an administrator asks: to go back, to refuse a version, and who gets which version."""

import asyncio

from fastapi import APIRouter
from pydantic import Field

from feedback_store.events import Decision, Frozen, PolicyInfo
from server.policies import Seen
from server.routes.common import Admin, TheGateway
from server.routing import Table

router = APIRouter(prefix="/v1", tags=["admin"])


class Promotions(Frozen):
    """Whether versions that pass the gate go into service by themselves."""

    paused: bool


@router.put("/promotions", operation_id="set_promotions")
async def set_promotions(body: Promotions, gateway: TheGateway, caller: Admin) -> Promotions:
    """Let versions that pass wait to be promoted by hand, or no longer."""
    await asyncio.to_thread(gateway.audit.write, caller, "promotions", paused=body.paused)
    gateway.registry.pause(body.paused)
    return Promotions(paused=gateway.registry.paused)


@router.get("/routing", operation_id="get_routing")
async def get_routing(gateway: TheGateway, caller: Admin) -> Table:
    """Return the routing table."""
    return gateway.registry.table


@router.put("/routing", operation_id="set_routing")
async def set_routing(body: Table, gateway: TheGateway, caller: Admin) -> Table:
    """Replace the routing table; versions that it names are loaded first."""
    await asyncio.to_thread(
        gateway.audit.write, caller, "routing", routes=body.model_dump(mode="json")["routes"]
    )
    await gateway.registry.route(body, gateway.fleet)
    return gateway.registry.table


class SeenLive(Frozen):
    """Which version was live when this was decided."""

    live: str | None = Field(max_length=100)
    """None is the base model."""


class Refusal(Frozen):
    """Why a version is refused by hand."""

    why: str = Field(default="", max_length=500)


@router.post("/rollback", operation_id="rollback")
async def rollback(
    gateway: TheGateway, caller: Admin, body: SeenLive | None = None
) -> list[PolicyInfo]:
    """Swap the live version and the one before, at once. Where the body names the version that was
    seen to be live, another one answers 409: sent twice, it does not undo itself."""
    live = gateway.registry.book.live
    await asyncio.to_thread(gateway.audit.write, caller, "rollback", live=live)
    await gateway.registry.rollback(gateway.fleet, body and Seen(body.live))
    return gateway.registry.infos(gateway.fleet.loaded)


@router.post("/policies/{name}/refuse", operation_id="refuse")
async def refuse(
    name: str, gateway: TheGateway, caller: Admin, body: Refusal | None = None
) -> PolicyInfo:
    """End a candidate or a canary for good; the live version answers its sessions."""
    why = f"refused by hand: {body.why}" if body and body.why else "refused by hand"
    await asyncio.to_thread(gateway.audit.write, caller, "refuse", policy=name, why=why)
    decision = Decision(policy=name, passed=False, why=why, inputs={})
    await gateway.registry.refuse(decision, gateway.fleet)
    return gateway.registry.info(name, gateway.fleet.loaded)

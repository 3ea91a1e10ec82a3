"""What an administrator asks: to go back to the version before, and who gets which version."""

import asyncio

from fastapi import APIRouter

from feedback_store.events import Frozen, PolicyInfo
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


@router.post("/rollback", operation_id="rollback")
async def rollback(gateway: TheGateway, caller: Admin) -> list[PolicyInfo]:
    """Swap the live version and the one before, at once."""
    live = gateway.registry.book.live
    await asyncio.to_thread(gateway.audit.write, caller, "rollback", live=live)
    await gateway.registry.rollback(gateway.fleet)
    return gateway.registry.infos(gateway.fleet.loaded)

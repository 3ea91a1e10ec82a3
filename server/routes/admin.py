"""What an administrator asks: which teams and languages have a version of their own."""

from fastapi import APIRouter

from server.routes.common import Admin, TheGateway
from server.routing import Table

router = APIRouter(prefix="/v1", tags=["admin"])


@router.get("/routing", operation_id="get_routing")
async def get_routing(gateway: TheGateway, caller: Admin) -> Table:
    """Return the routing table."""
    return gateway.registry.table


@router.put("/routing", operation_id="set_routing")
async def set_routing(body: Table, gateway: TheGateway, caller: Admin) -> Table:
    """Replace the routing table; versions that it names are loaded first."""
    await gateway.registry.route(body, gateway.fleet)
    return gateway.registry.table

"""What `hone-store` asks while the gateway owns the data folder. Scope `admin`; all is audited."""

from dataclasses import asdict
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, HTTPException, Request
from pydantic import Field

from feedback_store.events import Frozen, Scope
from feedback_store.operations import Operations
from server.routes.common import Admin, TheGateway, gateway_of

router = APIRouter(prefix="/v1/store", tags=["store"])


class Question(Frozen):
    """One SELECT."""

    sql: str = Field(min_length=1, max_length=100_000)
    content: bool = False
    """Also from tables that hold code."""
    max_rows: int | None = Field(default=None, ge=1)


class Amount(Frozen):
    """How much a batch holds."""

    min_items: int = Field(default=1, ge=1)
    max_items: int = Field(default=10_000, ge=1)


class ImportedEntry(Frozen):
    """An entry as it stands in a log."""

    ingest_seq: int = 0
    received_at: str = Field(max_length=40)
    producer: str
    seq: int
    kind: str
    user: str
    team: str
    payload: dict[str, Any]
    tokens: tuple[int | None, int | None] | None = None
    removed: str | None = None


class Imported(Frozen):
    """Entries of another store's log, in their order."""

    entries: tuple[ImportedEntry, ...] = Field(max_length=1000)


class Erased(Frozen):
    """Whom to erase: the name in the keys, or the pseudonym."""

    user: str = Field(min_length=1, max_length=200)


class Rebuilt(Frozen):
    """How to rebuild."""

    compare: bool = False
    """Replace the database only if it is equal."""


class Verified(Frozen):
    """How thoroughly to check."""

    deep: bool = False
    """Row for row; nothing is accepted meanwhile."""


def operations(
    request: Request, caller: Admin, x_hone_folder: Annotated[str, Header()] = ""
) -> Operations:
    """Return the operations, unless the caller means another data folder's gateway.

    What is asked goes to the store's own audit, with its details, and to the gateway's.
    """
    gateway = gateway_of(request)
    if x_hone_folder not in ("", gateway.store.token):
        raise HTTPException(409, "this gateway owns another data folder; set --gateway.url")
    gateway.audit.write(caller, request.url.path.removeprefix("/v1/").replace("/", "."))
    return cast(Operations, request.app.state.operations)


Asked = Annotated[Operations, Depends(operations)]


@router.get("/stats", operation_id="store_stats")
async def stats(asked: Asked, gateway: TheGateway, caller: Admin) -> dict[str, Any]:
    """Return counts and sizes."""
    return await gateway.asks.run(asked.stats, caller.user)


@router.post("/query", operation_id="store_query")
async def query(body: Question, asked: Asked, gateway: TheGateway, caller: Admin) -> dict[str, Any]:
    """Answer one SELECT; content tables only with the scope `content`."""
    if body.content:
        caller.require(Scope.CONTENT)
    answer = await gateway.asks.run(
        asked.query, caller.user, body.sql, with_content=body.content, max_rows=body.max_rows
    )
    return asdict(answer)


@router.post("/export", operation_id="store_export")
async def export(body: Amount, asked: Asked, gateway: TheGateway, caller: Admin) -> dict[str, Any]:
    """Publish the next training batch, or say how much is ready."""
    return await gateway.asks.run(asked.export, caller.user, body.min_items, body.max_items)


@router.post("/import", operation_id="store_import")
async def take_in(
    body: Imported, asked: Asked, gateway: TheGateway, caller: Admin
) -> dict[str, Any]:
    """Store entries of another store's log; sending them again does no harm."""
    entries = [entry.model_dump(exclude_none=True) for entry in body.entries]
    return await gateway.asks.run(asked.take_in, caller.user, entries)


@router.post("/erase", operation_id="store_erase")
async def erase(body: Erased, asked: Asked, gateway: TheGateway, caller: Admin) -> dict[str, Any]:
    """Erase a user from every file, for good."""
    return await gateway.asks.run(asked.erase, caller.user, body.user)


@router.post("/retain", operation_id="store_retain")
async def retain(asked: Asked, gateway: TheGateway, caller: Admin) -> dict[str, Any]:
    """Remove what was kept long enough."""
    return await gateway.asks.run(asked.retain, caller.user)


@router.post("/compact", operation_id="store_compact")
async def compact(asked: Asked, gateway: TheGateway, caller: Admin) -> dict[str, Any]:
    """Make the database file anew, without holes."""
    return await gateway.asks.run(asked.compact, caller.user)


@router.post("/rebuild", operation_id="store_rebuild")
async def rebuild(
    body: Rebuilt, asked: Asked, gateway: TheGateway, caller: Admin
) -> dict[str, Any]:
    """Make the database anew from the log."""
    return await gateway.asks.run(asked.rebuild, caller.user, compare_first=body.compare)


@router.post("/backup", operation_id="store_backup")
async def backup(asked: Asked, gateway: TheGateway, caller: Admin) -> dict[str, Any]:
    """Copy log, batches and keys into the data folder's backups."""
    return await gateway.asks.run(asked.backup, caller.user)


@router.post("/verify", operation_id="store_verify")
async def verify(
    body: Verified, asked: Asked, gateway: TheGateway, caller: Admin
) -> dict[str, Any]:
    """Check log, database and batches."""
    return await gateway.asks.run(asked.verify, caller.user, deep=body.deep)

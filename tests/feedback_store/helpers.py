"""Short ways to speak to a store in tests."""

from typing import Any

import duckdb

from feedback_store.entries import Ack, NewEntry
from feedback_store.export import Export, TooLittle
from feedback_store.store import Store

WAIT_S = 20.0


def put(store: Store, *entries: NewEntry) -> Ack:
    return store.submit(entries).result(WAIT_S)


def count(store: Store, table: str) -> int:
    return store.query(f"SELECT count(*) AS n FROM {table}")[0]["n"]


def rows_of(result: Export | TooLittle) -> list[dict[str, Any]]:
    assert isinstance(result, Export)
    connection = duckdb.connect()
    cursor = connection.execute(
        "SELECT * FROM read_parquet(?) ORDER BY ingest_seq", [str(result.folder / "batch.parquet")]
    )
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    connection.close()
    return rows


def ids_of(result: Export | TooLittle) -> list[str]:
    return [row["suggestion_id"] for row in rows_of(result)]


def abandon(store: Store) -> None:
    """Let go of the files as the end of a process does: no flush, no commit."""
    store._writer._thread.join(WAIT_S)
    assert not store._writer._thread.is_alive()
    store._writer.database.close()
    store._writer.log.close()
    store._lock.release()

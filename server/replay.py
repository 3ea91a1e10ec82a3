"""The book of policies as the store remembers it.

Knows how stored changes and decisions read. Does not know what they mean (`server.book`).
"""

import json
from typing import Any

from feedback_store.events import Decision
from feedback_store.store import Store
from server.book import Book, Status, StatusChange

HISTORY = (
    "SELECT ingest_seq, payload, NULL AS policy, NULL AS passed FROM policies UNION ALL "
    "SELECT ingest_seq, NULL, policy, passed FROM decisions ORDER BY ingest_seq"
)


def replay(store: Store) -> Book:
    """Return the book that the stored changes and decisions make."""
    rows: list[dict[str, Any]] = store.query(HISTORY)
    book = Book()
    for row in rows:
        if row["payload"] is None:
            decision = Decision(policy=row["policy"], passed=row["passed"], why="", inputs={})
            book = book.record(decision)
            continue
        payload = json.loads(row["payload"])
        payload["status"] = Status(payload["status"])
        book = book.apply([StatusChange(**payload)])
    return book

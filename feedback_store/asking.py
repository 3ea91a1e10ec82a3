"""One question to the database in SQL: a single SELECT on known tables, within time and rows.

Knows what may be asked. Does not know who asks, nor how the answer is shown. The database itself
reaches no file and no host (feedback_store.database); what is refused here is more than one
statement, whatever is no SELECT, and, without leave, the tables that hold code.
"""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from feedback_store.errors import StoreError

CONTENT_TABLES = frozenset({"suggestion_content", "settlement_content"})
_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})
_READS_SQL = re.compile(r"json_.*(serialize|execute)|query(_table)?$|getvariable|.*_plan$")
"""Functions that take SQL as text, and would answer from tables that nobody has looked at."""
_CATALOGUE = ("duckdb_", "pragma_", "pg_", "sqlite_", "information_schema")
_NAME = re.compile(r"[a-z_][a-z0-9_]*")


class BadQuestion(StoreError, ValueError):
    """The SQL is not one SELECT, or looks where it may not. The text says what to change."""


class QuestionTooLong(StoreError):
    """The question took longer or more memory than it may; ask for less."""


@dataclass(frozen=True)
class Answer:
    """Rows, and whether there were more than were asked for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool


def ask(
    cursor: duckdb.DuckDBPyConnection,
    sql: str,
    *,
    max_rows: int,
    timeout_s: float,
    with_content: bool,
) -> Answer:
    """Answer one SELECT on a connection of its own, which is closed at the end.

    Raises BadQuestion or QuestionTooLong.
    """
    try:
        text = checked(cursor, sql, with_content)
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        return _answered(cursor, text, max_rows, timeout_s)
    except duckdb.Error as error:
        raise BadQuestion(str(error)) from error
    finally:
        cursor.close()


def checked(cursor: duckdb.DuckDBPyConnection, sql: str, with_content: bool) -> str:
    """Return the statement alone, if it is one SELECT that may be asked; else BadQuestion."""
    try:
        statements = cursor.extract_statements(sql)
    except duckdb.Error as error:
        raise BadQuestion(f"this is no SQL: {error}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadQuestion("ask one SELECT: one statement, and nothing that changes anything")
    row = cursor.execute("SELECT json_serialize_sql(?)", [statements[0].query]).fetchone()
    try:
        tree = json.loads(row[0]) if row else {"error": True}
    except RecursionError:
        raise BadQuestion("this is nested too deeply") from None
    if tree["error"]:
        raise BadQuestion(f"this cannot be asked: {tree.get('error_message', 'no plain SELECT')}")
    found = cursor.execute("SELECT lower(table_name) FROM duckdb_tables()").fetchall()
    tables = {name for (name,) in found}
    _look(tree, tables if with_content else tables - CONTENT_TABLES)
    # Written out anew from what was looked at, without comments and semicolons.
    plain = cursor.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchone()
    return str(plain[0]) if plain else ""


def _look(tree: dict[str, Any], allowed: set[str]) -> None:
    """Raise BadQuestion if the statement reads anything but the allowed tables.

    A name that the statement defines itself (WITH) is allowed where it cannot be mistaken for a
    file or for a table that is not.
    """
    own = {one["key"].lower() for node in _nodes(tree) for one in _defined(node)}
    # A name of DuckDB's own catalogue means that where the definition does not reach.
    plain = {name for name in own - CONTENT_TABLES if _NAME.fullmatch(name)}
    names = allowed | {name for name in plain if not name.startswith(_CATALOGUE)}
    for node in _nodes(tree):
        kind = node.get("type")
        if kind == "BASE_TABLE" and (node["table_name"].lower() not in names or _foreign(node)):
            raise BadQuestion(f"there is no table {node['table_name']!r} that you may read")
        if kind == "TABLE_FUNCTION" and node["function"]["function_name"] not in _FUNCTIONS:
            name = node["function"]["function_name"]
            raise BadQuestion(f"the function {name} may not stand where a table stands")
        called = str(node.get("function_name", "")).lower()
        if _READS_SQL.fullmatch(called):
            raise BadQuestion(f"the function {called} cannot be asked: it reads SQL")
        if kind == "SHOW_REF":
            raise BadQuestion("SHOW, DESCRIBE and SUMMARIZE cannot be asked; SELECT can")


def _foreign(node: dict[str, Any]) -> bool:
    return bool(node.get("catalog_name")) or node.get("schema_name", "") not in ("", "main")


def _defined(node: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return (node.get("cte_map") or {}).get("map", ())


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _answered(
    cursor: duckdb.DuckDBPyConnection, text: str, max_rows: int, timeout_s: float
) -> Answer:
    over = threading.Event()

    def interrupt() -> None:
        over.set()
        cursor.interrupt()

    timer = threading.Timer(timeout_s, interrupt)
    timer.start()
    try:
        cursor.execute(f"SELECT * FROM (\n{text}\n) LIMIT {max_rows + 1}")
        rows = cursor.fetchall()
    except (duckdb.InterruptException, duckdb.OutOfMemoryException) as error:
        why = f"{timeout_s:g} s" if over.is_set() else "the memory it may use"
        raise QuestionTooLong(f"the question took more than {why}") from error
    finally:
        timer.cancel()
        timer.join()
    columns = tuple(column[0] for column in cursor.description or ())
    shown = (tuple(map(_shown, row)) for row in rows[:max_rows])
    return Answer(columns, tuple(shown), len(rows) > max_rows)


def _shown(value: Any) -> Any:
    """Return bytes, which no JSON holds, as hexadecimal digits."""
    return value.hex() if isinstance(value, bytes) else value

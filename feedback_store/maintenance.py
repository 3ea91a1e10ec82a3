"""Looking after a data folder that no gateway owns: rebuild, compare, check, describe.

Knows what must agree with what. Does not know the command line, and takes no lock: its callers do.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from feedback_store.config import StoreSettings
from feedback_store.connecting import literal
from feedback_store.database import Database
from feedback_store.errors import StoreError
from feedback_store.export import KEPT
from feedback_store.folder import BATCHES, DATABASE, LOG, build, open_database, remove, swap
from feedback_store.log import EventLog
from feedback_store.publish import BadManifest, read_manifest
from feedback_store.segments import read_frames, segments_in


@dataclass(frozen=True)
class Difference:
    """Rows of one table that only one of two databases has."""

    table: str
    only_first: int
    only_second: int


@dataclass
class Report:
    """What a check looked at and what it found wrong."""

    looked_at: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def rebuild(folder: Path, settings: StoreSettings, *, compare_first: bool) -> list[Difference]:
    """Make the database anew from the log and put it in the old one's place.

    With `compare_first`, the old database is replaced only if it has the same rows, table by
    table; what differs is returned. Raises CorruptLog or OSError, leaving the old database.
    """
    count_entries(folder, settings, drop_torn=True)
    rebuilt = build(folder, settings)
    current = folder / DATABASE
    differences = compare(current, rebuilt) if compare_first and current.exists() else []
    if differences:
        remove(rebuilt)
        return differences
    swap(folder)
    return []


def compare(first: Path, second: Path) -> list[Difference]:
    """Return the tables in which two database files differ, row for row."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    try:
        for name, path in (("first", first), ("second", second)):
            connection.execute(f"ATTACH {literal(str(path))} AS {name} (READ_ONLY)")
        found = (_difference(connection, table) for table in _tables(connection))
        return [difference for difference in found if difference is not None]
    finally:
        connection.close()


def check(folder: Path, settings: StoreSettings, *, deep: bool) -> Report:
    """Read every frame of the log and every batch, and compare the database with the log.

    `deep` replays the whole log beside the database and compares row for row.
    """
    report = Report()
    try:
        kinds, last = count_entries(folder, settings, drop_torn=False)
    except StoreError as error:
        report.wrong.append(str(error))
        return report
    report.looked_at.append(f"log: {last} entries, every checksum right")
    try:
        database = open_database(folder, settings)
    except StoreError as error:
        report.wrong.append(str(error))
        return report
    try:
        _check_database(database, kinds, last, report)
        _check_batches(database, folder / BATCHES, report)
        behind = database.ingest_seq < last
    finally:
        database.close()
    if deep and not behind and not report.wrong:
        _check_rows(folder, settings, report)
    return report


def count_entries(
    folder: Path, settings: StoreSettings, *, drop_torn: bool
) -> tuple[Counter[str], int]:
    """Read the whole log; return the entries by kind and the last ingest_seq.

    A torn end, which a crash may leave, is cut off with `drop_torn` and else left out.
    """
    log = EventLog(folder / LOG, int(settings.segment_mib * (1 << 20)))
    tail = log.tail()
    if drop_torn:
        log.open(tail)
        log.close()
    kinds: Counter[str] = Counter()
    for entry in log.read(until=tail.last_seq):
        kinds[entry["kind"]] += 1
    return kinds, tail.last_seq


def entries_at(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a segment, or of all segments in a folder; CorruptLog on damage."""
    for segment in segments_in(path) if path.is_dir() else [path]:
        for _, entry, _ in read_frames(segment):
            yield entry


def describe(folder: Path, database: Database) -> dict[str, Any]:
    """Return the store's counts and sizes."""
    segments = EventLog(folder / LOG).segments()
    counts = {table: _count(database, table) for table in _own_tables(database)}
    return {
        "folder": str(folder),
        "entries": database.ingest_seq,
        "log": {"segments": len(segments), "bytes": sum(p.stat().st_size for p in segments)},
        "database": {"bytes": (folder / DATABASE).stat().st_size},
        "rows": counts,
        "producers": len(database.high_water),
        "outcomes": _counts(database, "outcomes", "outcome"),
        "quarantine": _counts(database, "quarantine", "reason"),
    }


def _check_database(database: Database, kinds: Counter[str], last: int, report: Report) -> None:
    if database.ingest_seq > last:
        report.wrong.append(
            f"the database holds entries up to {database.ingest_seq}, the log only up to {last}: "
            "log files are missing; restore them, or run `hone-store rebuild`"
        )
        return
    if database.ingest_seq < last:
        report.looked_at.append(
            f"database: up to entry {database.ingest_seq}; the rest is replayed at the next start"
        )
        return
    tables = {"suggestion": "suggestions", "policy": "policies", "decision": "decisions"}
    for kind, table in tables.items():
        rows = _count(database, table)
        if rows != kinds[kind]:
            report.wrong.append(
                f"table {table} has {rows} rows for {kinds[kind]} entries in the log: "
                "run `hone-store rebuild`"
            )
    report.looked_at.append(f"database: up to entry {last}, as the log")


def _check_batches(database: Database, batches: Path, report: Report) -> None:
    numbers = [row["number"] for row in database.query(KEPT)]
    for number in numbers:
        try:
            read_manifest(batches / f"{number:06d}")
        except BadManifest as error:
            report.wrong.append(str(error))
    known = {f"{number:06d}" for number in numbers}
    strangers = [p.name for p in batches.glob("*") if p.name not in known and p.name[0] != "."]
    if strangers:
        report.wrong.append(f"{batches} holds what the log knows nothing of: {sorted(strangers)}")
    report.looked_at.append(f"batches: {len(numbers)} read")


def _check_rows(folder: Path, settings: StoreSettings, report: Report) -> None:
    rebuilt = build(folder, settings)
    try:
        for difference in compare(folder / DATABASE, rebuilt):
            report.wrong.append(
                f"table {difference.table}: {difference.only_first} rows are not in the log, "
                f"{difference.only_second} are missing: run `hone-store rebuild`"
            )
    finally:
        remove(rebuilt)
    report.looked_at.append("database: compared with the log row for row")


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT table_name FROM duckdb_tables() "
        "WHERE database_name IN ('first', 'second') ORDER BY 1"
    ).fetchall()
    return [row[0] for row in rows]


def _difference(connection: duckdb.DuckDBPyConnection, table: str) -> Difference | None:
    # When a migration was applied is a fact of the file, not of the log.
    columns = "version, name, sha256" if table == "schema_migrations" else "*"
    counts: list[int] = []
    for one, other in (("first", "second"), ("second", "first")):
        row = connection.execute(
            f"SELECT count(*) FROM (SELECT {columns} FROM {one}.{table} "
            f"EXCEPT ALL SELECT {columns} FROM {other}.{table})"
        ).fetchone()
        counts.append(row[0] if row else 0)
    return Difference(table, *counts) if any(counts) else None


def _own_tables(database: Database) -> list[str]:
    rows = database.query("SELECT table_name AS name FROM duckdb_tables() ORDER BY 1")
    return [row["name"] for row in rows]


def _count(database: Database, table: str) -> int:
    return database.query(f"SELECT count(*) AS n FROM {table}")[0]["n"]


def _counts(database: Database, table: str, column: str) -> dict[str, int]:
    sql = f"SELECT {column} AS name, count(*) AS n FROM {table} GROUP BY 1 ORDER BY 1"
    return {row["name"]: row["n"] for row in database.query(sql)}

"""Changing what cannot be changed: sealed segments of the log and published Parquet, for erasure
and retention alone.

Knows how a file is replaced so that a crash leaves the old or the new one. Does not know why:
its callers say which entries and rows go.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from feedback_store import frames
from feedback_store.connecting import literal
from feedback_store.entries import to_json
from feedback_store.projection import own_producer
from feedback_store.publish import MANIFEST, publish, replacing, sync_folder
from feedback_store.segments import packed, read_frames, segments_in
from feedback_store.tables import REMOVED, Row

Change = Callable[[Row], Row | None]
"""Returns what an entry becomes, or None if it stays as it is."""
ASIDE = ".old-"
"""How the name begins of a batch that is about to be deleted."""


def stub(entry: Row, erased: str | None = None) -> Row:
    """Return what stands in the log in place of an entry, so that its number is not missing.

    Of an erased user's own spools not even the name stays.
    """
    mine = erased is not None and own_producer(erased, entry["producer"])
    return {
        "ingest_seq": entry["ingest_seq"],
        "received_at": entry["received_at"],
        "producer": "" if mine else entry["producer"],
        "seq": entry["seq"],
        "kind": REMOVED,
        "user": "",
        "team": "",
        "payload": {},
    }


def rewrite_log(folder: Path, change: Change) -> int:
    """Apply `change` to every entry of the sealed segments; return how many became another.

    The last segment, which is being written, is left alone. CorruptLog if a frame is damaged.
    """
    for leftover in folder.glob("*.tmp"):
        leftover.unlink()
    return sum(_rewrite_segment(path, change) for path in segments_in(folder)[:-1])


def _rewrite_segment(path: Path, change: Change) -> int:
    if all(change(entry) is None for _, entry, _ in read_frames(path)):
        return 0
    target = path.with_name(f"{path.name.removesuffix('.gz')}.gz")
    changed = 0
    with replacing(target) as raw, packed(raw) as file:
        for _, entry, line in read_frames(path):
            other = change(entry)
            changed += other is not None
            file.write(line if other is None else frames.encode(to_json(other)))
    if path != target:
        path.unlink()
    sync_folder(path.parent)
    return changed


def parquets(folder: Path) -> Iterator[Path]:
    """Yield the Parquet files under a folder, whole ones only."""
    for path in sorted(folder.rglob("*.parquet")):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def columns(path: Path) -> set[str]:
    """Return the names of a Parquet file's columns."""
    with duckdb.connect() as connection:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {_from(path)}").fetchall()
    return {row[0] for row in rows}


def values_where(path: Path, column: str, where: str, among: Sequence[str]) -> set[str]:
    """Return a column's values in the rows whose `where` is one of `among`."""
    with duckdb.connect() as connection:
        sql = f'SELECT DISTINCT "{column}" FROM {_from(path)} WHERE "{where}" IN (SELECT unnest(?))'
        return {row[0] for row in connection.execute(sql, [list(among)]).fetchall()}


def filter_parquet(source: Path, target: Path, column: str, gone: Sequence[str]) -> int:
    """Write `source` without the rows whose `column` is one of `gone`; return what is left."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE gone AS SELECT unnest(?::VARCHAR[]) AS one", [list(gone)])
        kept = f'SELECT * FROM {_from(source)} WHERE "{column}" NOT IN (SELECT one FROM gone)'
        connection.execute(f"COPY ({kept}) TO {_quoted(target)} (FORMAT parquet, COMPRESSION zstd)")
        row = connection.execute(f"SELECT count(*) FROM {_from(target)}").fetchone()
    return int(row[0]) if row else 0


def filter_file(path: Path, column: str, gone: Sequence[str]) -> None:
    """Filter a Parquet file in its place."""
    aside = path.with_name(f".{path.name}.tmp")
    filter_parquet(path, aside, column, gone)
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def republish(folder: Path, note: dict[str, Any], write: Callable[[Path], int]) -> None:
    """Put another folder in a published one's place, whose manifest has `note` added.

    `write` fills it and returns how many items there are. A crash leaves the old one, the new one
    or none, never a mixture; `sweep` removes what is left over.
    """
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest.pop("files", None)
    before = manifest.get("rewritten", [])
    facts = manifest | {"rewritten": [*before, note]}
    ready = folder.with_name(f".new-{folder.name}")
    shutil.rmtree(ready, ignore_errors=True)

    def fill(aside: Path) -> None:
        facts["items"] = write(aside)

    publish(folder.parent, ready.name, fill, facts)
    old = folder.with_name(f"{ASIDE}{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    folder.rename(old)
    ready.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(old)


def sweep(folder: Path) -> None:
    """Delete what an interrupted `republish` or `publish` left in a folder."""
    for path in [*folder.glob(f"{ASIDE}*"), *folder.glob(".new-*"), *folder.glob(".tmp-*")]:
        shutil.rmtree(path, ignore_errors=True)


def note_in(path: Path, note: dict[str, Any]) -> None:
    """Add to a JSON file of facts that it was rewritten."""
    facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    facts["rewritten"] = [*facts.get("rewritten", []), note]
    with replacing(path) as file:
        file.write(f"{json.dumps(facts, indent=2)}\n".encode())


def _from(path: Path) -> str:
    return f"read_parquet({_quoted(path)})"


def _quoted(path: Path) -> str:
    return literal(str(path.absolute()))

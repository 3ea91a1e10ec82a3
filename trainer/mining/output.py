"""Mined batches on disk: immutable numbered folders, in the columns of real feedback and more.

Knows the Parquet columns and the manifests. Rows are written to a file as they come and turned
into Parquet by DuckDB, so memory is bounded. Does not know git or how tasks are made.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError

from feedback_store.events import EditContext
from feedback_store.publish import BadManifest, next_number, publish, read_manifest
from trainer.batches import DUCKDB_CONFIG, BadBatch
from trainer.lock import AlreadyRunning
from trainer.mining.commits import Mined
from trainer.tasks import EDIT, EditTask

KIND, SCHEMA = "mined", 1
PARQUET = "batch.parquet"
_NAME = r"(\d{6})"
_ROWS_AT_ONCE = 2000
_COLUMNS = {
    "suggestion_id": "VARCHAR", "ingest_seq": "BIGINT", "received_at": "TIMESTAMP",
    "user": "VARCHAR", "team": "VARCHAR", "session": "VARCHAR", "workspace": "VARCHAR",
    "language": "VARCHAR", "path": "VARCHAR", "policy_version": "VARCHAR",
    "base_model": "VARCHAR", "prompt_format": "VARCHAR", "profile": "VARCHAR",
    "temperature": "DOUBLE", "prompt_token_ids": "INTEGER[]", "output_token_ids": "INTEGER[]",
    "output_logprobs": "FLOAT[]", "new_region": "VARCHAR", "context": "VARCHAR",
    "outcome": "VARCHAR", "shown": "VARCHAR", "reason": "VARCHAR", "settled_by": "VARCHAR",
    "region_changed": "BOOLEAN", "settled_text": "VARCHAR", "accepted_text": "VARCHAR",
    "undone": "BOOLEAN", "branch_switch": "BOOLEAN", "bulk_change": "BOOLEAN",
    "retained_third": "DOUBLE", "holdout": "BOOLEAN",
    "repository": "VARCHAR", "commit": "VARCHAR", "commit_date": "TIMESTAMP", "kind": "VARCHAR",
    "split": "VARCHAR", "ordinal": "BIGINT", "change": "BIGINT",
}  # fmt: skip
"""A batch's columns (trainer.batches.Row), then where the task comes from.

`ordinal` counts the repository's commits, `change` is the hash by which repeated changes are
known, `split` is as of the run that wrote the row."""
_SAME = {
    "user": "mined", "team": "mined", "base_model": "", "prompt_format": "", "profile": "",
    "temperature": 0.0, "prompt_token_ids": [], "output_token_ids": [], "output_logprobs": [],
    "undone": False, "branch_switch": False, "bulk_change": False, "holdout": False,
}  # fmt: skip


class Rows:
    """The rows of one folder in the making. Close it, or use it as a context."""

    def __init__(self, scratch: Path) -> None:
        self._path = scratch / "rows.jsonl"
        self._file = self._path.open("wb")
        self.count = 0

    def add(self, mined: Mined, number: int) -> None:
        """Write a task as row `number` of the output."""
        self._file.write(json.dumps(_row(mined, number)).encode() + b"\n")
        self.count += 1

    def close(self) -> None:
        self._file.close()

    def to_parquet(self, folder: Path) -> None:
        """Write the folder's Parquet file. No row may be added afterwards."""
        self._file.close()
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items())
        source = (
            f"SELECT * FROM read_json({_quoted(self._path)}, format='newline_delimited', "
            f"columns={{{columns}}}, maximum_object_size=33554432)"
        )
        target = _quoted(folder / PARQUET)
        with _duckdb() as connection:
            connection.execute(
                f"COPY ({source}) TO {target} "
                "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 4096)"
            )


def _row(mined: Mined, number: int) -> dict[str, Any]:
    task, commit = mined.task, mined.commit
    return {
        **_SAME,
        "suggestion_id": task.id,
        "ingest_seq": number,
        "received_at": task.date,
        "session": commit.sha,
        "workspace": commit.repository,
        "language": task.context.language,
        "path": task.context.path,
        "context": task.context.model_dump_json(),
        "region_changed": task.kind == EDIT,
        "settled_text": task.wanted,
        "repository": commit.repository,
        "commit": commit.sha,
        "commit_date": task.date,
        "kind": task.kind,
        "split": commit.split,
        "ordinal": commit.ordinal,
        "change": mined.change,
    }


def publish_rows(output: Path, rows: Rows, manifest: dict[str, Any]) -> dict[str, Any]:
    """Publish a folder under the next number; return its manifest."""
    number = next_number(output, _NAME)
    told = {"kind": KIND, "schema": SCHEMA, "number": number, "rows": rows.count, **manifest}
    publish(output, f"{number:06d}", rows.to_parquet, told)
    return told


def manifests(output: Path) -> list[dict[str, Any]]:
    """Return the manifests of what was published, oldest first. Raises BadBatch."""
    found: list[dict[str, Any]] = []
    for folder in _folders(output):
        try:
            manifest = read_manifest(folder, verify=False)
        except BadManifest as error:
            raise _damaged(folder, error) from error
        if manifest.get("kind") != KIND or manifest.get("schema") != SCHEMA:
            raise BadBatch(
                f"{folder} holds no mined batch of this version; set another [mine] output"
            )
        found.append(manifest)
    return found


def identities(output: Path) -> Iterator[str]:
    """Yield the names of all tasks that were published. Raises BadBatch."""
    for folder in _folders(output):
        for (name,) in _query(folder, "suggestion_id"):
            yield name


def changes(output: Path, known: Iterable[dict[str, Any]], repository: str) -> Iterator[int]:
    """Yield the changes taken from one repository so far. Raises BadBatch."""
    for manifest in known:
        if manifest["repository"] == repository:
            folder = output / f"{manifest['number']:06d}"
            yield from (change for (change,) in _query(folder, "change") if change)


def read_mined(folder: Path, split: str | None = None) -> Iterator[EditTask]:
    """Yield the tasks of a [mine] output, or of its part `split` ("train" or "valid").

    A split by time is drawn anew over all runs, so that every task for training is older than
    those of its repository for validation. Raises BadBatch if a folder is damaged or missing.
    """
    if not _folders(folder):
        raise BadBatch(f"there are no mined batches in {folder}; run hone-trainer mine")
    borders = _borders(manifests(folder))
    for part in _folders(folder):
        try:
            read_manifest(part)
        except BadManifest as error:
            raise _damaged(part, error) from error
        names = 'suggestion_id, repository, "commit", kind, context, settled_text, '
        names += "strftime(commit_date, '%Y-%m-%dT%H:%M:%SZ'), ordinal, split"
        for *values, ordinal, said in _query(part, names):
            border = borders.get(values[1])
            if border is not None:
                said = "valid" if ordinal >= border else "train"
            if split is None or split == said:
                yield _task(part, values)


def _task(folder: Path, values: list[Any]) -> EditTask:
    name, repository, commit, kind, context, wanted, date = values
    try:
        shown = EditContext.model_validate_json(context)
    except ValidationError as error:
        raise _damaged(folder, error) from error
    cluster = f"{repository}@{commit}"
    return EditTask(name, KIND, repository, cluster, kind, shown, wanted, date)


def first_valid(commits: int, valid_share: float) -> int:
    """Return the number of the first of `commits` that is for validation."""
    return commits - int(commits * valid_share)


def _borders(known: list[dict[str, Any]]) -> dict[str, int]:
    """Return, per repository split by time, the first commit for validation."""
    found: dict[str, int] = {}
    for manifest in known:
        name, rule = manifest["repository"], manifest["split"]
        found.pop(name, None)
        if rule["by"] == "time":
            commits = manifest["first_ordinal"] + manifest["commits"]
            found[name] = first_valid(commits, rule["valid_share"])
    return found


@contextmanager
def locked(output: Path) -> Iterator[Path]:
    """Hold the output for the length of the block; yields a scratch folder in it.

    What a killed run left aside is removed. Raises AlreadyRunning.
    """
    output.mkdir(parents=True, exist_ok=True)
    with (output / "LOCK").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"another run mines into {output} already") from error
        for left in [*output.glob(".mining-*"), *output.glob(".tmp-*")]:
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".mining-", dir=output) as scratch:
            yield Path(scratch)


def _folders(output: Path) -> list[Path]:
    if not output.is_dir():
        return []
    return sorted(path for path in output.iterdir() if path.name.isdecimal() and path.is_dir())


def _query(folder: Path, columns: str) -> Iterator[tuple[Any, ...]]:
    sql = f"SELECT {columns} FROM read_parquet(?)"
    try:
        with _duckdb() as connection:
            connection.execute(sql, [str(folder / PARQUET)])
            while found := connection.fetchmany(_ROWS_AT_ONCE):
                yield from found
    except duckdb.Error as error:
        raise _damaged(folder, error) from error


@contextmanager
def _duckdb() -> Iterator[duckdb.DuckDBPyConnection]:
    limits = {"memory_limit": "600MB", "threads": min(2, os.cpu_count() or 1)}
    with duckdb.connect(":memory:", config={**DUCKDB_CONFIG, **limits}) as connection:
        yield connection


def _damaged(folder: Path, error: Exception) -> BadBatch:
    said = str(error).splitlines()[0]
    return BadBatch(f"mined batch {folder} is damaged: {said}; remove [mine] output and mine again")


def _quoted(path: Path) -> str:
    return "'" + str(path.absolute()).replace("'", "''") + "'"

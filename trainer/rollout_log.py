"""Records answers before they are used: Parquet, fsynced, one file each time some were sampled.

Knows the columns. Does not know rewards: those are computed from these facts when they are read,
so that a run can be resumed, or scored again.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from feedback_store.events import Rollout
from feedback_store.publish import sync_folder
from trainer.batches import DUCKDB_CONFIG, Row

_COLUMNS = """
    step INTEGER, policy VARCHAR, engine VARCHAR, seed BIGINT, suggestion_id VARCHAR,
    prompt INTEGER, sample INTEGER, token_ids INTEGER[], logprobs FLOAT[], finish_reason VARCHAR
"""


@dataclass(frozen=True)
class Sampled:
    """The answers of one draw and who made them."""

    step: int
    policy: str | None
    engine: str
    seed: int
    rows: Sequence[Row]
    groups: Sequence[Sequence[Rollout]]


def write(folder: Path, sampled: Sampled) -> Path:
    """Write `rollouts-STEP.parquet` into `folder` so that a crash leaves all of it or nothing.

    Raises:
        OSError: it cannot be written, as on a full disk; the message names the file.
    """
    target = folder / f"rollouts-{sampled.step:06d}.parquet"
    aside = folder / f".tmp-{target.name}"
    rows = [
        (
            sampled.step, sampled.policy, sampled.engine, sampled.seed, row.suggestion_id,
            prompt, sample, list(rollout.token_ids), list(rollout.logprobs), rollout.finish_reason,
        )
        for prompt, (row, group) in enumerate(zip(sampled.rows, sampled.groups, strict=True))
        for sample, rollout in enumerate(group)
    ]  # fmt: skip
    place = str(aside).replace("'", "''")
    try:
        with duckdb.connect(":memory:", config=DUCKDB_CONFIG) as connection:
            connection.execute(f"CREATE TABLE rollouts ({_COLUMNS})")
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO rollouts VALUES ({marks})", rows)
            connection.execute(f"COPY rollouts TO '{place}' (FORMAT parquet, COMPRESSION zstd)")
    except duckdb.IOException as error:
        aside.unlink(missing_ok=True)
        raise OSError(f"{target} could not be written: {error}") from error
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.rename(target)
    sync_folder(folder)
    return target


def read(folder: Path, step: int, rows: Sequence[Row]) -> Sampled | None:
    """Return the recorded answers of a draw, or None if there are none.

    `rows` are those that were drawn; a record of other rows is an error.
    """
    source = folder / f"rollouts-{step:06d}.parquet"
    if not source.is_file():
        return None
    with duckdb.connect(":memory:", config=DUCKDB_CONFIG) as connection:
        query = "SELECT * FROM read_parquet(?) ORDER BY prompt, sample"
        found = connection.execute(query, [str(source)]).fetchall()
    groups: list[list[Rollout]] = [[] for _ in rows]
    for record in found:
        _, _, _, _, suggestion_id, prompt, _, ids, logprobs, finish_reason = record
        if prompt >= len(rows) or rows[prompt].suggestion_id != suggestion_id:
            raise ValueError(f"{source} records answers to other prompts than this draw's")
        groups[prompt].append(
            Rollout(
                token_ids=tuple(ids),
                logprobs=tuple(logprobs),
                text="",
                finish_reason=finish_reason,
            )
        )
    _, policy, engine, seed, *_ = found[0]
    return Sampled(step, policy, engine, seed, rows, groups)

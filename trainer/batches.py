"""Reads an exported batch and splits it into what is trained on and what is held back.

Knows the Parquet columns and the manifest. Does not know the store: a batch is immutable, and
nothing else is read.
"""

import hashlib
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError

from feedback_store.events import EditContext, Outcome
from feedback_store.publish import BadManifest, read_manifest
from trainer.noise import reliability, stable_hash
from trainer.reward import Task


class BadBatch(Exception):
    """A batch that cannot be read; the message names the folder and what to do."""


@dataclass(frozen=True)
class Row:
    """One suggestion's life, as exported. Column for column the batch's Parquet schema."""

    suggestion_id: str
    ingest_seq: int
    received_at: Any
    user: str
    team: str
    session: str
    workspace: str
    language: str
    path: str
    policy_version: str | None
    base_model: str
    prompt_format: str
    profile: str
    temperature: float
    prompt_token_ids: list[int]
    output_token_ids: list[int] | None
    output_logprobs: list[float] | None
    new_region: str | None
    context: EditContext
    outcome: str | None
    shown: str | None
    reason: str | None
    settled_by: str | None
    region_changed: bool
    settled_text: str
    accepted_text: str | None
    undone: bool
    branch_switch: bool
    bulk_change: bool
    retained_third: float | None
    holdout: bool

    @property
    def weight(self) -> float:
        """How far the settled text may be trusted, in [0, 1]."""
        return reliability(self)

    def task(self, silence: float) -> Task:
        """Return what decides an answer's reward; `silence` is the profile's s."""
        accepted = self.outcome == Outcome.ACCEPTED and not self.undone
        refused = self.outcome == Outcome.REJECTED or self.undone
        references = [self.settled_text]
        if accepted and self.accepted_text is not None:
            references.append(self.accepted_text)
        return Task(
            context=self.context,
            references=tuple(dict.fromkeys(references)),
            refused=(self.new_region,) if refused and self.new_region is not None else (),
            silence=silence,
        )


@dataclass(frozen=True)
class Split:
    """A batch, parted. Training and held-back rows share no session."""

    train: list[Row]
    held: list[Row]
    """For the gate: not trained on, reliability above 0."""
    holdout: list[Row]
    """Suggestions that were computed and not shown: for the gate, reported apart."""


def read_batch(folder: Path) -> tuple[list[Row], dict[str, Any]]:
    """Return the batch's rows, in the order of their receipt, and its manifest.

    Raises:
        BadBatch: missing or truncated, a hash that differs, or a row that cannot be read.
    """
    try:
        manifest = read_manifest(folder)
    except BadManifest as error:
        raise BadBatch(f"batch {folder} cannot be used: {error}; export it again") from error
    names = [field.name for field in fields(Row)]
    columns = ", ".join(f'"{name}"' for name in names)
    query = f"SELECT {columns} FROM read_parquet(?) ORDER BY ingest_seq, suggestion_id"
    try:
        with duckdb.connect(":memory:", config=DUCKDB_CONFIG) as connection:
            found = connection.execute(query, [str(folder / "batch.parquet")]).fetchall()
    except duckdb.Error as error:
        raise BadBatch(f"batch {folder} cannot be read: {error}; export it again") from error
    return [_row(dict(zip(names, values, strict=True)), folder) for values in found], manifest


DUCKDB_CONFIG: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""DuckDB fetches extensions from the internet by default."""


def _row(values: dict[str, Any], folder: Path) -> Row:
    name = values["suggestion_id"]
    ids, logprobs = values["output_token_ids"] or [], values["output_logprobs"] or []
    if len(ids) != len(logprobs):
        raise BadBatch(
            f"batch {folder}: suggestion {name} has {len(ids)} token ids and "
            f"{len(logprobs)} log-probabilities"
        )
    if not values["prompt_token_ids"] or values["settled_text"] is None:
        raise BadBatch(f"batch {folder}: suggestion {name} has no prompt or no settled text")
    try:
        values["context"] = EditContext.model_validate_json(values["context"])
    except ValidationError as error:
        raise BadBatch(f"batch {folder}: suggestion {name} has a bad context: {error}") from error
    return Row(**values)


def split(rows: list[Row], held_share: float, at_least: int, salt: str = "") -> Split:
    """Part `rows` by session. Rows without reliability are left out everywhere.

    Sessions are held back in the order of their hash until `held_share` of the usable rows is
    reached, or `at_least`, but never more than half of them: with so little the gate says so.
    """
    usable = [row for row in rows if row.weight > 0]
    ordinary = [row for row in usable if not row.holdout]
    wanted = max(math.ceil(held_share * len(ordinary)), at_least)
    wanted = min(wanted, len(ordinary) // 2) if held_share > 0 else 0
    sessions: dict[str, int] = {}
    for row in ordinary:
        sessions[row.session] = sessions.get(row.session, 0) + 1
    held: set[str] = set()
    amount = 0
    for session in sorted(sessions, key=lambda name: stable_hash(salt + name)):
        if amount >= wanted:
            break
        held.add(session)
        amount += sessions[session]
    return Split(
        train=[row for row in ordinary if row.session not in held],
        held=[row for row in ordinary if row.session in held],
        holdout=[row for row in usable if row.holdout],
    )


def fingerprint(rows: list[Row]) -> str:
    """Return a hash of which suggestions these are, for run records."""
    return hashlib.sha256("\n".join(row.suggestion_id for row in rows).encode()).hexdigest()[:16]

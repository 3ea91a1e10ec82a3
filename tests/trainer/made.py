"""Rows and batches for tests: small, real edits, tokenised by the embedded model's tokenizer.

Knows the batch's columns. The texts are made up here, so no figure says anything about the model.
"""

from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from feedback_store.events import EditContext, RecentEdit
from feedback_store.publish import publish
from server.prompts.profiles import profile_for
from trainer.batches import Row

LIMITS = (("10", "20"), ("3", "4"), ("80", "120"), ("1", "2"))
NAMES = ("total", "amount", "weight", "length", "counter", "result", "buffer", "offset")
PROFILE = profile_for("hone-tiny")


def context(number: int = 0) -> EditContext:
    """A number that another file has changed stands here too.

    The embedded model follows such a change in about half of its samples: rollouts differ.
    """
    name = NAMES[number % len(NAMES)]
    old, new = limits(number)
    return EditContext(
        path=f"pkg/module_{number}.py",
        language="python",
        prefix=f"def f_{number}(values):\n    {name} = 0\n",
        region=f"    for value in values:\n        {name} += {old}\n    return {name}\n",
        suffix="\n\n",
        region_first_line=2,
        cursor_line=0,
        cursor_character=0,
        recent_edits=(
            RecentEdit(path="pkg/other.py", diff=f"-    limit = {old}\n+    limit = {new}\n"),
        ),
    )


def limits(number: int) -> tuple[str, str]:
    """The number's old and new value."""
    return LIMITS[number % len(LIMITS)]


def row(tokenizer: Any, number: int = 0, **changes: Any) -> Row:
    """A row in which the user changed the number by hand."""
    edit = changes.pop("context", context(number))
    old, new = limits(number)
    prompt = PROFILE.format.render(edit, PROFILE.budget)
    made = Row(
        suggestion_id=f"s-{number:05d}",
        ingest_seq=number + 1,
        received_at=datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None),
        user=f"user-{number % 4}",
        team="team",
        session=f"session-{number // 4}",
        workspace="workspace",
        language="python",
        path=edit.path,
        policy_version="hone-000001",
        base_model=PROFILE.name,
        prompt_format=PROFILE.format.name,
        profile=PROFILE.name,
        temperature=0.0,
        prompt_token_ids=tokenizer.encode(prompt, add_special_tokens=False),
        output_token_ids=[5, 6, 8],
        output_logprobs=[-0.5, -0.25, -0.125],
        new_region=edit.region.replace(old, "wrong"),
        context=edit,
        outcome="diverged",
        shown="yes",
        reason=None,
        settled_by="quiet",
        region_changed=True,
        settled_text=edit.region.replace(old, new),
        accepted_text=None,
        undone=False,
        branch_switch=False,
        bulk_change=False,
        retained_third=None,
        holdout=False,
    )
    return replace(made, **changes)


_COLUMNS = """
    suggestion_id VARCHAR, ingest_seq BIGINT, received_at TIMESTAMP, "user" VARCHAR, team VARCHAR,
    session VARCHAR, workspace VARCHAR, language VARCHAR, path VARCHAR, policy_version VARCHAR,
    base_model VARCHAR, prompt_format VARCHAR, profile VARCHAR, temperature DOUBLE,
    prompt_token_ids INTEGER[], output_token_ids INTEGER[], output_logprobs FLOAT[],
    new_region VARCHAR, context VARCHAR, outcome VARCHAR, shown VARCHAR, reason VARCHAR,
    settled_by VARCHAR, region_changed BOOLEAN, settled_text VARCHAR, accepted_text VARCHAR,
    undone BOOLEAN, branch_switch BOOLEAN, bulk_change BOOLEAN, retained_third DOUBLE,
    holdout BOOLEAN
"""


def batch(parent: Path, number: int, rows: list[Row]) -> Path:
    """Publish `rows` as the store publishes a batch."""

    def write(folder: Path) -> None:
        with duckdb.connect(":memory:") as connection:
            connection.execute(f"CREATE TABLE batch ({_COLUMNS})")
            marks = ", ".join("?" * len(fields(Row)))
            for one in rows:
                values = {field.name: getattr(one, field.name) for field in fields(Row)}
                values["context"] = one.context.model_dump_json()
                connection.execute(f"INSERT INTO batch VALUES ({marks})", list(values.values()))
            connection.execute(f"COPY batch TO '{folder / 'batch.parquet'}' (FORMAT parquet)")

    facts = {"kind": "batch", "number": number, "items": len(rows)}
    return publish(parent, f"{number:06d}", write, facts)


def as_plain(one: Row) -> dict[str, Any]:
    """A row as comparable values."""
    return asdict(one)

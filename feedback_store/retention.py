"""What has been kept long enough goes: texts before numbers, each kind after its own time.

Knows which settings concern which files. Does not know when it is run: `hone-store retain` is.
"""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from feedback_store import rewriting
from feedback_store.backup import backups, database_copies, drop
from feedback_store.config import RetentionSettings
from feedback_store.entries import FEEDBACK_KINDS
from feedback_store.folder import BATCHES, LOG
from feedback_store.projection import language_of
from feedback_store.rows import CONTENT_FIELDS
from feedback_store.store import Store
from feedback_store.tables import Row

_SETTLED_FIELDS = ("settled_text", "accepted_text")
_FOLDERS = "SELECT number, received_at FROM batches ORDER BY 1"


@dataclass(frozen=True)
class Limits:
    """The moments before which each kind of data goes, as the log writes them; None is never."""

    prompts: str | None
    settled: str | None
    facts: str | None


def limits(settings: RetentionSettings, now: datetime) -> Limits:
    """Return the limits at `now`."""
    return Limits(
        _before(settings.prompts_days, now),
        _before(settings.settled_days, now),
        _before(settings.facts_days, now),
    )


def expired(entry: Row, limits: Limits) -> Row | None:
    """Return what is left of an entry whose time, or whose text's time, has run out; else None."""
    kind, at = entry["kind"], entry["received_at"]
    if kind != "suggestion" and kind not in FEEDBACK_KINDS:
        return None
    if limits.facts is not None and at < limits.facts:
        return rewriting.stub(entry)
    limit, fields = {
        "suggestion": (limits.prompts, CONTENT_FIELDS),
        "settled": (limits.settled, _SETTLED_FIELDS),
    }.get(kind, (None, ()))
    if limit is None or at >= limit or "removed" in entry:
        return None
    return entry | {"removed": "content", "payload": _stripped(entry["payload"], fields)}


def retain(store: Store, settings: RetentionSettings, now: datetime) -> dict[str, Any]:
    """Remove what has been kept long enough; return what went.

    Raises CorruptLog, StoreUnavailable or OSError; what is left to do is done the next time.
    """
    store.seal()
    asked = limits(settings, now)
    entries = rewriting.rewrite_log(store.folder / LOG, lambda entry: expired(entry, asked))
    if entries:
        store.renew()
    return {
        "entries": entries,
        "batches": _drop_batches(store, settings.batches_days, now),
        "run_records": _drop_records(store.folder / "runs", settings.batches_days, now),
        "backups": _drop_backups(store, settings.backups_days, now),
    }


def _stripped(payload: Row, fields: tuple[str, ...]) -> Row:
    """Return a payload without its text; the language, which is a fact, stays."""
    kept = payload | dict.fromkeys(fields)
    return kept | {"language": language_of(payload)} if "context" in fields else kept


def _drop_batches(store: Store, days: float, now: datetime) -> list[int]:
    gone: list[int] = []
    limit = _before(days, now)
    for row in store.query(_FOLDERS):
        folder = store.folder / BATCHES / f"{row['number']:06d}"
        if limit is None or row["received_at"].isoformat() >= limit or not folder.is_dir():
            continue
        # The state first: a decided batch whose folder is missing would be published again.
        store.record("batch_state", {"number": row["number"], "state": "expired"}).result()
        shutil.rmtree(folder)
        gone.append(row["number"])
    return gone


def _drop_records(runs: Path, days: float, now: datetime) -> int:
    """Delete the sampled answers of runs that are as old as batches may become."""
    found = [path for path in rewriting.parquets(runs) if _is_older(path, days, now)]
    for path in found:
        path.unlink()
    return len(found)


def _drop_backups(store: Store, days: float, now: datetime) -> list[str]:
    old = [path for path in backups(store) if _is_older(path, days, now)]
    copies = [path for path in database_copies(store.folder) if _is_older(path, days, now)]
    for path in old:
        drop(path)
    for path in copies:
        path.unlink()
    return [str(path) for path in [*old, *copies]]


def _is_older(path: Path, days: float, now: datetime) -> bool:
    return days > 0 and os.stat(path).st_mtime < (now - timedelta(days=days)).timestamp()


def _before(days: float, now: datetime) -> str | None:
    if days <= 0:
        return None
    moment = (now - timedelta(days=days)).astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds")

"""Erasing a user: after the tombstone, every file that holds something of them is made anew.

Knows which files of a data folder can hold a user's text and how each is rewritten. Does not know
names of people (feedback_store.people) nor who asked (feedback_store.operations). Each step may be
repeated: an erasure that was interrupted begins again at its first step.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from feedback_store import rewriting
from feedback_store.backup import backups, database_copies, drop, take
from feedback_store.folder import BACKUPS, BATCHES, LOG
from feedback_store.publish import MANIFEST
from feedback_store.store import Store
from feedback_store.tables import Row

ADAPTERS = "adapters"
RUN_FACTS = "run.json"

PENDING = """SELECT DISTINCT user_id FROM erasures WHERE user_id NOT IN
(SELECT user_id FROM erasures WHERE state = 'done') ORDER BY 1"""


def entomb(store: Store, user: str) -> None:
    """Write the tombstone: from here on nothing of the user is stored, shown or exported."""
    store.record("erasure", {"erased_user": user, "state": "asked"}).result()


def pending(store: Store) -> list[str]:
    """Return the users whose tombstone stands while files may still hold something of them."""
    return [row["user_id"] for row in store.query(PENDING)]


def finish(store: Store, users: Collection[str]) -> dict[str, Any]:
    """Rewrite every file that holds something of the entombed `users`; return what was done.

    Raises CorruptLog, StoreUnavailable or OSError; the erasure is then still pending.
    """
    folder, gone = store.folder, frozenset(users)
    note = {"why": "erasure", "at": store.now().isoformat(timespec="seconds")}
    store.seal()
    suggestions = _suggestions_of(folder / BATCHES, gone)
    runs = _rewrite_runs(folder, gone, suggestions, note)
    touched = _rewrite_batches(folder / BATCHES, gone, note)
    entries = rewriting.rewrite_log(folder / LOG, lambda entry: _without(entry, gone))
    store.renew()
    dropped = _replace_backups(store, note)
    report = {
        "entries": entries,
        "batches": touched,
        "runs": runs,
        "backups_dropped": dropped,
        "adapters_to_retrain": adapters_that_learnt(folder / ADAPTERS, touched),
        "at": note["at"],
    }
    for user in sorted(gone):
        payload = {"erased_user": user, "state": "done", "report": report}
        store.record("erasure", payload).result()
    return report


def adapters_that_learnt(folder: Path, batches: Collection[int]) -> list[str]:
    """Return the adapters that were trained on one of the batches, or descend from one that was.

    An adapter may also have replayed an older batch, which its manifest does not say: one that was
    made after the first of the batches was used is listed too, and one whose manifest is damaged,
    which counts as the first.
    """
    manifests = sorted(_manifests(folder), key=lambda one: str(one.get("created_at", "")))
    listed: list[str] = []
    for one in manifests:
        direct = "damaged" in one or bool(set(one.get("batches", ())) & set(batches))
        if batches and (direct or one.get("parent") in listed or (listed and one.get("batches"))):
            listed.append(str(one.get("name", "")))
    return listed


def _without(entry: Row, gone: Collection[str]) -> Row | None:
    if entry["user"] not in gone:
        return None
    return rewriting.stub(entry, erased=entry["user"])


def _suggestions_of(batches: Path, gone: Collection[str]) -> set[str]:
    """Return the users' suggestions that were exported: only those can be in a run's records."""
    found: set[str] = set()
    for path in rewriting.parquets(batches):
        found |= rewriting.values_where(path, "suggestion_id", "user", sorted(gone))
    return found


def _rewrite_batches(folder: Path, gone: Collection[str], note: dict[str, Any]) -> list[int]:
    """Publish anew, without the users, every batch that holds something of them."""
    rewriting.sweep(folder)
    touched: list[int] = []
    for path in list(rewriting.parquets(folder)):
        if not rewriting.values_where(path, "user", "user", sorted(gone)):
            if _was_rewritten(path.parent, note["why"]):
                touched.append(int(path.parent.name))
            continue

        def write(aside: Path, source: Path = path) -> int:
            return rewriting.filter_parquet(source, aside / source.name, "user", sorted(gone))

        rewriting.republish(path.parent, note, write)
        touched.append(int(path.parent.name))
    return touched


def _was_rewritten(folder: Path, why: str) -> bool:
    """Whether an erasure, perhaps this one before it was interrupted, has rewritten a batch."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return any(one.get("why") == why for one in manifest.get("rewritten", ()))


def _rewrite_runs(
    folder: Path, gone: Collection[str], suggestions: set[str], note: dict[str, Any]
) -> list[str]:
    """Take the users out of what training runs, and whatever else lies here, have recorded."""
    touched: set[Path] = set()
    for path in rewriting.parquets(folder):
        if path.relative_to(folder).parts[0] in (BATCHES, BACKUPS):
            continue
        names = rewriting.columns(path)
        for column, values in (("user", gone), ("suggestion_id", suggestions)):
            among = sorted(values)
            if column in names and rewriting.values_where(path, column, column, among):
                rewriting.filter_file(path, column, among)
                touched.add(path.parent)
    for run in touched:
        rewriting.note_in(run / RUN_FACTS, note)
    return sorted(str(run.relative_to(folder)) for run in touched)


def _replace_backups(store: Store, note: dict[str, Any]) -> list[str]:
    """Drop all backups, which hold the log as it was, and take one of the log as it is."""
    old = backups(store)
    for path in old:
        drop(path)
    for path in database_copies(store.folder):
        path.unlink()
    if old:
        take(store, note | {"replaces": [str(path) for path in old]})
    return [str(path) for path in old]


def _manifests(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            found.append({"name": path.parent.name, "damaged": True})
    return found

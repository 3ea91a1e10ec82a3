"""Backups: the log, the batches and the keys, copied, hashed and published beside each other.

Knows what a backup holds and where backups were put. The database is left out: it is made from the
log. Adapters and runs are left out too: they are published folders, which any copy keeps.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from feedback_store.folder import BACKUPS, BATCHES, LOG
from feedback_store.publish import MANIFEST, next_number, publish
from feedback_store.segments import segments_in
from feedback_store.store import Store

_KEYS = ("pseudonym.key", "keys.json")
_TAKEN = "SELECT DISTINCT detail->>'$.backup' AS path FROM audit WHERE action = 'backup'"


def take(store: Store, facts: dict[str, Any], parent: Path | None = None) -> Path:
    """Copy what cannot be made anew into the next folder of `parent`; return that folder.

    The log is sealed first, so that the copy ends with a whole segment. OSError if it fails.
    """
    store.seal()
    parent = (parent or store.folder / BACKUPS).absolute()
    name = f"{next_number(parent, r'([0-9]{6})'):06d}"
    up_to = store.query("SELECT ingest_seq FROM meta")[0]["ingest_seq"]

    def write(aside: Path) -> None:
        _copy(store.folder, aside)

    manifest = {"kind": "backup", "ingest_seq": up_to, "facts": facts}
    return publish(parent, name, write, manifest)


def backups(store: Store) -> list[Path]:
    """Return the backups that were taken of this folder, wherever they were put, and still lie.

    OSError if one of them cannot be read: it may hold what is to be dropped.
    """
    found = {row["path"] for row in store.query(_TAKEN) if row["path"]}
    found |= {str(path) for path in (store.folder / BACKUPS).absolute().glob("[0-9]" * 6)}
    return [Path(path) for path in sorted(found) if _is_backup(Path(path))]


def database_copies(folder: Path) -> list[Path]:
    """Return the copies of the database that were made before its schema changed."""
    return sorted((folder / BACKUPS).glob("before-schema-*"))


def drop(path: Path) -> None:
    """Delete a backup: its manifest last, so that a crash leaves it to be found again."""
    for one in path.iterdir():
        if one.name != MANIFEST:
            shutil.rmtree(one) if one.is_dir() else one.unlink()
    shutil.rmtree(path)


def _is_backup(path: Path) -> bool:
    try:
        return json.loads((path / MANIFEST).read_text(encoding="utf-8"))["kind"] == "backup"
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (ValueError, KeyError, TypeError):
        # Damaged, but where a backup was put and with a log in it: what was to go must not stay.
        return (path / LOG).is_dir()


def _copy(folder: Path, aside: Path) -> None:
    (aside / LOG).mkdir()
    for path in segments_in(folder / LOG)[:-1]:
        shutil.copyfile(path, aside / LOG / path.name)
    for batch in sorted((folder / BATCHES).glob("[0-9]" * 6)):
        shutil.copytree(batch, aside / BATCHES / batch.name)
    for name in _KEYS:
        if (folder / name).is_file():
            (aside / name).touch(mode=0o600)
            os.chmod(aside / name, 0o600)
            shutil.copyfile(folder / name, aside / name)

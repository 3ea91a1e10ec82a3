"""Publish a folder atomically: written aside, hashed, fsynced, renamed into place, never changed.

And single files, which are replaced whole or not at all. Knows temporary names, hashes and
manifests. Does not know what is in a folder: training batches travel this way from the store to
the trainer, adapters and snapshots the other way.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

MANIFEST = "manifest.json"
_CHUNK_BYTES = 1 << 20


class AlreadyPublished(FileExistsError):
    """The name is taken. A published folder is immutable: publish under the next name."""


class BadManifest(ValueError):
    """The folder is not what was published. Its text says what differs; do not use the folder."""


def publish(
    parent: Path, name: str, write: Callable[[Path], None], manifest: dict[str, Any]
) -> Path:
    """Let `write` fill a temporary folder, add its manifest, and rename it to `parent/name`.

    The manifest is `manifest` and `files: {name: {sha256, bytes}}`. Either the whole folder
    appears, on disk, or nothing does. Raises AlreadyPublished if the name is taken; what `write`
    raises passes through.
    """
    target = parent / name
    if target.exists():
        raise AlreadyPublished(f"{target} exists already; published folders are never replaced")
    parent.mkdir(parents=True, exist_ok=True)
    aside = parent / f".tmp-{name}-{os.getpid()}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        write(aside)
        _seal(aside, manifest)
        _rename_new(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    sync_folder(parent)
    return target


def is_published(folder: Path) -> bool:
    """Whether `folder` claims to have been published, whatever became of it since."""
    return (folder / MANIFEST).is_file()


def read_manifest(folder: Path, verify: bool = True) -> dict[str, Any]:
    """Return the manifest of a published folder; with `verify`, hash every file it lists.

    Raises BadManifest if the manifest is missing or unreadable, a file is missing, truncated or
    different, or the folder holds a file that the manifest does not list.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        listed: dict[str, dict[str, Any]] = manifest["files"]
        sizes = {name: int(entry["bytes"]) for name, entry in listed.items()}
        hashes = {name: str(entry["sha256"]) for name, entry in listed.items()}
    except FileNotFoundError:
        raise BadManifest(f"{folder} has no {MANIFEST}: it was never published") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadManifest(f"{folder / MANIFEST} cannot be read: {error}") from error
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    if unlisted := sorted(present - set(listed) - {MANIFEST}):
        raise BadManifest(f"{folder} holds files its manifest does not list: {unlisted}")
    if missing := sorted(set(listed) - present):
        raise BadManifest(f"{folder} lacks files its manifest lists: {missing}")
    for name, size in sizes.items():
        path = folder / name
        if path.is_symlink() or path.stat().st_size != size:
            raise BadManifest(f"{path} is truncated or replaced: {size} bytes were published")
        if verify and sha256(path) != hashes[name]:
            raise BadManifest(f"{path} differs from what was published (sha256)")
    return manifest


def next_number(parent: Path, pattern: str) -> int:
    """Return one more than the highest number in `parent`; 1 if there is none.

    `pattern` is a regular expression whose first group is the number, such as `hone-(\\d{6})`; it
    must match the whole name.
    """
    if not parent.is_dir():
        return 1
    matches = (re.fullmatch(pattern, path.name) for path in parent.iterdir())
    return max((int(match.group(1)) for match in matches if match), default=0) + 1


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file aside to be written in the block; then it is on disk, whole, as `path`.

    If the block raises, `path` stays as it was.
    """
    aside = path.with_name(f"{path.name}.tmp")
    with aside.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def sync_folder(folder: Path) -> None:
    """Force a folder's own entries (names, renames) to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest over all files of `folder`, then force everything to disk."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = {
        str(path.relative_to(folder)): {"sha256": sha256(path), "bytes": path.stat().st_size}
        for path in files
    }
    text = json.dumps({**manifest, "files": listed}, indent=2, sort_keys=True, allow_nan=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    for path in [*files, folder / MANIFEST]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        sync_folder(path)


def _rename_new(aside: Path, target: Path) -> None:
    """Rename `aside` to `target`, which must not exist: a non-empty folder is never replaced."""
    try:
        aside.rename(target)
    except OSError as error:
        if target.exists():
            raise AlreadyPublished(f"{target} was published by somebody else") from error
        raise

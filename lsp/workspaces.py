"""What a folder is called where its path is nobody's business: in requests, and in files kept.

Knows paths as they are written. Does not know what is on disk there.
"""

import hashlib
from pathlib import Path


def name_of(folder: Path | None) -> str:
    """Return a folder's name; also of no folder at all, where an editor has only files open."""
    return hashlib.sha256(str(folder or "").encode()).hexdigest()[:16]


def names_around(folder: Path | None) -> tuple[str, ...]:
    """Return the names of a folder and of all above it, its own first."""
    above = folder.parents if folder else ()
    return tuple(name_of(one) for one in (folder, *above))

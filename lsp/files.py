"""Files that only their user can read, written whole or not at all.

Knows modes, and how one content takes another's place. Does not know what is written.
"""

import contextlib
import os
import tempfile
from pathlib import Path

_BEGUN = ".begun-"


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put a whole new content in a file's place at once. Raises OSError if that is not possible;
    all is then as it was."""
    # Created with its final mode, and under a name of its own: another process may do the same.
    handle, fresh = tempfile.mkstemp(prefix=f"{_BEGUN}{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        raise


def drop_begun(folder: Path) -> None:
    """Delete what a killed process had begun to write there; only for who alone may write."""
    for path in folder.glob(f"{_BEGUN}*"):
        path.unlink(missing_ok=True)

"""Small files of the gateway's own: replaced at once, readable by their owner only.

Knows how a file is replaced so that neither a crash nor another user sees half of it. Does not know
what is in them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DiskTrouble(OSError):
    """A file of the gateway's cannot be written; what needed it was not done."""


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Raise DiskTrouble, which names the file, where the block cannot write it."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise DiskTrouble(
            f"{path}: {why}; nothing was done, mend that disk and try again"
        ) from error


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only.

    Raises:
        DiskTrouble: it stays as it was.
    """
    temporary = path.with_suffix(f".tmp{os.getpid()}")
    with on_disk(path):
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

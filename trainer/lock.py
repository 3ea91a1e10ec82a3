"""One training run per data folder at a time.

Knows one lock file. The lock is the kernel's, so it ends with its process, however that ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """Another trainer works on this data folder."""


@contextmanager
def run_lock(data: Path) -> Iterator[None]:
    """Hold the data folder's training lock for the length of the block.

    Raises:
        AlreadyRunning: somebody else holds it; the message says who.
        FileNotFoundError: the data folder does not exist.
    """
    if not data.is_dir():
        raise FileNotFoundError(f"no data folder {data}; set [data] folder to the gateway's")
    runs = data / "runs"
    runs.mkdir(exist_ok=True)
    with (runs / "LOCK").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AlreadyRunning(f"process {holder} trains in {data} already") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield

"""The Unix socket that the gateway listens on, for its owner alone unless the settings say more.

uvicorn would make it open to every user of the machine, whatever the umask. Knows sockets and their
files. Does not know who may do what once connected.
"""

import os
import socket
import stat
from pathlib import Path

BACKLOG = 2048
"""As uvicorn has it."""


def bind(path: Path, mode: int) -> socket.socket:
    """Return a socket that listens at `path` with the permissions `mode`.

    Whoever connects waits until the gateway has started. What a killed one left is replaced.

    Raises:
        OSError: somebody listens there, or there can be no socket.
    """
    _clear(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        # Nobody can connect in between: it does not listen yet.
        os.chmod(path, mode)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise OSError(f"cannot listen on {path}: {error}") from error
    return bound


def _clear(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(f"{path} is there, and no socket: set listen.socket to another path")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError(f"another process listens on {path}")

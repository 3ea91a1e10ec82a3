"""The audit log: who did what to this gateway, one JSON object a line, on disk before it is done.

Knows a file that is only ever appended to. Does not know what an action does, and holds no code.
"""

import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.auth import Caller
from server.files import on_disk

FILE = "audit.jsonl"


class Audit:
    """One data folder's audit log. Any thread may write."""

    def __init__(self, folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self._path = folder / FILE
        self._clock = clock
        self._turn = threading.Lock()

    def write(self, caller: Caller, action: str, **about: Any) -> None:
        """Write down that `caller` is about to do this.

        Raises:
            DiskTrouble: it cannot be written; then it must not be done.
        """
        who = {"user": caller.user, "team": caller.team, "key": caller.key}
        entry = {"at": self._clock().isoformat(timespec="milliseconds"), "action": action, **who}
        line = json.dumps(entry | about, ensure_ascii=False) + "\n"
        with self._turn, on_disk(self._path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            handle = os.open(self._path, flags, 0o600)
            try:
                rest = line.encode()
                while rest:
                    rest = rest[os.write(handle, rest) :]
                os.fsync(handle)
            finally:
                os.close(handle)

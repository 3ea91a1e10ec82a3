"""The record of a managed engine on disk, and whether its process is still the same one.

Knows the file and `/proc`. Does not know how engines are started or stopped. A process id
alone is not an identity, since ids are reused: together with the start time it is one.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

STAT_STATE = 0
STAT_GROUP = 2
STAT_START_TIME = 19
"""Positions in /proc/PID/stat after the command's closing parenthesis; see proc(5)."""


@dataclass(frozen=True)
class EngineRecord:
    """Enough to find a running engine again, to speak to it, and to end it."""

    pid: int
    """Also the id of its process group."""
    start_time: int
    """Of the process, in clock ticks since boot."""
    boot: str
    """Which boot: after the next one, the same numbers are other processes."""
    port: int
    key: str
    fingerprint: str
    """Hash of the settings that it was started with."""

    @property
    def url(self) -> str:
        """The engine's address; always loopback."""
        return f"http://127.0.0.1:{self.port}"


def start_time_of(pid: int) -> int | None:
    """Return when process `pid` started, or None if there is none, or only its zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[STAT_STATE] in "ZX" else int(fields[STAT_START_TIME])


def boot_id() -> str:
    """Return what names this boot of the machine, or nothing where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def is_running(record: EngineRecord) -> bool:
    """Whether the very process of the record is alive."""
    return record.boot == boot_id() and start_time_of(record.pid) == record.start_time


def is_ours(record: EngineRecord) -> bool:
    """Whether anything of the recorded process group is alive: its leader, or workers it left.

    While a group has members, the system gives its number to no new process; so a group whose
    leader is gone is still ours, and one whose leader has another start time is not.
    """
    if record.boot != boot_id():
        return False
    started = start_time_of(record.pid)
    if started is not None:
        return started == record.start_time
    return any(_group_of(path) == record.pid for path in Path("/proc").glob("[0-9]*/stat"))


def _group_of(stat: Path) -> int | None:
    """Return the process group in a stat file, or None if it ended, if only as a zombie."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[STAT_STATE] in "ZX" else int(fields[STAT_GROUP])


def write(path: Path, record: EngineRecord) -> None:
    """Write the record for its owner's eyes only: it holds the engine's key."""
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(record), file)
    temporary.replace(path)


def read(path: Path) -> EngineRecord | None:
    """Return the record, or None if there is none or it does not read."""
    try:
        return EngineRecord(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None

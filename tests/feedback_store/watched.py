"""A segment file that records what happens to it, and disks that fail at a chosen moment.

The recording file is the real one with a diary: kill -9 cannot show a missing fsync, this can.
"""

from collections.abc import Callable
from pathlib import Path

from feedback_store.log import DiskFile


class Diary(list[str]):
    """What happened, in order: write, sync, and whatever the test adds."""


class RecordingFile(DiskFile):
    def __init__(self, path: Path, diary: Diary) -> None:
        super().__init__(path)
        self._diary = diary

    def write(self, data: bytes) -> None:
        super().write(data)
        self._diary.append("write")

    def sync(self) -> None:
        super().sync()
        self._diary.append("sync")


class FailingDisk:
    """Opens segments whose `write` or `sync` raises OSError while `fails` names it.

    While it is `open`, none can be opened, nor an open one be written to.
    """

    def __init__(self) -> None:
        self.fails: str | None = None
        self.refused = 0
        """How often a segment could not be opened."""

    def __call__(self, path: Path) -> "FailingFile":
        if self.fails == "open":
            self.refused += 1
            raise OSError(30, "Read-only file system")
        return FailingFile(path, self)


class FailingFile(DiskFile):
    def __init__(self, path: Path, disk: FailingDisk) -> None:
        super().__init__(path)
        self._disk = disk

    def write(self, data: bytes) -> None:
        if self._disk.fails == "write":
            super().write(data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        if self._disk.fails == "open":
            raise OSError(30, "Read-only file system")
        super().write(data)

    def sync(self) -> None:
        if self._disk.fails == "sync":
            raise OSError(5, "Input/output error")
        super().sync()


class Crash(BaseException):
    """Stands for the end of the process: nothing may catch it."""


def crash_at(point: str, count: int = 1) -> Callable[[str], None]:
    """Return a hook that ends the writer the `count`-th time it passes `point`."""
    seen: list[str] = []

    def passed(here: str) -> None:
        seen.append(here)
        if here == point and seen.count(point) == count:
            raise Crash(point)

    return passed

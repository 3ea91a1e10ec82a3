"""Whether the editor that started this server still lives: its `processId` of `initialize`.

Standard input usually tells, but not where the editor's end of the pipe was inherited by another
process. Knows processes. Does not know what their end means.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

LOOK_S = 2.0
"""How often a system without process handles is asked."""


class Parent:
    """One process that is waited for."""

    def __init__(self, pid: int | None, ended: Callable[[], None]) -> None:
        self._pid = pid
        self._ended = ended

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call `ended` once the process is gone. One that is not there now is none of ours: the
        editor runs in another container, say."""
        if self._pid is None or self._pid in (0, os.getpid()) or not alive(self._pid):
            return
        with suppress(AttributeError, OSError):
            handle = os.pidfd_open(self._pid)
            loop.add_reader(handle, self._gone, loop, handle)
            return
        loop.call_later(LOOK_S, self._look, loop, self._pid)

    def _gone(self, loop: asyncio.AbstractEventLoop, handle: int) -> None:
        loop.remove_reader(handle)
        os.close(handle)
        self._ended()

    def _look(self, loop: asyncio.AbstractEventLoop, pid: int) -> None:
        if alive(pid):
            loop.call_later(LOOK_S, self._look, loop, pid)
        else:
            self._ended()


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

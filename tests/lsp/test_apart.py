"""Work that may hang holds up nobody."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest

from lsp.apart import apart
from tests.lsp.editor import ROOT

ENDS = """
import asyncio, threading
from lsp.apart import apart

async def main():
    asyncio.create_task(apart(threading.Event().wait))
    await asyncio.sleep(0)

asyncio.run(main())
print("ended")
"""


async def test_it_gives_what_the_work_gives() -> None:
    assert await apart(lambda: 5) == 5
    assert await apart(lambda: None) is None
    assert await apart(threading.current_thread) is not threading.current_thread()


async def test_it_raises_what_the_work_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        await apart(lambda: 1 // 0)


async def test_whoever_gives_up_goes_on() -> None:
    free = threading.Event()
    waiting = asyncio.create_task(apart(free.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    free.set()
    assert await apart(lambda: "the next one") == "the next one"


def test_a_process_ends_all_the_same() -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ENDS]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("ended\n", "")

"""Work that may hang, such as reading from a folder on another machine: apart from all else.

Python waits for the threads of its pools before it ends, and there are only so many of them. Here
each piece of work has a thread of its own that nobody waits for. Knows threads. Does not know what
the work is.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def apart(work: Callable[[], Result]) -> Result:
    """Return what the work comes to, or raise what it raises; whoever gives up waiting leaves it
    to itself."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        try:
            done, failed = [work()], None
        except Exception as error:
            done, failed = [], error
        # Without a loop there is nobody left to tell.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, done, failed)

    def tell(done: list[Result], failed: Exception | None) -> None:
        if outcome.done():
            return
        if failed is not None:
            outcome.set_exception(failed)
        else:
            outcome.set_result(done[0])

    threading.Thread(target=run, name="apart", daemon=True).start()
    return await outcome

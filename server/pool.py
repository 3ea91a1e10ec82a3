"""Threads of one kind of work's own, and no more of it waiting than may be.

Knows threads and how much may wait. Does not know what is done in them.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


class PoolFull(Exception):
    """As much as may wait does already; nothing was begun. Ask again later."""


class Pool:
    """At most `threads` calls at once, at most `waiting` more behind them."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._most = threads + waiting
        self._inside = 0
        self._count = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, name)

    async def run(
        self, call: Callable[Given, Result], *given: Given.args, **named: Given.kwargs
    ) -> Result:
        """Return what a call returns that may take long; PoolFull if too many wait already.

        A call that has begun goes on to its end, whoever waits for it.
        """
        with self._count:
            if self._inside >= self._most:
                raise PoolFull(f"{self._inside} requests of this kind are under way; ask later")
            self._inside += 1
        try:
            future = self._threads.submit(call, *given, **named)
        except BaseException:
            self._left()
            raise
        future.add_done_callback(lambda _: self._left())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Begin nothing more; what waits is cancelled, what has begun is waited for."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _left(self) -> None:
        with self._count:
            self._inside -= 1

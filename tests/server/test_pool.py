"""Long work has threads of its own: it fills those, and no others."""

import asyncio
import threading

import pytest

from server.pool import Pool, PoolFull


async def begun(pool: Pool, gate: threading.Event, count: int) -> list["asyncio.Task[bool]"]:
    """Start calls that last until the gate opens."""
    tasks = [asyncio.create_task(pool.run(gate.wait, 20)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def test_what_cannot_wait_is_refused_and_nothing_else_starves() -> None:
    async def scene() -> None:
        gate, pool = threading.Event(), Pool("test", threads=2, waiting=1)
        tasks = await begun(pool, gate, 3)
        with pytest.raises(PoolFull, match="ask later"):
            await pool.run(gate.is_set)
        # The loop's own threads are free, whatever fills the pool.
        assert await asyncio.to_thread(gate.is_set) is False
        gate.set()
        assert await asyncio.gather(*tasks) == [True] * 3
        assert await pool.run(int, "7", base=8) == 7
        pool.close()

    asyncio.run(scene())


def test_a_call_that_nobody_waits_for_still_counts() -> None:
    async def scene() -> None:
        gate, pool = threading.Event(), Pool("test", threads=1, waiting=0)
        (task,) = await begun(pool, gate, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(PoolFull):
            await pool.run(gate.is_set)
        gate.set()
        while True:
            try:
                assert await pool.run(gate.is_set)
                break
            except PoolFull:
                await asyncio.sleep(0.01)
        pool.close()

    asyncio.run(scene())


def test_closing_ends_the_threads_and_cancels_what_waits() -> None:
    async def scene() -> None:
        gate, pool = threading.Event(), Pool("test-closing", threads=1, waiting=1)
        running, waiting = await begun(pool, gate, 2)
        closing = asyncio.create_task(asyncio.to_thread(pool.close))
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not closing.done(), "what has begun is waited for"
        gate.set()
        assert await running
        await closing

    asyncio.run(scene())
    for thread in threading.enumerate():
        if thread.name.startswith("test-closing"):
            thread.join(20)
            assert not thread.is_alive()

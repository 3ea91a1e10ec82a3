"""kill -9 at random moments: is every acknowledged event there afterwards, and none twice?

Knows the child that writes and the comparison after its death. Kills its own children only.
"""

import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from feedback_store.config import StoreSettings
from feedback_store.store import Store
from tests.feedback_store import made

PRODUCERS = 3
MOST_S = 0.25
"""A child lives for at most so long after its first ack."""
WAIT_S = 60.0
SETTINGS = StoreSettings(threads=1, segment_mib=0.25, fold_mib=0.25)
"""Small, so that children also die while a segment is sealed or the write-ahead log folded."""


def kills(
    folder: Path, count: int, told: Callable[[int], None] = lambda done: None
) -> dict[str, int]:
    """Kill a writing child `count` times; return how many events were lost and doubled.

    Every event that was ever acknowledged is looked for after every kill.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["feedback_store.store", "tests.feedback_store.made"])
    draw = random.Random(0)
    acked = dict.fromkeys(range(PRODUCERS), 0)
    lost = doubled = 0
    for number in range(count):
        _one_life(context, folder, acked, draw)
        missing, twice = _compare(folder, acked)
        lost, doubled = lost + missing, doubled + twice
        told(number + 1)
    return {"kills": count, "acknowledged": sum(acked.values()), "lost": lost, "doubled": doubled}


def _one_life(
    context: "multiprocessing.context.ForkServerContext",
    folder: Path,
    acked: dict[int, int],
    draw: random.Random,
) -> None:
    """Start a child, kill it at a random moment, and note what it had acknowledged."""
    mine, its = context.Pipe(duplex=False)
    child = context.Process(target=write, args=(folder, dict(acked), its), daemon=True)
    child.start()
    its.close()
    if not mine.poll(WAIT_S):
        raise TimeoutError("the child acknowledged nothing")
    time.sleep(draw.uniform(0, MOST_S))
    child.kill()
    child.join(WAIT_S)
    for producer, seq in _rest(mine):
        acked[producer] = max(acked[producer], seq)


def _rest(pipe: "multiprocessing.connection.Connection") -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    try:
        while True:
            found.append(pipe.recv())
    except (EOFError, OSError):
        return found


def write(
    folder: Path, acked: dict[int, int], pipe: "multiprocessing.connection.Connection"
) -> None:
    """Be the child: submit numbered events from several threads, and tell each ack."""
    store = Store.open(folder, SETTINGS)
    telling = threading.Lock()

    def submit(producer: int) -> None:
        seq, draw = acked[producer], random.Random()
        while True:
            count = draw.randrange(1, 30)
            name = f"producer-{producer}"
            entries = [
                made.suggestion(seq + i, f"{producer}-{seq + i}", producer=name)
                for i in range(1, count + 1)
            ]
            seq = store.submit(entries).result(WAIT_S).high_water
            with telling:
                pipe.send((producer, seq))

    threads = [threading.Thread(target=submit, args=(i,), daemon=True) for i in acked]
    for thread in threads:
        thread.start()
    threads[0].join()


def _compare(folder: Path, acked: dict[int, int]) -> tuple[int, int]:
    """Recover, and return how many acknowledged events are missing and how many are there twice."""
    with Store.open(folder, SETTINGS) as store:
        rows = store.query(
            "SELECT split_part(suggestion_id, '-', 1)::INTEGER AS producer, "
            "split_part(suggestion_id, '-', 2)::BIGINT AS seq, count(*) AS times "
            "FROM suggestions GROUP BY ALL"
        )
    there = {(row["producer"], row["seq"]) for row in rows}
    wanted = {(producer, seq) for producer, last in acked.items() for seq in range(1, last + 1)}
    return len(wanted - there), sum(row["times"] > 1 for row in rows)

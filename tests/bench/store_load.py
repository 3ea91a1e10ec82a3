"""How fast the store takes events, how soon it acknowledges them, and what else was tried.

Knows how load is offered and how it is timed. Does not know the table that is shown
(tests.bench.store) nor what users do (tests.bench.store_users).
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import duckdb

from feedback_store.config import StoreSettings
from feedback_store.entries import Ack, NewEntry
from feedback_store.migrations import migrate, shipped
from feedback_store.store import Store
from server import dashboard
from server.dashboard import FEWEST_PEOPLE
from server.status import ANSWERS, OUTCOMES, REPORTERS, SILENCES, TOTALS
from tests.bench.store_users import BATCH, Company

Batch = list[NewEntry]
IN_FLIGHT = 60
"""Batches that wait for their ack at one time."""
PAUSE_S = 0.1
"""Between two analytical reads."""
WAIT_S = 300.0

STATUS = {
    "totals": TOTALS,
    "answers": ANSWERS,
    "outcomes": OUTCOMES,
    "reporters": REPORTERS,
    "silences": SILENCES,
}
"""What the status asks; the page asks for the last days besides."""
PAGE_DAYS = 28
_MARKS = (
    "(?, now()::TIMESTAMP, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, "
    "'hone-000001', 'python', false, now()::TIMESTAMP, true)"
)
"""A row of `survivals`, for the baseline."""


def traffic(events: int) -> tuple[list[Batch], list[Batch]]:
    """Return batches of suggestions, and the batches of feedback on them."""
    batches = [batch for _, batch in Company().batches(events)]
    first = [batch for batch in batches if batch[0].kind == "suggestion"]
    return first, [batch for batch in batches if batch[0].kind != "suggestion"]


def throughput(store: Store, batches: Sequence[Batch]) -> dict[str, float]:
    """Offer batches as fast as the store takes them; return events and processor time."""
    events, began, own = sum(map(len, batches)), time.monotonic(), time.process_time()
    waiting: deque[Future[Ack]] = deque()
    for batch in batches:
        waiting.append(store.submit(batch))
        if len(waiting) >= IN_FLIGHT:
            waiting.popleft().result(WAIT_S)
    for future in waiting:
        future.result(WAIT_S)
    seconds, own = time.monotonic() - began, time.process_time() - own
    return {
        "events": events,
        "events_per_s": round(events / seconds),
        "processor_us_per_event": round(own / events * 1e6, 1),
    }


def one_commit_a_batch(store: Store, batches: Sequence[Batch]) -> dict[str, float]:
    """The baseline without group commit: the next batch comes when the last is acknowledged."""
    began = time.monotonic()
    for batch in batches:
        store.submit(batch).result(WAIT_S)
    events = sum(map(len, batches))
    return {"events": events, "events_per_s": round(events / (time.monotonic() - began))}


def multi_row_values(folder: Path, batches: Sequence[Batch]) -> dict[str, float]:
    """The baseline in SQL: a database alone, no log, one INSERT with many VALUES a batch."""
    rows = [
        [_survival_row(entry) for entry in batch if entry.kind == "survival"] for batch in batches
    ]
    with duckdb.connect(str(folder / "values.duckdb")) as connection:
        migrate(connection, shipped())
        began = time.monotonic()
        for batch in filter(None, rows):
            marks = ", ".join([_MARKS] * len(batch))
            values = [value for row in batch for value in row]
            connection.execute(f"INSERT INTO survivals VALUES {marks}", values)
        seconds = time.monotonic() - began
    events = sum(map(len, rows))
    return {"events": events, "events_per_s": round(events / seconds)}


def _survival_row(entry: NewEntry) -> list[Any]:
    one = entry.payload
    names = ["client_time", "horizon_s", "last", "observed", "retained", "four_grams", "reverted"]
    head = [entry.seq, entry.user, entry.team, one["suggestion_id"]]
    return head + [one[name] for name in names]


def latency(store: Store, batches: Sequence[Batch], events_per_s: int) -> dict[str, float]:
    """Offer batches at a steady rate, as spools do; return how long acks took in milliseconds.

    Time counts from the moment at which a batch was due, so that a stall shows in every batch
    that it held up.
    """
    took: list[float] = []
    began, done = time.monotonic() + 0.05, threading.Semaphore(0)
    for number, batch in enumerate(batches):
        due = began + number * BATCH / events_per_s
        time.sleep(max(0.0, due - time.monotonic()))

        def acknowledged(future: "Future[Ack]", due: float = due) -> None:
            future.result()
            took.append((time.monotonic() - due) * 1000)
            done.release()

        store.submit(batch).add_done_callback(acknowledged)
    for _ in batches:
        if not done.acquire(timeout=WAIT_S):
            raise TimeoutError("the store did not acknowledge everything")
    took.sort()
    return {
        "batches": len(took),
        "ack_p50_ms": round(_quantile(took, 0.5), 1),
        "ack_p99_ms": round(_quantile(took, 0.99), 1),
        "ack_max_ms": round(took[-1], 1),
    }


@contextmanager
def reading(store: Store) -> Iterator[dict[str, float]]:
    """Ask the dashboard's questions, one after the other, for the length of the block.

    Yields the longest time of each in seconds, filled in as it goes.
    """
    slowest: dict[str, float] = {}
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            for name, seconds in ask(store).items():
                slowest[name] = max(slowest.get(name, 0.0), seconds)

    thread = threading.Thread(target=read, name="reads")
    thread.start()
    try:
        yield slowest
    finally:
        stop.set()
        thread.join()


def ask(store: Store, pause_s: float = PAUSE_S, *, now: datetime | None = None) -> dict[str, float]:
    """Ask each question of status and page once; return the seconds that each took."""
    timed = _Timed(store, pause_s)
    for name, sql in STATUS.items():
        timed.named = name
        timed.query(sql, [FEWEST_PEOPLE] if "?" in sql else [])
    timed.named = f"page, {PAGE_DAYS} days, question"
    dashboard.read(cast(Store, timed), PAGE_DAYS, protect=True, now=now)
    return timed.seconds


class _Timed:
    """A store whose questions are timed."""

    def __init__(self, store: Store, pause_s: float) -> None:
        self._store = store
        self._pause_s = pause_s
        self.named = ""
        self.seconds: dict[str, float] = {}

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        began = time.monotonic()
        rows = self._store.query(sql, params)
        same = sum(name.startswith(self.named) for name in self.seconds)
        name = f"{self.named} {same + 1}" if self.named.startswith("page") else self.named
        self.seconds[name] = time.monotonic() - began
        time.sleep(self._pause_s)
        return rows


def opened(folder: Path) -> Store:
    """Open a store with the settings that a gateway has by default."""
    return Store.open(folder, StoreSettings())


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

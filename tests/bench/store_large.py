"""A data folder as it is after months: how long questions, an export and a restart take there.

Knows how to load and what to time. Does not know what users do (tests.bench.store_users).
"""

import resource
import sys
import time
from collections import Counter, deque
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from feedback_store.entries import Ack
from feedback_store.export import Export
from feedback_store.store import Store
from tests.bench.store_load import IN_FLIGHT, WAIT_S, ask, opened
from tests.bench.store_users import Company

START = datetime(2026, 9, 1, tzinfo=UTC)
A_DAY = 1_000_000
"""More suggestions than a day has: the export takes all that are ready."""


def measure(folder: Path, events: int, days: int, console: Console) -> dict[str, Any]:
    """Load `events` over `days`, a batch exported for each, and time what a company asks."""
    store = opened(folder)
    found, end = _load(store, events, days, console), START + timedelta(days=days)
    began = time.monotonic()
    result = store.export(1, A_DAY, now=end)
    export_s = time.monotonic() - began
    items = result.manifest["items"] if isinstance(result, Export) else 0
    ask(store, 0.0, now=end)  # what is read for the first time comes from disk
    queries = ask(store, 0.0, now=end)
    store.close()
    began = time.monotonic()
    opened(folder).close()
    return found | {
        "query_max_s": round(max(queries.values()), 3),
        "page_s": round(sum(queries[name] for name in queries if name.startswith("page")), 3),
        "queries_s": {name: round(seconds, 3) for name, seconds in queries.items()},
        "export_s": round(export_s, 2),
        "export_items": items,
        "reopen_s": round(time.monotonic() - began, 2),
        "peak_mib": _peak_mib(),
        "log_mib": _mib(folder / "log"),
        "database_mib": _mib(folder / "store.duckdb"),
        "batches_mib": _mib(folder / "batches"),
    }


def _load(store: Store, events: int, days: int, console: Console) -> dict[str, Any]:
    """Submit everything, exporting what each day but the last one made ready."""
    kinds: Counter[str] = Counter()
    waiting: deque[Future[Ack]] = deque()
    began, today = time.monotonic(), 0
    for day, batch in Company().batches(events, days):
        if day != today:
            while waiting:
                waiting.popleft().result(WAIT_S)
            started = time.monotonic()
            now = START + timedelta(days=day)
            store.export(1, A_DAY, now=now)
            export_s = time.monotonic() - started
            slowest = max(ask(store, 0, now=now).values())
            console.print(
                f"day {day}: {sum(kinds.values()):,} events, {_peak_mib()} MiB at most, "
                f"export {export_s:.1f} s, slowest question {slowest:.2f} s"
            )
            today = day
        waiting.append(store.submit(batch, at=START + timedelta(days=day)))
        kinds.update(entry.kind for entry in batch)
        if len(waiting) >= IN_FLIGHT:
            waiting.popleft().result(WAIT_S)
    while waiting:
        waiting.popleft().result(WAIT_S)
    seconds = time.monotonic() - began
    total = sum(kinds.values())
    return {
        "events": total,
        "shares": {kind: round(count / total, 3) for kind, count in sorted(kinds.items())},
        "days": days,
        "load_s": round(seconds),
        "loaded_events_per_s": round(total / seconds),
    }


def _peak_mib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> 20 if sys.platform == "darwin" else peak >> 10


def _mib(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) >> 20

"""The process may end at any point of a commit: nothing acknowledged is lost, nothing doubled."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store.config import StoreSettings
from feedback_store.entries import NewEntry
from feedback_store.folder import DATABASE, build
from feedback_store.maintenance import compare
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import WAIT_S, abandon
from tests.feedback_store.watched import crash_at

SETTINGS = StoreSettings(threads=1)
POINTS = ["staged", "appended", "synced", "committed", "acked"]


def ids(store: Store) -> list[str]:
    rows = store.query("SELECT suggestion_id AS id FROM suggestions ORDER BY ingest_seq")
    return [row["id"] for row in rows]


@pytest.mark.usefixtures("crashes_are_quiet")
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_loses_and_doubles_nothing(folder: Path, point: str) -> None:
    store = Store.open(folder, SETTINGS, passed=crash_at(point, count=2))
    store.submit([made.suggestion(1, "acknowledged")]).result(WAIT_S)
    unsure = [made.suggestion(2, "unsure"), made.outcome(1, "acknowledged")]
    future = store.submit(unsure)
    abandon(store)
    assert future.done() == (point == "acked")

    with Store.open(folder, SETTINGS) as again:
        kept = ids(again)
        assert kept[:1] == ["acknowledged"]
        expected = {"staged": False, "synced": True, "committed": True, "acked": True}
        if point in expected:
            assert ("unsure" in kept) == expected[point]
        ack = again.submit(unsure).result(WAIT_S)
        assert ack.stored + ack.duplicates == 2
        assert ids(again) == ["acknowledged", "unsure"]
        assert len(again.query("SELECT * FROM outcomes")) == 1
    assert compare(folder / DATABASE, build(folder, SETTINGS)) == []


@pytest.mark.usefixtures("crashes_are_quiet")
@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_torn_group_is_sent_again(folder: Path, cut: int) -> None:
    """A power cut between append and fsync leaves any part of the group."""
    store = Store.open(folder, SETTINGS, passed=crash_at("appended", count=2))
    store.submit([made.suggestion(1, "acknowledged")]).result(WAIT_S)
    group = [made.suggestion(seq, f"group-{seq}") for seq in range(2, 6)]
    store.submit(group)
    abandon(store)
    log = folder / "log" / "00000001.jsonl"
    log.write_bytes(log.read_bytes()[:-cut])
    with Store.open(folder, SETTINGS) as again:
        again.submit(group).result(WAIT_S)
        assert ids(again) == ["acknowledged"] + [f"group-{seq}" for seq in range(2, 6)]
    assert compare(folder / DATABASE, build(folder, SETTINGS)) == []


_WORKER = """
import sys
from pathlib import Path
from feedback_store.config import StoreSettings
from feedback_store.store import Store
from tests.feedback_store import made

store = Store.open(Path(sys.argv[1]), StoreSettings(threads=1, segment_mib=0.02, fold_mib=0.02))
seq = int(sys.argv[2])
print("open", flush=True)
while True:
    entries = [made.suggestion(seq + i, f"s{seq + i}") for i in range(3)]
    ack = store.submit(entries).result(20)
    seq = ack.high_water + 1
    print(ack.high_water, flush=True)
"""


def test_kill_9_loses_no_acknowledged_event(folder: Path) -> None:
    moment = random.Random(7)
    acknowledged = 0
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(folder), str(acknowledged + 1)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(moment.uniform(0.02, 0.4))
        os.kill(process.pid, signal.SIGKILL)
        lines = process.stdout.read().split()
        process.wait(WAIT_S)
        process.stdout.close()
        # A last line without its end was never read by anybody.
        acknowledged = max([acknowledged, *(int(line) for line in lines)])
        with Store.open(folder, SETTINGS) as store:
            kept = ids(store)
            assert len(kept) == len(set(kept))
            assert kept[:acknowledged] == [f"s{seq}" for seq in range(1, acknowledged + 1)]
            acknowledged = len(kept)
    assert acknowledged > 0
    assert compare(folder / DATABASE, build(folder, SETTINGS)) == []


@st.composite
def sendings(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Return batches (producer, first, last) as spools send them: in order, some again.

    A spool goes back to any event it has sent, since it may not have heard the ack.
    """
    sent = {"spool-1": 0, "spool-2": 0}
    batches: list[tuple[str, int, int]] = []
    for _ in range(draw(st.integers(1, 12))):
        producer = draw(st.sampled_from(sorted(sent)))
        first = draw(st.integers(1, sent[producer] + 1))
        last = draw(st.integers(first, sent[producer] + 4))
        sent[producer] = max(sent[producer], last)
        batches.append((producer, first, last))
    return batches


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("shared"), SETTINGS) as store:
        yield store


@given(batches=sendings())
def test_any_order_of_repeats_stores_each_event_once(
    shared: Store, batches: list[tuple[str, int, int]]
) -> None:
    example = f"{time.monotonic_ns()}"  # each example has producers of its own
    futures = []
    wanted: set[tuple[str, int]] = set()
    for producer, first, last in batches:
        entries = [policy(f"{example}-{producer}", seq) for seq in range(first, last + 1)]
        futures.append((shared.submit(entries), len(entries), last))
        wanted |= {(f"{example}-{producer}", seq) for seq in range(first, last + 1)}
    for future, sent, last in futures:
        ack = future.result(WAIT_S)
        assert ack.stored + ack.duplicates == sent
        assert ack.high_water >= last
    rows = shared.query(
        "SELECT payload FROM policies WHERE status = ? ORDER BY ingest_seq", [example]
    )
    stored = [(p["producer"], p["seq"]) for p in (json.loads(row["payload"]) for row in rows)]
    assert len(stored) == len(set(stored))
    assert set(stored) == wanted
    for producer in {producer for producer, _ in wanted}:
        own = [seq for name, seq in stored if name == producer]
        assert own == sorted(own)


def policy(producer: str, seq: int) -> NewEntry:
    payload = {"name": "n", "status": producer.partition("-")[0], "producer": producer, "seq": seq}
    return NewEntry(producer, seq, "policy", "", "", payload)

"""kill -9 of the gateway: no acknowledged event is lost, none is stored twice, orphans are kept
apart and never trained on. The engine is a stand-in; gateway and store are the real ones.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import httpx
import pytest

from tests.e2e.stack import Gateway, poll
from tests.server.samples import ANSWER, event, feedback, suggestion
from tests.server.serving import StandIn

PRODUCERS = 4
SUGGESTIONS = 12
"""Per producer: enough that a kill falls between two of its batches."""
KINDS = ("outcome", "settled", "survival")
TABLES = {"outcome": "outcomes", "settled": "settlements", "survival": "survivals"}


class Spools:
    """Language servers that send their batches and write down what was acknowledged."""

    def __init__(self, url: str, work: dict[str, list[dict[str, Any]]]) -> None:
        self._url = url
        self._work = work
        self._lock = Lock()
        self.acknowledged: set[tuple[str, str]] = set()
        """Suggestion and kind of every event that the gateway has promised to keep."""

    def send(self, producer: str) -> None:
        """Send everything from the start, one batch after the other, until nobody answers."""
        with httpx.Client(base_url=self._url, trust_env=False, timeout=30) as http:
            for batch in self._work[producer]:
                try:
                    answer = http.post("/v1/feedback", json=batch)
                except httpx.TransportError:
                    return  # killed: nothing was promised
                answer.raise_for_status()
                assert answer.json()["high_water"] >= batch["events"][-1]["seq"]
                with self._lock:
                    for sent in batch["events"]:
                        self.acknowledged.add((sent["suggestion_id"], sent["kind"]))


def asked(running: Gateway, engine: StandIn) -> str:
    engine.answer(text=ANSWER)
    return str(running.post("/v1/suggest", suggestion())["suggestion_id"])


def batches_of(producer: str, ids: list[str]) -> list[dict[str, Any]]:
    made = []
    for number, name in enumerate(ids):
        events = [event(name, 3 * number + i + 1, kind) for i, kind in enumerate(KINDS)]
        made.append(feedback(*events, producer=producer))
    return made


def stored_events(running: Gateway) -> list[tuple[str, str]]:
    parts = [f"SELECT suggestion_id, '{kind}' AS kind FROM {TABLES[kind]}" for kind in KINDS]
    rows = running.stored(" UNION ALL ".join(parts))
    return [(row["suggestion_id"], row["kind"]) for row in rows]


@pytest.mark.parametrize("acks", [1, 40])
def test_kill_9_loses_no_acknowledged_event_and_doubles_none(
    running: Gateway, engine: StandIn, acks: int
) -> None:
    work = {
        f"spool-{p}": batches_of(f"spool-{p}", [asked(running, engine) for _ in range(SUGGESTIONS)])
        for p in range(PRODUCERS)
    }
    spools = Spools(running.url, work)
    with ThreadPoolExecutor(PRODUCERS) as pool:
        sending = [pool.submit(spools.send, producer) for producer in work]
        poll(lambda: len(spools.acknowledged) >= acks, "some acknowledgements")
        running.kill()
        for sent in sending:
            sent.result()
    kept = stored_events(running)
    assert spools.acknowledged <= set(kept)
    assert len(kept) == len(set(kept))
    running.start()
    running.wait_ready()
    for producer in work:
        spools.send(producer)
    running.stop()
    kept = stored_events(running)
    assert len(kept) == PRODUCERS * SUGGESTIONS * len(KINDS)
    assert set(kept) == spools.acknowledged
    assert running.stored("SELECT * FROM quarantine") == []


def test_feedback_for_a_row_lost_in_the_crash_is_kept_apart(
    running: Gateway, engine: StandIn
) -> None:
    safe = [asked(running, engine) for _ in range(2)]
    poll(lambda: running.get("/v1/status")["store"]["suggestions"] == 2, "the rows on disk")
    # Rows are queued before their answers leave, and a kill may come before the disk has them.
    racing = asked(running, engine)
    running.kill()
    in_store = {row["suggestion_id"] for row in running.stored("SELECT * FROM suggestions")}
    assert in_store >= set(safe)
    running.start()
    running.wait_ready()
    answered = [*safe, racing, "answered-and-lost"]
    sent = [
        [event(name, 3 * number + i + 1, kind) for i, kind in enumerate(KINDS)]
        for number, name in enumerate(answered)
    ]
    for name, events in zip(answered, sent, strict=True):
        ack = running.post("/v1/feedback", feedback(*events))
        lost = name not in in_store
        assert (ack["stored"], ack["quarantined"]) == (3, 3 if lost else 0)
    again = running.post("/v1/feedback", feedback(*sent[-1]))
    assert (again["stored"], again["duplicates"]) == (0, 3)
    assert running.post("/v1/batches", {"min_items": 1, "max_items": 100})["items"] == len(in_store)
    running.stop()
    apart = running.stored("SELECT suggestion_id, reason FROM quarantine")
    assert {row["reason"] for row in apart} == {"orphaned"}
    assert {row["suggestion_id"] for row in apart} == set(answered) - in_store
    assert {name for name, _ in stored_events(running)} == in_store

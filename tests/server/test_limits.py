"""A credential's rate and its requests at once; what an administrator does is written down."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from feedback_store.events import Scope
from server.auth import KeyRing
from server.config import LimitSettings
from server.limits import FORGET_S, Limits, TooMany
from tests.server.samples import suggestion
from tests.server.serving import StandIn, gateway, settings_for, wait_for


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock) -> Limits:
    return Limits(LimitSettings(requests_per_s=2, burst=3, at_once=2), clock)


def admitted(kept: Limits, key: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            with kept.admit(key):
                count += 1
        except TooMany:
            pass
    return count


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    kept = limits(clock)
    assert admitted(kept, "a", 5) == 3
    assert admitted(kept, "b", 5) == 3, "another key has its own"
    clock.now = 1.0
    assert admitted(kept, "a", 5) == 2
    clock.now = 1.25
    with pytest.raises(TooMany, match="2 requests a second") as refused, kept.admit("a"):
        pass
    assert refused.value.retry_s == pytest.approx(0.25)
    clock.now = 1000.0
    assert admitted(kept, "a", 9) == 3


def test_so_many_at_once_whatever_the_rate() -> None:
    kept = limits(Clock())
    with ExitStack() as running:
        running.enter_context(kept.admit("a"))
        running.enter_context(kept.admit("a"))
        with pytest.raises(TooMany, match="under way"), kept.admit("a"):
            pass
    with kept.admit("a"):
        pass


def test_a_key_that_is_not_seen_for_long_is_forgotten() -> None:
    clock = Clock()
    kept = limits(clock)
    admitted(kept, "a", 5)
    clock.now = 2 * FORGET_S
    admitted(kept, "b", 1)
    assert len(kept._buckets) == 1


def test_over_http_too_many_are_told_when_to_come_back(engine: StandIn, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    key = KeyRing(data).create("ada", "ops", [Scope.SUGGEST])
    settings = settings_for(
        data, engine.url, limits={"requests_per_s": 0.1, "burst": 3, "at_once": 2}
    )
    with gateway(settings) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        engine.answer(delay_s=1.0)
        engine.answer(delay_s=1.0)
        with ThreadPoolExecutor(2) as pool:
            slow = [pool.submit(client.post, "/v1/suggest", json=suggestion()) for _ in range(2)]
            wait_for(lambda: len(engine.completions()) == 2)
            third = client.post("/v1/suggest", json=suggestion())
            assert "under way" in third.json()["detail"]
            assert [one.result().status_code for one in slow] == [200, 200]
        assert client.post("/v1/suggest", json=suggestion()).status_code == httpx.codes.OK
        refused = client.post("/v1/suggest", json=suggestion())
        assert refused.status_code == httpx.codes.TOO_MANY_REQUESTS
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert client.get("/v1/status").status_code == httpx.codes.OK


def test_what_an_administrator_does_is_written_down(client: httpx.Client, tmp_path: Path) -> None:
    client.post("/v1/rollback")
    client.put("/v1/routing", json={"routes": []})
    path = tmp_path / "data/audit.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["action"] for entry in entries] == ["rollback", "routing"]
    assert {(entry["user"], entry["key"]) for entry in entries} == {("local", "local")}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

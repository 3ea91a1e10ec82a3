"""A credential's rate and its requests at once; what an administrator does is written down."""

import contextlib
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from feedback_store.config import GatewaySettings
from feedback_store.events import Scope
from feedback_store.remote import Remote
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
    """Return how many of so many tries are let in; the others are refused."""
    count = 0
    for _ in range(tries):
        with contextlib.suppress(TooMany), kept.admit(key):
            count += 1
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
        other = {"Authorization": f"Bearer {KeyRing(data).create('bob', 'ops', [Scope.SUGGEST])}"}
        assert client.get("/v1/status", headers=other).status_code == httpx.codes.OK


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        (Scope.TRAIN, "/v1/policies"),
        (Scope.TRAIN, "/v1/batches"),
        (Scope.ADMIN, "/v1/routing"),
        (Scope.ADMIN, "/v1/store/stats"),
        (Scope.FEEDBACK, "/v1/status"),
        (Scope.FEEDBACK, "/v1/dashboard"),
        (Scope.FEEDBACK, "/metrics"),
    ],
)
def test_every_kind_of_route_has_a_rate(
    scope: Scope, path: str, engine: StandIn, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    key = KeyRing(data).create("ada", "ops", [scope])
    few = {"requests_per_s": 0.1, "burst": 2}
    with gateway(settings_for(data, engine.url, limits=few)) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        assert [client.get(path).status_code for _ in range(3)] == [200, 200, 429]
        assert int(client.get(path).headers["retry-after"]) >= 1


def test_rollouts_have_room_for_so_many_requests_of_all_trainers(
    engine: StandIn, tmp_path: Path
) -> None:
    body = {"policy": None, "prompts": [[1]], "samples": 1}
    settings = settings_for(tmp_path / "data", engine.url, rollouts={"requests": 1})
    with gateway(settings) as client, ThreadPoolExecutor() as pool:
        engine.answer(delay_s=2.0)
        first = pool.submit(client.post, "/v1/rollouts", json=body)
        wait_for(lambda: len(engine.completions()) == 1)
        refused = client.post("/v1/rollouts", json=body)
        assert refused.status_code == httpx.codes.TOO_MANY_REQUESTS
        assert "rollouts are under way" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        assert first.result().is_success
        assert client.post("/v1/rollouts", json=body).is_success


def test_hone_store_waits_where_its_key_asks_too_fast(engine: StandIn, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    key = KeyRing(data).create("root", "ops", [Scope.ADMIN])
    slow = {"requests_per_s": 2.0, "burst": 1}
    with gateway(settings_for(data, engine.url, limits=slow)) as client:
        asked = Remote(GatewaySettings(url=str(client.base_url), key=key), "")
        assert [asked.stats()["rows"]["suggestions"] for _ in range(3)] == [0, 0, 0]


def test_what_an_administrator_does_is_written_down(client: httpx.Client, tmp_path: Path) -> None:
    client.post("/v1/rollback")
    client.put("/v1/routing", json={"routes": []})
    path = tmp_path / "data/audit.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["action"] for entry in entries] == ["rollback", "routing"]
    assert {(entry["user"], entry["key"]) for entry in entries} == {("local", "local")}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

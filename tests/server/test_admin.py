"""What an administrator does by hand, written down before it counts."""

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback_store.events import Scope
from server.auth import KeyRing
from server.routing import drawn
from tests.server.adapters import publish_adapter
from tests.server.samples import suggestion
from tests.server.serving import StandIn, gateway, settings_for, wait_for

FULL = Path("/dev/full")
"""Every write to it fails, as on a full disk."""


def register(client: httpx.Client, data: Path, name: str, **made: Any) -> None:
    publish_adapter(data / "adapters", name, **made)
    assert client.post("/v1/policies", json={"name": name}).is_success


@pytest.fixture
def two(client: httpx.Client, tmp_path: Path) -> httpx.Client:
    """A client of a gateway with a live version and one before."""
    for name in ("hone-000001", "hone-000002"):
        register(client, tmp_path / "data", name)
        assert client.post(f"/v1/policies/{name}/promote").is_success
    return client


def live(client: httpx.Client) -> str | None:
    return client.get("/v1/status").json()["live"]


def test_a_rollback_that_is_sent_twice_does_not_undo_itself(two: httpx.Client) -> None:
    seen = {"live": "hone-000002"}
    assert two.post("/v1/rollback", json=seen).is_success
    again = two.post("/v1/rollback", json=seen)
    assert again.status_code == httpx.codes.CONFLICT
    assert "hone-000001 is live by now" in again.json()["detail"]
    assert live(two) == "hone-000001"
    assert two.post("/v1/rollback", json={"live": None}).status_code == httpx.codes.CONFLICT
    assert two.post("/v1/rollback").is_success, "who names nothing means whatever is live"
    assert live(two) == "hone-000002"


def test_a_base_model_that_was_seen_to_be_live_is_left_for_its_version(
    client: httpx.Client, tmp_path: Path
) -> None:
    register(client, tmp_path / "data", "hone-000001")
    assert client.post("/v1/policies/hone-000001/promote").is_success
    assert client.post("/v1/rollback").is_success
    assert live(client) is None
    assert client.post("/v1/rollback", json={"live": None}).is_success
    assert live(client) == "hone-000001"


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_where_the_audit_log_cannot_be_written_the_disk_is_named_and_nothing_done(
    two: httpx.Client, tmp_path: Path
) -> None:
    log = tmp_path / "data/audit.jsonl"
    log.unlink()
    os.symlink(FULL, log)
    for ask in (
        lambda: two.post("/v1/rollback"),
        lambda: two.put("/v1/promotions", json={"paused": True}),
        lambda: two.get("/v1/store/stats"),
    ):
        refused = ask()
        assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert refused.headers["content-type"] == "application/problem+json"
        assert str(log) in refused.json()["detail"]
        assert "No space left" in refused.json()["detail"]
    assert (live(two), two.get("/v1/status").json()["paused"]) == ("hone-000002", False)
    log.unlink()
    assert two.post("/v1/rollback").is_success


def test_what_cannot_be_kept_is_refused_with_its_file(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "data/routes.json").mkdir()
    refused = client.put("/v1/routing", json={"routes": []})
    assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "routes.json" in refused.json()["detail"]


def test_an_administrator_ends_a_canary(engine: StandIn, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with gateway(settings_for(data, engine.url, canary={"share": 0.5})) as client:
        register(client, data, "hone-000001", b=0.01)
        passed = {"policy": "hone-000001", "passed": True, "why": "better", "inputs": {}}
        client.post("/v1/policies/hone-000001/decision", json=passed).raise_for_status()
        session = next(s for s in map(str, range(99)) if drawn("hone-000001", s) < 0.5)
        ask = suggestion(session=session)
        assert client.post("/v1/suggest", json=ask).json()["policy_version"] == "hone-000001"
        assert "refusing" in client.post("/v1/rollback").json()["detail"]
        ended = client.post("/v1/policies/hone-000001/refuse", json={"why": "it stutters"})
        assert ended.json()["status"] == "refused"
        assert client.post("/v1/suggest", json=ask).json()["policy_version"] == "hone-tiny"
        wait_for(lambda: "hone-000001" not in engine.models())
        told = client.get("/v1/status").json()["decisions"][0]
        assert (told["passed"], told["why"]) == (False, "refused by hand: it stutters")
        assert client.post("/v1/policies/hone-000001/promote").status_code == httpx.codes.CONFLICT
    entries = [json.loads(line) for line in (data / "audit.jsonl").read_text().splitlines()]
    assert (entries[-2]["action"], entries[-2]["policy"]) == ("refuse", "hone-000001")


def test_a_candidate_is_refused_by_administrators_alone(engine: StandIn, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    trainer, admin = (
        {"Authorization": f"Bearer {KeyRing(data).create(scope, 'ops', [scope])}"}
        for scope in (Scope.TRAIN, Scope.ADMIN)
    )
    with gateway(settings_for(data, engine.url)) as client:
        client.headers.update(trainer)
        register(client, data, "hone-000001", b=0.01)
        path = "/v1/policies/hone-000001/refuse"
        assert client.post(path).status_code == httpx.codes.FORBIDDEN
        assert client.post(path, headers=admin).json()["status"] == "refused"
        assert client.post(path, headers=admin).status_code == httpx.codes.CONFLICT
        other = client.post("/v1/policies/hone-000404/refuse", headers=admin)
        assert other.status_code == httpx.codes.NOT_FOUND

"""Policy versions over HTTP: load, decide, promote, roll back; rows carry the version that was
live when the request was admitted."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback_store.events import Scope
from server.auth import KeyRing
from tests.server.adapters import publish_adapter
from tests.server.samples import ANSWER, event, feedback, suggestion
from tests.server.serving import StandIn, gateway, settings_for, wait_for

PASS = {"passed": True, "why": "better", "inputs": {"difference": 0.1}}
FAIL = {"passed": False, "why": "worse", "inputs": {}}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of `client`."""
    return tmp_path / "data"


@pytest.fixture
def zero(client: httpx.Client, data: Path) -> str:
    """A live untrained version."""
    publish_adapter(data / "adapters", "hone-000001")
    post(client, "/v1/policies", {"name": "hone-000001"}, 201)
    post(client, "/v1/policies/hone-000001/promote")
    return "hone-000001"


def post(client: httpx.Client, path: str, body: Any = None, status: int = 200) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def statuses(client: httpx.Client) -> dict[str, tuple[str, bool]]:
    infos = client.get("/v1/policies").json()
    return {info["name"]: (info["status"], info["loaded"]) for info in infos}


def decision(name: str, verdict: dict[str, Any]) -> dict[str, Any]:
    return {"policy": name} | verdict


def stamped(client: httpx.Client) -> str:
    return str(post(client, "/v1/suggest", suggestion())["policy_version"])


def test_an_adapter_that_loads_and_does_not_answer_is_refused(
    client: httpx.Client, engine: StandIn, data: Path
) -> None:
    engine.make_dumb()
    publish_adapter(data / "adapters", "hone-000001")
    refused = post(client, "/v1/policies", {"name": "hone-000001"}, 422)
    assert "the engine does not take it: " in refused["detail"]
    assert engine.models() == {"hone-tiny"}
    assert statuses(client) == {}


def test_a_candidate_is_loaded_but_answers_nobody(
    client: httpx.Client, engine: StandIn, data: Path, zero: str
) -> None:
    publish_adapter(data / "adapters", "hone-000002", b=0.01, parent=zero)
    info = post(client, "/v1/policies", {"name": "hone-000002"}, 201)
    assert info == {"name": "hone-000002", "status": "candidate", "parent": zero, "loaded": True}
    assert engine.models() == {"hone-tiny", zero, "hone-000002"}
    assert stamped(client) == zero


def test_a_passing_decision_flips_and_a_rollback_flips_back(
    client: httpx.Client, data: Path, zero: str
) -> None:
    publish_adapter(data / "adapters", "hone-000002", b=0.01)
    post(client, "/v1/policies", {"name": "hone-000002"}, 201)
    post(client, "/v1/policies/hone-000002/decision", decision("hone-000002", PASS))
    assert stamped(client) == "hone-000002"
    assert statuses(client) == {zero: ("previous", True), "hone-000002": ("live", True)}
    post(client, "/v1/rollback")
    assert stamped(client) == zero
    post(client, "/v1/rollback")
    assert stamped(client) == "hone-000002"


def test_a_failing_decision_refuses_and_unloads(
    client: httpx.Client, engine: StandIn, data: Path, zero: str
) -> None:
    publish_adapter(data / "adapters", "hone-000002", b=0.01)
    post(client, "/v1/policies", {"name": "hone-000002"}, 201)
    post(client, "/v1/policies/hone-000002/decision", decision("hone-000002", FAIL))
    wait_for(lambda: statuses(client)["hone-000002"] == ("refused", False))
    assert engine.models() == {"hone-tiny", zero}
    assert stamped(client) == zero
    shown = client.get("/v1/status").json()["decisions"]
    assert [(d["policy"], d["passed"], d["why"]) for d in shown] == [
        ("hone-000002", False, "worse")
    ]


def test_a_trained_version_never_goes_live_without_a_decision(
    client: httpx.Client, data: Path, zero: str
) -> None:
    publish_adapter(data / "adapters", "hone-000002", b=0.01)
    post(client, "/v1/policies", {"name": "hone-000002"}, 201)
    problem = post(client, "/v1/policies/hone-000002/promote", status=409)
    assert "no passing decision" in problem["detail"]
    assert stamped(client) == zero


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"base_model": "other"}, "base_model"),
        ({"base_sha256": "0" * 64}, "base_sha256"),
        ({"rank": 16}, "rank 16"),
        ({"more": lambda folder: (folder / "adapter_model.bin").write_bytes(b"x")}, "unexpected"),
    ],
)
def test_a_wrong_adapter_reaches_neither_engine_nor_book(
    client: httpx.Client, engine: StandIn, data: Path, changes: dict[str, Any], why: str
) -> None:
    publish_adapter(data / "adapters", "hone-000001", **changes)
    problem = post(client, "/v1/policies", {"name": "hone-000001"}, 422)
    assert why in problem["detail"]
    assert engine.models() == {"hone-tiny"}
    assert statuses(client) == {}


@pytest.mark.parametrize("name", ["../../etc", "hone-000404", "", "."])
def test_a_name_that_is_no_published_folder_is_refused(client: httpx.Client, name: str) -> None:
    post(client, "/v1/policies", {"name": name}, 422)


def test_answers_carry_the_version_live_at_admission(
    client: httpx.Client, engine: StandIn, data: Path, zero: str
) -> None:
    publish_adapter(data / "adapters", "hone-000002", b=0.01)
    post(client, "/v1/policies", {"name": "hone-000002"}, 201)
    engine.answer(text=ANSWER, delay_s=1.0)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(stamped, client)
        wait_for(lambda: client.get("/v1/status").json()["in_flight"] == 1)
        post(client, "/v1/policies/hone-000002/decision", decision("hone-000002", PASS))
        assert stamped(client) == "hone-000002"
        assert not slow.done()
        assert slow.result() == zero


def test_a_retired_version_leaves_only_after_its_last_answer(
    client: httpx.Client, engine: StandIn, data: Path, zero: str
) -> None:
    engine.answer(text=ANSWER, delay_s=2.0)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(stamped, client)
        wait_for(lambda: client.get("/v1/status").json()["in_flight"] == 1)
        for name in ("hone-000002", "hone-000003"):
            publish_adapter(data / "adapters", name, b=0.01)
            post(client, "/v1/policies", {"name": name}, 201)
            post(client, f"/v1/policies/{name}/decision", decision(name, PASS))
        assert statuses(client)[zero] == ("retired", True)
        assert slow.result() == zero
    wait_for(lambda: statuses(client)[zero] == ("retired", False))


def test_policies_survive_a_restart_and_are_loaded_again(tmp_path: Path, engine: StandIn) -> None:
    settings = settings_for(tmp_path, engine.url)
    with gateway(settings) as client:
        publish_adapter(tmp_path / "adapters", "hone-000001")
        post(client, "/v1/policies", {"name": "hone-000001"}, 201)
        post(client, "/v1/policies/hone-000001/promote")
    headers = {"Authorization": "Bearer stand-in-key"}
    forget = {"lora_name": "hone-000001"}
    httpx.post(f"{engine.url}/v1/unload_lora_adapter", json=forget, headers=headers)
    assert engine.models() == {"hone-tiny"}
    with gateway(settings) as client:
        assert engine.models() == {"hone-tiny", "hone-000001"}
        assert stamped(client) == "hone-000001"


def test_an_engine_that_forgets_gets_its_adapters_back(
    client: httpx.Client, engine: StandIn, zero: str
) -> None:
    headers = {"Authorization": "Bearer stand-in-key"}
    httpx.post(f"{engine.url}/v1/unload_lora_adapter", json={"lora_name": zero}, headers=headers)
    wait_for(lambda: zero in engine.models(), 10.0)


def test_rollouts_reach_a_snapshot_and_editors_do_not(
    client: httpx.Client, engine: StandIn, data: Path, zero: str
) -> None:
    name = "rollout-run1-000003"
    publish_adapter(data / "snapshots", name, b=0.02, kind="snapshot")
    assert post(client, "/v1/snapshots", {"name": name}, 201)["status"] == "snapshot"
    prompts = [[ord(c) for c in "ab"], [ord("x")] * 3]
    body = {"policy": name, "prompts": prompts, "samples": 2, "seed": 7, "stop_token_ids": [0]}
    for _ in prompts:
        engine.answer(repeat=True)
    answer = post(client, "/v1/rollouts", body)
    assert (answer["policy"], answer["engine"]) == (name, "vllm")
    assert [[r["text"] for r in group] for group in answer["groups"]] == [["ab"] * 2, ["xxx"] * 2]
    first = answer["groups"][0][0]
    assert first["token_ids"] == [97, 98, 0]
    assert len(first["logprobs"]) == 3
    asked = sorted(
        (e["completion"] for e in engine.completions()), key=lambda completion: completion["seed"]
    )
    assert [(a["model"], a["n"], a["seed"], a["priority"]) for a in asked] == [
        (name, 2, 7, 10),
        (name, 2, 9, 10),
    ]
    assert [a["temperature"] for a in asked] == [1.0, 1.0]
    assert stamped(client) == zero
    client.delete(f"/v1/snapshots/{name}").raise_for_status()
    wait_for(lambda: name not in engine.models())
    assert post(client, "/v1/rollouts", body, 503)["status"] == 503


def test_rollouts_of_the_base_name_no_policy(client: httpx.Client, engine: StandIn) -> None:
    answer = post(client, "/v1/rollouts", {"policy": None, "prompts": [[1]], "samples": 1})
    assert answer["policy"] is None
    assert engine.completions()[0]["completion"]["model"] == "hone-tiny"


def test_a_batch_is_exported_once_and_its_state_kept(client: httpx.Client, engine: StandIn) -> None:
    engine.answer(text=ANSWER)
    known = post(client, "/v1/suggest", suggestion())["suggestion_id"]
    few = {"min_items": 1, "max_items": 10}
    assert post(client, "/v1/batches", few) == {"reason": "too_little", "ready": 0}
    kinds = ("outcome", "settled", "survival")
    events = [event(known, seq, kind) for seq, kind in enumerate(kinds, start=1)]
    post(client, "/v1/feedback", feedback(*events))
    batch = post(client, "/v1/batches", few, 201)
    assert (batch["number"], batch["items"]) == (1, 1)
    assert (Path(batch["folder"]) / "batch.parquet").exists()
    assert post(client, "/v1/batches", few) == {"reason": "too_little", "ready": 0}
    state = {"state": "spent", "policy": "hone-000001"}
    assert client.post("/v1/batches/1/state", json=state).status_code == httpx.codes.NO_CONTENT
    (listed,) = client.get("/v1/batches").json()
    assert (listed["number"], listed["state"], listed["policy"]) == (1, "spent", "hone-000001")
    assert client.post("/v1/batches/9/state", json=state).status_code == httpx.codes.NOT_FOUND


def test_a_trained_version_goes_live_by_hand_for_administrators_alone(
    engine: StandIn, tmp_path: Path
) -> None:
    folder = tmp_path / "guarded"
    folder.mkdir()
    keys = KeyRing(folder)
    with gateway(settings_for(folder, engine.url)) as client:
        trainer, admin = (
            {"Authorization": f"Bearer {keys.create(scope, 'ops', [scope])}"}
            for scope in (Scope.TRAIN, Scope.ADMIN)
        )
        client.headers.update(trainer)
        publish_adapter(folder / "adapters", "hone-000001", b=0.01)
        post(client, "/v1/policies", {"name": "hone-000001"}, 201)
        client.put("/v1/promotions", json={"paused": True}, headers=admin)
        post(client, "/v1/policies/hone-000001/decision", decision("hone-000001", PASS))
        assert "admin" in post(client, "/v1/policies/hone-000001/promote", None, 403)["detail"]
        promoted = client.post("/v1/policies/hone-000001/promote", headers=admin)
        assert promoted.json()["status"] == "live"

"""How much waits where: in the gateway, its store and the engines, on the page and in /metrics."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from feedback_store.events import Scope
from server.auth import KeyRing
from server.engine.client import Queue, queue_of
from tests.server.adapters import publish_adapter
from tests.server.samples import suggestion
from tests.server.serving import StandIn, gateway, settings_for, wait_for


def depth(client: httpx.Client, labels: str) -> float:
    found = re.search(rf"^{re.escape(labels)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    assert found is not None, labels
    return float(found[1])


def test_what_waits_is_told_by_status_and_metrics(client: httpx.Client, engine: StandIn) -> None:
    rollouts = {"policy": None, "prompts": [[1]], "samples": 1}
    with ThreadPoolExecutor() as pool:
        for path, body in (
            ("/v1/suggest", suggestion(deadline_ms=9e3)),
            ("/v1/rollouts", rollouts),
        ):
            engine.answer(delay_s=4.0)
            pool.submit(client.post, path, json=body)
        wait_for(lambda: len(engine.completions()) == 2)
        status = client.get("/v1/status").json()
        assert (status["in_flight"], status["rollouts"], status["waiting_entries"]) == (1, 1, 0)
        assert depth(client, 'hone_waiting{queue="suggestions"}') == 1
        assert depth(client, 'hone_waiting{queue="rollouts"}') == 1
        assert depth(client, 'hone_waiting{queue="entries"}') == 0
    [replica] = client.get("/v1/status").json()["engine"]["replicas"]
    assert (replica["running"], replica["waiting"]) == (3, 5)
    series = f'hone_engine_requests{{replica="{replica["name"]}",state="%s"}}'
    assert (depth(client, series % "running"), depth(client, series % "waiting")) == (3, 5)


@pytest.mark.parametrize("text", ["", "nonsense", "# vllm:num_requests_waiting 3"])
def test_an_engine_that_says_nothing_of_its_queue_has_none(text: str) -> None:
    assert queue_of(text) == Queue(None, None)


def test_an_engine_that_is_away_is_not_waited_for(tmp_path: Path) -> None:
    with gateway(settings_for(tmp_path, "http://127.0.0.1:1"), ready=False) as client:
        [replica] = client.get("/v1/status").json()["engine"]["replicas"]
        assert (replica["running"], replica["waiting"]) == (None, None)
        assert "hone_engine_requests{" not in client.get("/metrics").text


def test_a_decisions_inputs_are_for_those_who_may_see_teams(
    engine: StandIn, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    editor, trainer = (
        {"Authorization": f"Bearer {KeyRing(data).create(scope, 'ops', [scope])}"}
        for scope in (Scope.SUGGEST, Scope.TRAIN)
    )
    inputs = {"team tiny": -0.2, "items": 120}
    with gateway(settings_for(data, engine.url)) as client:
        publish_adapter(data / "adapters", "hone-000001", b=0.01)
        client.post("/v1/policies", json={"name": "hone-000001"}, headers=trainer)
        said = {"policy": "hone-000001", "passed": False, "why": "worse", "inputs": inputs}
        client.post("/v1/policies/hone-000001/decision", json=said, headers=trainer)
        for _ in range(2):
            for headers, shown in ((editor, None), (trainer, inputs)):
                [told] = client.get("/v1/status", headers=headers).json()["decisions"]
                assert (told["why"], told["inputs"]) == ("worse", shown)

"""Every route there is: shut to strangers, and its actions written down before they are done."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from feedback_store.events import Scope
from feedback_store.store import Store
from server.app import create_app
from server.auth import KeyRing
from tests.server.adapters import publish_adapter
from tests.server.serving import StandIn, gateway, settings_for, stand_in

OPEN = {"/livez", "/readyz", "/login", "/openapi.json"}
"""What shows no data."""
ELSEWHERE = {"/", "/logout"}
"""What a browser opens: a stranger is led to the form."""
MAY_SUGGEST = {"/v1/suggest", "/v1/completions", "/login", "/logout"}
ACTIONS = [
    "register",
    "decision",
    "promote",
    "promotions",
    "routing",
    "rollback",
    "export batch",
    "store.compact",
]


@pytest.fixture(scope="module")
def engine() -> Iterator[StandIn]:
    with stand_in() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("strangers")


@pytest.fixture(scope="module")
def routes(engine: StandIn, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """All that an application answers to, as (method, path)."""
    settings = settings_for(tmp_path_factory.mktemp("unused"), engine.url)
    with Store.open(settings.data.folder, settings.store) as store:
        found = [one for one in create_app(settings, store).routes if isinstance(one, APIRoute)]
    return [(method, one.path) for one in found for method in sorted(one.methods)]


@pytest.fixture(scope="module")
def client(engine: StandIn, folder: Path) -> Iterator[httpx.Client]:
    """A gateway with one key, which its client does not show."""
    (folder / "data").mkdir()
    KeyRing(folder / "data").create("ada", "ops", list(Scope))
    with gateway(settings_for(folder / "data", engine.url)) as running:
        yield running


def test_a_stranger_gets_nowhere(client: httpx.Client, routes: list[tuple[str, str]]) -> None:
    shut = [(method, path) for method, path in routes if path not in OPEN]
    assert len(shut) > 30
    answers = {
        (method, path): client.request(method, path.replace("{", "").replace("}", ""), json={})
        for method, path in shut
    }
    led = {where for where, answer in answers.items() if answer.headers.get("location") == "/login"}
    assert {path for _, path in led} == ELSEWHERE
    refused = {where for where, answer in answers.items() if answer.status_code == 401}
    assert refused | led == set(shut)


def test_who_may_only_suggest_changes_nothing(
    client: httpx.Client, folder: Path, routes: list[tuple[str, str]]
) -> None:
    key = KeyRing(folder / "data").create("bob", "web", [Scope.SUGGEST])
    shown = {"Authorization": f"Bearer {key}"}
    changing = {(method, path) for method, path in routes if method not in ("GET", "HEAD")}
    others = changing - {(method, path) for method, path in changing if path in MAY_SUGGEST}
    assert len(others) > 15
    for method, path in sorted(others):
        at = path.replace("{", "").replace("}", "")
        answer = client.request(method, at, json={}, headers=shown)
        assert answer.status_code == httpx.codes.FORBIDDEN, (method, path, answer.text)


def test_every_action_is_written_down(engine: StandIn, tmp_path: Path) -> None:
    """In the order in which they are done, whoever does them."""
    name = "hone-000001"
    decision = {"policy": name, "passed": True, "why": "better", "inputs": {}}
    with gateway(settings_for(tmp_path / "data", engine.url)) as client:
        publish_adapter(tmp_path / "data/adapters", name)
        for method, path, body in (
            ("POST", "/v1/policies", {"name": name}),
            ("POST", f"/v1/policies/{name}/decision", decision),
            ("POST", f"/v1/policies/{name}/promote", {}),
            ("PUT", "/v1/promotions", {"paused": True}),
            ("PUT", "/v1/routing", {"routes": []}),
            ("POST", "/v1/rollback", None),
            ("POST", "/v1/batches", {"min_items": 1, "max_items": 8}),
            ("POST", "/v1/store/compact", {}),
        ):
            answer = client.request(method, path, json=body)
            assert answer.is_success, (path, answer.text)
    lines = (tmp_path / "data/audit.jsonl").read_text("utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["action"] for entry in entries] == ACTIONS
    assert {entry["user"] for entry in entries} == {"local"}

"""`hone-store` while the gateway owns the folder: it asks, and the gateway does and audits."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback_store import people
from feedback_store.cli import main
from feedback_store.config import StoreSettings
from feedback_store.events import Scope
from feedback_store.store import Store
from server.app import create_app
from server.auth import KeyRing
from server.gateway import ASKS_AT_ONCE, ASKS_WAITING
from tests.feedback_store import made
from tests.server.serving import STARTUP_S, StandIn, serve, settings_for


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


@contextmanager
def running(engine: StandIn, folder: Path) -> Iterator[tuple[Store, str]]:
    """A gateway over a store that holds two suggestions of the user `local`."""
    settings = settings_for(folder, engine.url)
    with Store.open(folder, settings.store) as store, serve(create_app(settings, store)) as url:
        for number in (1, 2):
            entries = [made.suggestion(number, f"ref-{number}", user="local")]
            entries.append(made.outcome(2 * number, f"ref-{number}", user="local"))
            entries.append(made.settled(2 * number + 1, f"ref-{number}", user="local"))
            store.submit(entries).result(20)
        yield store, url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def ask(folder: Path, url: str, *arguments: str, key: str = "") -> int:
    given = [*arguments, "--data.folder", str(folder), "--gateway.url", url]
    return main([*given, "--gateway.key", key] if key else given)


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_every_command_works_while_the_gateway_runs(
    engine: StandIn, folder: Path, tmp_path: Path, capsys
) -> None:
    with Store.open(tmp_path / "other", StoreSettings(threads=1)) as other:
        other.submit(made.refused(7)).result(20)
    with running(engine, folder) as (store, url):
        assert ask(folder, url, "stats", "--json") == 0
        assert answer(capsys)["rows"]["suggestions"] == 2
        assert ask(folder, url, "query", "SELECT count(*) AS n FROM outcomes") == 0
        assert capsys.readouterr().out.split() == ["n", "2"]
        assert ask(folder, url, "export", "--max-items", "1") == 0
        assert ask(folder, url, "import", str(tmp_path / "other")) == 0
        capsys.readouterr()
        for command in (["retain"], ["compact"], ["rebuild"], ["rebuild", "--compare"]):
            assert ask(folder, url, *command) == 0
        capsys.readouterr()
        assert ask(folder, url, "backup", "--json") == 0
        assert Path(answer(capsys)["folder"]).parent == folder.absolute() / "backups"
        assert ask(folder, url, "verify") == 0
        assert "row for row" in capsys.readouterr().out
        assert ask(folder, url, "erase", "--user", "local", "--json") == 0
        assert answer(capsys)["batches"] == [1]
        rows = store.query("SELECT user_id FROM suggestions")
        assert rows == [{"user_id": "ann"}]
        done = store.query("SELECT DISTINCT user_id, action FROM audit ORDER BY action")
    assert {row["user_id"] for row in done} == {"local"}
    assert [row["action"] for row in done] == sorted(
        [
            "stats",
            "query",
            "export",
            "import",
            "retain",
            "compact",
            "rebuild",
            "backup",
            "verify",
            "erase",
        ]
    )


def test_feedback_is_taken_while_the_database_is_made_anew(engine: StandIn, folder: Path) -> None:
    with running(engine, folder) as (store, url), httpx.Client(base_url=url) as client:
        futures = []
        for number in range(10, 30):
            futures.append(store.submit([made.suggestion(number)]))
            if number % 5 == 0:
                assert client.post("/v1/store/compact", timeout=STARTUP_S).status_code == 200
        assert all(future.result(20).stored == 1 for future in futures)
        assert store.query("SELECT count(*) AS n FROM suggestions") == [{"n": 22}]


def test_another_folders_gateway_is_not_asked(
    engine: StandIn, folder: Path, tmp_path: Path, capsys
) -> None:
    elsewhere = tmp_path / "elsewhere"
    with running(engine, folder) as (store, url), Store.open(elsewhere, StoreSettings(threads=1)):
        assert ask(elsewhere, url, "erase", "--user", "local") == 3
        assert "owns another data folder" in capsys.readouterr().err
        assert store.query("SELECT count(*) AS n FROM erasures") == [{"n": 0}]


def test_only_administrators_may_ask(engine: StandIn, folder: Path, capsys) -> None:
    keys = KeyRing(folder)
    trainer = keys.create("tim", "core", [Scope.TRAIN])
    admin = keys.create("ada", "core", [Scope.ADMIN])
    reader = keys.create("ada", "core", [Scope.ADMIN, Scope.CONTENT])
    with running(engine, folder) as (store, url):
        assert ask(folder, url, "stats") == 3
        assert ask(folder, url, "stats", key=trainer) == 3
        assert "lacks the scope" in capsys.readouterr().err
        assert ask(folder, url, "stats", key=admin) == 0
        secret = "SELECT settled_text FROM settlement_content"
        assert ask(folder, url, "query", secret, "--content", key=admin) == 3
        assert ask(folder, url, "query", secret, key=admin) == 3
        assert made.SECRET not in capsys.readouterr().out
        assert ask(folder, url, "query", secret, "--content", key=reader) == 0
        assert made.SECRET in capsys.readouterr().out
        who = store.query("SELECT DISTINCT user_id FROM audit")
    assert who == [{"user_id": keys.pseudonym("ada")}]


def test_the_name_in_the_keys_is_the_user_in_the_store(folder: Path) -> None:
    keys = KeyRing(folder)
    with pytest.raises(people.NobodyYet, match=r"pseudonym\.key"):
        people.stored_names(folder, "zoe")
    keys.create("zoe", "core", [Scope.SUGGEST])
    keys.pseudonym("zoe")
    assert people.stored_names(folder, "zoe") == [
        keys.pseudonym("zoe"),
        keys.pseudonym("oidc zoe"),
    ]
    assert people.stored_names(folder, keys.pseudonym("zoe")) == [keys.pseudonym("zoe")]
    assert people.stored_names(folder, "local") == ["local"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("query", {"sql": "DROP TABLE meta"}, 422),
        ("query", {"sql": "SELECT 1", "max_rows": 0}, 422),
        ("query", {}, 422),
        ("erase", {"user": ""}, 422),
        ("import", {"entries": [{"kind": "outcome"}]}, 422),
    ],
)
def test_bad_questions_are_problems(
    client: httpx.Client, path: str, body: dict[str, Any], status: int
) -> None:
    response = client.post(f"/v1/store/{path}", json=body)
    assert (response.status_code, response.json()["status"]) == (status, status)


def test_what_cannot_wait_behind_long_work_gets_503(engine: StandIn, folder: Path) -> None:
    settings = settings_for(folder, engine.url)
    app, gate = create_app(settings, store := Store.open(folder, settings.store)), threading.Event()

    def ask_it(client: httpx.Client) -> httpx.Response:
        return client.post("/v1/store/query", json={"sql": "SELECT 1"}, timeout=STARTUP_S)

    async def fill(client: httpx.Client) -> httpx.Response:
        asks = app.state.gateway.asks
        count = ASKS_AT_ONCE + ASKS_WAITING
        waiting = [asyncio.create_task(asks.run(gate.wait, STARTUP_S)) for _ in range(count)]
        await asyncio.sleep(0)
        # What others wait for has threads of its own, or the loop's.
        assert client.get("/v1/batches").status_code == 200
        refused = ask_it(client)
        gate.set()
        await asyncio.gather(*waiting)
        return refused

    with store, serve(app) as url, httpx.Client(base_url=url) as client:
        refused = asyncio.run(fill(client))
        assert (refused.status_code, refused.json()["status"]) == (503, 503)
        assert int(refused.headers["Retry-After"]) > 0
        assert ask_it(client).status_code == 200

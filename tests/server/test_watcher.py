"""Canaries and live versions in a running gateway: what people do with them decides."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from feedback_store.store import Store
from server.app import build, watcher_of
from server.config import ServerSettings
from server.policies import Book
from tests.server.adapters import publish_adapter
from tests.server.samples import ANSWER, event, feedback, suggestion
from tests.server.serving import POLL_S, StandIn, gateway, settings_for, wait_for

SESSIONS = [f"s{number}" for number in range(40)]


@pytest.fixture
def client(engine: StandIn, tmp_path: Path) -> Iterator[httpx.Client]:
    """A gateway that looks often, and lets new versions begin with half of the sessions."""
    settings = settings_for(
        tmp_path / "data",
        engine.url,
        canary={"share": 0.5, "min_shown": 10, "margin": 0.3},
        watch={"interval_s": 0.1},
    )
    with gateway(settings) as running:
        yield running


def publish(client: httpx.Client, folder: Path, name: str, *, passes: bool = True) -> None:
    """Publish, register, and decide; a version that changes nothing is promoted."""
    publish_adapter(folder / "data/adapters", name, b=0.01 if passes else 0.0)
    assert client.post("/v1/policies", json={"name": name}).is_success
    if not passes:
        assert client.post(f"/v1/policies/{name}/promote").is_success
        return
    decision = {"policy": name, "passed": True, "why": "better", "inputs": {}}
    assert client.post(f"/v1/policies/{name}/decision", json=decision).is_success


class Users:
    """Who ask, and say what they did with it."""

    def __init__(self, client: httpx.Client, engine: StandIn) -> None:
        self._client = client
        self._engine = engine
        self._seq = 0

    def work(self, takes: dict[str, bool]) -> dict[str, str]:
        """Let every session ask once and take or leave what `takes` says of its version."""
        answered: dict[str, str] = {}
        events = []
        for session in SESSIONS:
            self._engine.answer(text=ANSWER)
            answer = self._client.post("/v1/suggest", json=suggestion(session=session)).json()
            answered[session] = answer["policy_version"]
            outcome = "accepted" if takes[answer["policy_version"]] else "diverged"
            self._seq += 1
            events.append(event(answer["suggestion_id"], self._seq, outcome=outcome))
        assert self._client.post("/v1/feedback", json=feedback(*events)).is_success
        return answered


@pytest.fixture
def users(client: httpx.Client, engine: StandIn) -> Users:
    return Users(client, engine)


def statuses(client: httpx.Client) -> dict[str, str]:
    return {info["name"]: info["status"] for info in client.get("/v1/policies").json()}


def test_a_canary_that_people_take_goes_live(
    client: httpx.Client, users: Users, tmp_path: Path
) -> None:
    publish(client, tmp_path, "hone-000001")
    answered = users.work({"hone-tiny": True, "hone-000001": True})
    assert 8 < list(answered.values()).count("hone-000001") < 32
    wait_for(lambda: statuses(client) == {"hone-000001": "live"})
    assert set(users.work({"hone-000001": True}).values()) == {"hone-000001"}


def test_a_canary_that_people_leave_is_refused(
    client: httpx.Client, users: Users, engine: StandIn, tmp_path: Path
) -> None:
    publish(client, tmp_path, "hone-000001")
    users.work({"hone-tiny": True, "hone-000001": False})
    wait_for(lambda: statuses(client) == {"hone-000001": "refused"})
    wait_for(lambda: "hone-000001" not in engine.models())
    last, *_ = client.get("/v1/status").json()["decisions"]
    assert last["why"].startswith("canary: 0 of ")
    assert set(users.work({"hone-tiny": True}).values()) == {"hone-tiny"}


def test_a_live_version_that_people_leave_is_rolled_back_by_itself(
    client: httpx.Client, users: Users, tmp_path: Path
) -> None:
    users.work({"hone-tiny": True})
    publish(client, tmp_path, "hone-000001", passes=False)
    users.work({"hone-000001": False})
    wait_for(lambda: statuses(client) == {"hone-000001": "refused"})
    assert client.get("/v1/status").json()["live"] is None
    assert set(users.work({"hone-tiny": True}).values()) == {"hone-tiny"}


def test_saying_it_again_changes_nothing(
    client: httpx.Client, users: Users, tmp_path: Path
) -> None:
    publish(client, tmp_path, "hone-000001")
    users.work({"hone-tiny": True, "hone-000001": True})
    wait_for(lambda: statuses(client) == {"hone-000001": "live"})
    name = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
    again = [event(name, seq, outcome="rejected") for seq in range(1, 300)]
    sent = feedback(*again, producer="spool-again")
    assert client.post("/v1/feedback", json=sent).is_success
    board = client.get("/v1/status").json()
    assert sum(row["count"] for row in board["outcomes"] if row["outcome"] == "rejected") == 1
    assert statuses(client) == {"hone-000001": "live"}


def test_what_an_administrator_left_does_not_come_back_by_itself(
    client: httpx.Client, users: Users, tmp_path: Path
) -> None:
    publish(client, tmp_path, "hone-000001", passes=False)
    publish(client, tmp_path, "hone-000002", passes=False)
    users.work({"hone-000002": True})
    assert client.post("/v1/rollback").is_success
    users.work({"hone-000001": False})
    users.work({"hone-000001": False})
    looked = client.get("/v1/status").json()["store"]["outcomes"]
    wait_for(lambda: client.get("/v1/status").json()["store"]["outcomes"] >= looked)
    assert statuses(client) == {"hone-000001": "live", "hone-000002": "previous"}


def unwatched(folder: Path, engine: StandIn) -> ServerSettings:
    canary = {"share": 0.5, "min_shown": 10, "margin": 0.3}
    watch = {"interval_s": 10_000.0}
    return settings_for(folder / "data", engine.url, canary=canary, watch=watch)


def look(folder: Path, engine: StandIn) -> Book:
    """Look once at what a gateway that has ended left; who serves what then."""
    settings = unwatched(folder, engine)
    with Store.open(settings.data.folder, settings.store) as store:
        made = build(settings, store)

        async def once() -> None:
            running = asyncio.create_task(made.fleet.run())
            while made.registry.book.canary not in made.fleet.loaded:
                await asyncio.sleep(POLL_S)
            await watcher_of(made).look()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await made.fleet.stop()

        asyncio.run(once())
        return made.registry.book


@pytest.mark.parametrize("paused", [False, True])
def test_a_canary_waits_while_promotions_are_paused(
    engine: StandIn, tmp_path: Path, paused: bool
) -> None:
    with gateway(unwatched(tmp_path, engine)) as client:
        publish(client, tmp_path, "hone-000001")
        client.put("/v1/promotions", json={"paused": paused})
        Users(client, engine).work({"hone-tiny": True, "hone-000001": True})
        assert statuses(client) == {"hone-000001": "canary"}
    book = look(tmp_path, engine)
    assert (book.canary, book.live) == (("hone-000001", None) if paused else (None, "hone-000001"))


def test_one_who_says_it_again_and_again_ends_no_canary(engine: StandIn, tmp_path: Path) -> None:
    with gateway(unwatched(tmp_path, engine)) as client:
        publish(client, tmp_path, "hone-000001")
        Users(client, engine).work({"hone-tiny": True, "hone-000001": True})
        names = [ask(client, engine, session) for session in SESSIONS]
        mine = next(name for name, policy in names if policy == "hone-000001")
        again = [event(mine, seq, outcome="rejected") for seq in range(1, 300)]
        sent = feedback(*again, producer="spool-again")
        assert client.post("/v1/feedback", json=sent).is_success
    assert look(tmp_path, engine).live == "hone-000001"


def ask(client: httpx.Client, engine: StandIn, session: str) -> tuple[str, str]:
    """Return a suggestion's id and the version that made it."""
    engine.answer(text=ANSWER)
    answer = client.post("/v1/suggest", json=suggestion(session=session)).json()
    return answer["suggestion_id"], answer["policy_version"]

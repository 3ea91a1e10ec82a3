"""Several engines behind one gateway: sessions stay, load spreads, one that dies is replaced."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.fleet import SLACK, ranked
from tests.server.adapters import publish_adapter
from tests.server.samples import suggestion
from tests.server.serving import StandIn, gateway, settings_for, stand_in, wait_for

NAMES = ["http://a", "http://b", "http://c"]
KEYS = [f"session-{number}" for number in range(200)]


def test_a_session_stays_where_it_is_and_sessions_spread() -> None:
    homes = {key: ranked(NAMES, Counter(), key)[0] for key in KEYS}
    assert homes == {key: ranked(NAMES[::-1], Counter(), key)[0] for key in KEYS}
    assert all(count > len(KEYS) / 6 for count in Counter(homes.values()).values())


def test_only_the_sessions_of_a_replica_that_goes_move() -> None:
    for key in KEYS:
        before = ranked(NAMES, Counter(), key)
        assert ranked(NAMES[1:], Counter(), key) == [name for name in before if name != "http://a"]


def test_a_busy_home_is_left_only_when_it_is_clearly_busier() -> None:
    home, *others = ranked(NAMES, Counter(), "session")
    assert ranked(NAMES, Counter({home: SLACK}), "session")[0] == home
    assert ranked(NAMES, Counter({home: SLACK + 1}), "session") == [*others, home]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[httpx.Client, list[StandIn], list[ExitStack]]]:
    """A gateway before two engines, each of which can be ended by closing its stack."""
    lives = [ExitStack(), ExitStack()]
    engines = [life.enter_context(stand_in()) for life in lives]
    more = {"replicas": (engines[1].url,)}
    settings = settings_for(tmp_path / "data", engines[0].url, engine=more)
    with lives[0], lives[1], gateway(settings) as client:
        wait_for(lambda: all(one["loaded"] for one in replicas(client)))
        yield client, engines, lives


def replicas(client: httpx.Client) -> list[dict[str, Any]]:
    return client.get("/v1/status").json()["engine"]["replicas"]


def ask(client: httpx.Client, session: str) -> dict[str, Any]:
    answer = client.post("/v1/suggest", json=suggestion(session=session))
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def test_both_replicas_answer_each_its_own_sessions(
    pair: tuple[httpx.Client, list[StandIn], list[ExitStack]],
) -> None:
    client, engines, _ = pair
    for key in KEYS[:20] * 2:
        assert ask(client, key)["reason"] == "no_edit"
    counts = [len(engine.completions()) for engine in engines]
    assert sum(counts) == 40
    assert min(counts) >= 2
    assert all(count % 2 == 0 for count in counts), "a session went to both"


def test_a_replica_that_dies_costs_no_request(
    pair: tuple[httpx.Client, list[StandIn], list[ExitStack]],
) -> None:
    client, engines, lives = pair
    lives[0].close()
    before = len(engines[1].completions())
    assert {ask(client, key)["reason"] for key in KEYS[:12]} == {"no_edit"}
    assert len(engines[1].completions()) - before == 12
    wait_for(lambda: [one["state"] for one in replicas(client)] == ["down", "up"])
    assert client.get("/readyz").status_code == httpx.codes.OK


def test_a_version_serves_once_every_replica_holds_it(
    pair: tuple[httpx.Client, list[StandIn], list[ExitStack]], tmp_path: Path
) -> None:
    client, engines, _ = pair
    publish_adapter(tmp_path / "data/adapters", "hone-000001")
    for path, body in (("", {"name": "hone-000001"}), ("/hone-000001/promote", None)):
        assert client.post(f"/v1/policies{path}", json=body).is_success
    assert all("hone-000001" in engine.models() for engine in engines)
    assert {ask(client, key)["policy_version"] for key in KEYS[:12]} == {"hone-000001"}
    assert all(engine.completions() for engine in engines)


def test_without_any_engine_silence_says_why(
    pair: tuple[httpx.Client, list[StandIn], list[ExitStack]],
) -> None:
    client, _, lives = pair
    for life in lives:
        life.close()
    assert ask(client, "session")["reason"] == "engine_down"
    wait_for(lambda: client.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE)
    assert "engine" in ask(client, "session")["detail"]
    assert {one["problem"] for one in replicas(client)} != {""}


Pair = tuple[httpx.Client, list[StandIn], list[ExitStack]]


def promoted(client: httpx.Client, folder: Path) -> None:
    """Put two versions into service, one after the other."""
    for name in ("hone-000001", "hone-000002"):
        publish_adapter(folder / "adapters", name)
        assert client.post("/v1/policies", json={"name": name}).is_success
        assert client.post(f"/v1/policies/{name}/promote").is_success


def lost(engine: StandIn) -> None:
    """Let an engine lose the version before, and not take it again."""
    engine.make_dumb()
    engine.unload("hone-000001")


def holding(client: httpx.Client) -> list[bool]:
    return ["hone-000001" in one["loaded"] for one in replicas(client)]


def test_a_rollback_goes_to_what_one_replica_still_holds(pair: Pair, tmp_path: Path) -> None:
    client, engines, _ = pair
    promoted(client, tmp_path / "data")
    lost(engines[1])
    wait_for(lambda: holding(client) == [True, False])
    assert client.post("/v1/rollback").is_success
    assert {ask(client, key)["policy_version"] for key in KEYS[:12]} == {"hone-000001"}


def test_a_rollback_goes_to_the_base_model_where_no_replica_takes_the_version_before(
    pair: Pair, tmp_path: Path
) -> None:
    client, engines, _ = pair
    promoted(client, tmp_path / "data")
    for engine in engines:
        lost(engine)
    wait_for(lambda: "hone-000001" in client.get("/v1/status").json()["engine"]["refusals"])
    wait_for(lambda: holding(client) == [False, False])
    assert client.post("/v1/rollback").is_success
    answer = ask(client, "session")
    assert (answer["policy_version"], answer["reason"]) == ("hone-tiny", "no_edit")


def test_a_rollback_counts_also_while_no_engine_answers(pair: Pair, tmp_path: Path) -> None:
    client, _, lives = pair
    promoted(client, tmp_path / "data")
    for life in lives:
        life.close()
    wait_for(lambda: not any(one["loaded"] for one in replicas(client)))
    assert client.post("/v1/rollback").is_success
    assert client.get("/v1/status").json()["live"] == "hone-000001"

"""Who is answered by which version: teams, languages, a canary's share of sessions, everybody."""

from pathlib import Path
from types import MappingProxyType

import httpx
import pytest

from server.book import Book, Policy, PolicyConflict, Status, UnknownPolicy
from server.routing import Asker, Route, Table, check, choose, drawn, servable
from tests.server.adapters import publish_adapter
from tests.server.samples import suggestion
from tests.server.serving import StandIn, gateway, settings_for

TABLE = Table(
    routes=(
        Route(policy="any"),
        Route(language="go", policy="go"),
        Route(team="ops", policy="ops"),
        Route(team="ops", language="go", policy="ops-go"),
    )
)


def book(**status: Status) -> Book:
    known = {n: Policy(n, s, None, untrained=False, passed=True) for n, s in status.items()}
    return Book(MappingProxyType(known))


@pytest.mark.parametrize(
    ("team", "language", "policy"),
    [
        ("web", "python", "any"),
        ("web", "go", "go"),
        ("ops", "python", "ops"),
        ("ops", "go", "ops-go"),
    ],
)
def test_the_closest_route_wins(team: str, language: str, policy: str) -> None:
    assert TABLE.policy(team, language) == policy
    assert Table(routes=TABLE.routes[::-1]).policy(team, language) == policy


def test_a_version_that_is_away_leaves_its_requests_to_the_live_one() -> None:
    known = book(live=Status.LIVE, ops=Status.RETIRED)
    asker = Asker("ops", "go", "session")
    table = Table(routes=(Route(team="ops", policy="ops"),))
    assert choose(table, known, 0.0, asker, {"live", "ops"}) == "ops"
    assert choose(table, known, 0.0, asker, {"live"}) == "live"


def test_a_canary_answers_its_share_of_sessions_and_always_the_same() -> None:
    known = book(live=Status.LIVE, new=Status.CANARY)
    sessions = [Asker("t", "python", f"s{number}") for number in range(2000)]
    held = {"live", "new"}
    chosen = [choose(Table(), known, 0.2, one, held) for one in sessions]
    assert 0.17 < chosen.count("new") / len(chosen) < 0.23
    assert chosen == [choose(Table(), known, 0.2, one, held) for one in sessions]
    wider = [choose(Table(), known, 0.5, one, held) for one in sessions]
    assert all(w == "new" for c, w in zip(chosen, wider, strict=True) if c == "new")
    assert {choose(Table(), known, 0.0, one, held) for one in sessions} == {"live"}
    assert 0 <= drawn("new", "s") < 1


def test_a_table_may_name_only_what_passed_a_gate() -> None:
    with pytest.raises(UnknownPolicy):
        check(TABLE, book())
    with pytest.raises(PolicyConflict, match="only what passed"):
        check(Table(routes=(Route(policy="a"),)), book(a=Status.CANDIDATE))
    twice = Table(routes=(Route(policy="a", team="t"), Route(policy="b", team="t")))
    with pytest.raises(PolicyConflict, match="two routes"):
        check(twice, book(a=Status.LIVE, b=Status.RETIRED))


def test_a_language_has_a_version_of_its_own_also_after_a_restart(
    engine: StandIn, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path / "data", engine.url)

    def ask(client: httpx.Client, language: str) -> str:
        answer = client.post("/v1/suggest", json=suggestion(language=language))
        return str(answer.json()["policy_version"])

    with gateway(settings) as client:
        for name in ("hone-000001", "hone-000002", "hone-000003"):
            publish_adapter(tmp_path / "data/adapters", name)
            assert client.post("/v1/policies", json={"name": name}).is_success
            assert client.post(f"/v1/policies/{name}/promote").is_success
        table = {"routes": [{"language": "go", "policy": "hone-000001"}]}
        answer = client.put("/v1/routing", json=table)
        assert answer.is_success, answer.text
        assert ask(client, "go") == "hone-000001"
        assert ask(client, "python") == "hone-000003"
        bad = {"routes": [{"policy": "hone-000009"}]}
        assert client.put("/v1/routing", json=bad).status_code == httpx.codes.NOT_FOUND
    with gateway(settings) as client:
        assert client.get("/v1/routing").json()["routes"][0]["language"] == "go"
        assert ask(client, "go") == "hone-000001"


def test_a_version_that_was_refused_since_answers_nobody_any_more() -> None:
    table = Table(routes=(Route(team="ops", policy="ops"),))
    asker = Asker("ops", "go", "session")
    for known in (book(live=Status.LIVE, ops=Status.REFUSED), book(live=Status.LIVE)):
        assert choose(table, known, 0.0, asker, {"live", "ops"}) == "live"
        assert servable(table, known) == frozenset()

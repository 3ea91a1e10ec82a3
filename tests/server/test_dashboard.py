"""What the page draws: shares with intervals, survival, holdout apart, no figures of few."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback_store.events import Scope
from server.auth import KeyRing
from server.survival import Look, followed
from server.survival import told as told_looks
from tests.server.adapters import publish_adapter
from tests.server.samples import ANSWER, event, feedback, suggestion
from tests.server.serving import StandIn, gateway, settings_for, wait_for


class People:
    """Colleagues with keys of their own, who ask and say what they did."""

    def __init__(self, client: httpx.Client, engine: StandIn, keys: KeyRing) -> None:
        self._client = client
        self._engine = engine
        self._keys = keys

    def work(self, team: str, count: int, taken: int, language: str = "python") -> None:
        """`count` people of a team ask once each; `taken` of them take it."""
        for number in range(count):
            key = self._keys.create(f"{team}-{number}", team, [Scope.SUGGEST, Scope.FEEDBACK])
            headers = {"Authorization": f"Bearer {key}"}
            self._engine.answer(text=ANSWER)
            body = suggestion(session=f"{team}-{number}", language=language)
            answer = self._client.post("/v1/suggest", json=body, headers=headers).json()
            name = answer["suggestion_id"]
            outcome = "accepted" if number < taken else "diverged"
            events = [event(name, 1, outcome=outcome), event(name, 2, "settled")]
            if number < taken:
                events.append(event(name, 3, "survival", horizon_s=30.0, retained=0.5))
            sent = feedback(*events, producer=f"spool-{team}-{number}")
            assert self._client.post("/v1/feedback", json=sent, headers=headers).is_success

    def stay_silent(self, team: str, count: int) -> None:
        """`count` people of a team ask once each, and there is no edit."""
        for number in range(count):
            key = self._keys.create(f"{team}-{number}", team, [Scope.SUGGEST])
            headers = {"Authorization": f"Bearer {key}"}
            assert self._client.post("/v1/suggest", json=suggestion(), headers=headers).is_success


@contextmanager
def guarded(folder: Path, engine: StandIn) -> Iterator[tuple[httpx.Client, People]]:
    """A gateway with keys; its client has an administrator's."""
    folder.mkdir()
    keys = KeyRing(folder)
    admin = keys.create("root", "ops", [Scope.ADMIN])
    often = {"requests_per_s": 1000.0, "burst": 1000}
    with gateway(settings_for(folder, engine.url, limits=often)) as client:
        people = People(client, engine, keys)
        client.headers["Authorization"] = f"Bearer {admin}"
        yield client, people


def board(client: httpx.Client, **params: Any) -> dict[str, Any]:
    answer = client.get("/v1/dashboard", params=params)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def test_shares_come_with_intervals_by_version_language_and_team(
    engine: StandIn, tmp_path: Path
) -> None:
    with guarded(tmp_path / "data", engine) as (client, people):
        people.work("web", 12, 6)
        people.work("core", 5, 5, language="go")
        found = board(client)
    teams = {row["name"]: row for row in found["taken"]["team"]["totals"]}
    assert (teams["web"]["share"], teams["core"]["share"]) == (0.5, 1.0)
    assert 0.1 < teams["web"]["low"] < 0.5 < teams["web"]["high"] < 0.9
    languages = {row["name"]: row["shown"] for row in found["taken"]["language"]["totals"]}
    assert languages == {"python": 12, "go": 5}
    [version] = found["taken"]["version"]["totals"]
    assert (version["name"], version["taken"], version["shown"]) == ("hone-tiny", 11, 17)
    assert [row["name"] for row in found["taken"]["version"]["series"]] == ["hone-tiny"]
    [lived] = found["survival"]["version"]["totals"]
    assert (lived["horizon_s"], lived["observed"], lived["retained"]) == (30.0, 11, 0.5)
    assert {row["name"]: row["observed"] for row in found["survival"]["language"]["totals"]} == {
        "go": 5,
        "python": 6,
    }
    day, _ = found["survival"]["team"]["series"]
    assert (day["name"], day["observed"], day["low"], day["high"]) == ("core", 5, 0.5, 0.5)
    assert found["survival"]["team"]["followed_s"] == 30.0
    assert found["latency"][0]["answers"] == 17


def test_a_group_of_fewer_than_five_people_is_left_out(engine: StandIn, tmp_path: Path) -> None:
    with guarded(tmp_path / "data", engine) as (client, people):
        people.work("web", 6, 3)
        people.work("data", 5, 2)
        people.work("core", 4, 4)
        found = board(client)
        page = json.dumps(found)
    assert [row["name"] for row in found["taken"]["team"]["totals"]] == ["web"]
    assert found["taken"]["team"]["left_out"] == 2
    assert [row["shown"] for row in found["taken"]["language"]["totals"]] == [15]
    assert found["fewest_people"] == 5
    assert "core" not in page
    assert "people" not in page.replace("fewest_people", "")
    assert found["survival"]["version"]["totals"][0]["observed"] == 9
    assert found["survival"]["team"]["totals"] == []


def told(client: httpx.Client) -> dict[str, Any]:
    found = client.get("/v1/status").json()
    return {name: found[name] for name in ("answers", "outcomes", "silences")}


def stored(client: httpx.Client, count: int) -> None:
    """Wait until the status knows of so many suggestions: their rows are written behind."""
    wait_for(lambda: client.get("/v1/status").json()["store"]["suggestions"] == count)


def test_the_status_leaves_the_same_groups_out(engine: StandIn, tmp_path: Path) -> None:
    with guarded(tmp_path / "few", engine) as (client, people):
        people.work("core", 2, 2)
        people.stay_silent("quiet", 2)
        stored(client, 4)
        assert told(client) == {"answers": [], "outcomes": [], "silences": []}
        assert board(client)["taken"]["version"]["totals"] == []
    with guarded(tmp_path / "many", engine) as (client, people):
        people.work("core", 6, 4)
        people.stay_silent("quiet", 5)
        stored(client, 11)
        found = told(client)
    assert [(row["policy"], row["count"]) for row in found["answers"]] == [("hone-tiny", 11)]
    outcomes = {row["outcome"]: row["count"] for row in found["outcomes"]}
    assert outcomes == {"accepted": 4, "diverged": 2}
    assert [(row["reason"], row["count"]) for row in found["silences"]] == [("no_edit", 5)]


def test_without_keys_the_one_user_sees_their_own(client: httpx.Client, engine: StandIn) -> None:
    engine.answer(text=ANSWER)
    name = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
    client.post("/v1/feedback", json=feedback(event(name, 1)))
    assert board(client)["taken"]["version"]["totals"][0]["share"] == 1.0
    stored(client, 1)
    assert [row["outcome"] for row in told(client)["outcomes"]] == ["accepted"]
    assert client.get("/v1/me").json()["signed_in"] is False
    assert client.get("/v1/dashboard", params={"days": 0}).status_code == 422


def test_what_was_held_out_stands_apart(engine: StandIn, tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "data", engine.url, suggest={"holdout_share": 1.0})
    with gateway(settings) as client:
        engine.answer(text=ANSWER)
        name = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
        events = [event(name, 1, outcome="withheld", shown="no", reason="holdout")]
        client.post("/v1/feedback", json=feedback(*events, event(name, 2, "settled")))
        found = board(client)
    assert found["taken"]["version"]["totals"] == []
    [apart] = found["holdout"]
    assert (apart["held_out"], apart["with_edit"], apart["changed"]) == (1, 1, 1)


def looks(name: str, seqs: Iterable[int], retained: float) -> list[dict[str, Any]]:
    about = {"horizon_s": 30.0, "retained": retained}
    return [event(name, seq, "survival", **about) for seq in seqs]


def test_what_was_held_out_has_no_survival(engine: StandIn, tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "data", engine.url, suggest={"holdout_share": 1.0})
    with gateway(settings) as client:
        engine.answer(text=ANSWER)
        name = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
        apart = event(name, 1, outcome="withheld", shown="no", reason="holdout")
        client.post("/v1/feedback", json=feedback(apart, *looks(name, range(2, 50), 0.1)))
        assert board(client)["survival"]["version"]["totals"] == []


def test_a_look_that_is_told_again_counts_once(client: httpx.Client, engine: StandIn) -> None:
    engine.answer(text=ANSWER)
    name = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
    again = looks(name, range(3, 50), 0.1)
    client.post("/v1/feedback", json=feedback(event(name, 1), *looks(name, [2], 0.9), *again))
    for by in ("version", "language", "team"):
        [lived] = board(client)["survival"][by]["totals"]
        assert (lived["observed"], lived["retained"]) == (1, 0.9)
        [day] = board(client)["survival"][by]["series"]
        assert (day["observed"], day["retained"]) == (1, 0.9)


def look(horizon_s: float, shown: int, team: str = "web") -> Look:
    people = frozenset(f"{team}-{number}" for number in range(shown))
    return Look(team, "2026-01-01", horizon_s, people, shown, 0.5 * shown, 0.25 * shown, 0, 0)


def test_at_no_age_a_few_people_can_be_told_from_the_whole() -> None:
    many, few = look(30.0, 9), look(30.0, 2, "core")
    assert told_looks([many, few], 5) == []
    assert told_looks([many, look(30.0, 6, "core"), look(120.0, 9)], 5) != []
    assert told_looks([look(120.0, 9), many, few], 5) == [look(120.0, 9)]


def test_the_age_that_most_is_known_of_is_followed() -> None:
    assert followed([look(0.0, 99), look(30.0, 5), look(120.0, 4), look(120.0, 4)]) == 120.0
    assert followed([look(0.0, 99)]) is None


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a training run that was killed while it wrote."""
    folder = tmp_path / "data/runs/20260101-000000"
    folder.mkdir(parents=True)
    facts = {"settings": {"train": {"method": "gapo"}}, "policy": "hone-000002", "counts": {}}
    (folder / "run.json").write_text(json.dumps(facts))
    lines = [{"step": n, "reward": 0.1 * n, "kl": float("nan"), "secret": 1} for n in range(3)]
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"step": 3, "rew'
    (folder / "metrics.jsonl").write_text(text)
    return folder


def test_runs_show_their_curves(run: Path, client: httpx.Client) -> None:
    [found] = client.get("/v1/runs").json()
    assert (found["name"], found["method"], found["policy"]) == (run.name, "gapo", "hone-000002")
    assert found["result"] is None
    assert found["curves"][2] == {"step": 2, "reward": 0.2}
    assert len(found["curves"]) == 3


def test_a_paused_gateway_lets_what_passed_wait(client: httpx.Client, tmp_path: Path) -> None:
    publish_adapter(tmp_path / "data/adapters", "hone-000001", b=0.01)
    assert client.put("/v1/promotions", json={"paused": True}).json() == {"paused": True}
    assert client.post("/v1/policies", json={"name": "hone-000001"}).is_success
    decision = {"policy": "hone-000001", "passed": True, "why": "better", "inputs": {}}
    decided = client.post("/v1/policies/hone-000001/decision", json=decision).json()
    assert decided["status"] == "candidate"
    status = client.get("/v1/status").json()
    assert (status["live"], status["paused"]) == (None, True)
    assert client.get("/v1/policies/hone-000001/manifest").json()["kind"] == "policy"
    assert client.post("/v1/policies/hone-000001/promote").json()["status"] == "live"
    client.put("/v1/promotions", json={"paused": False})
    assert client.get("/v1/status").json()["paused"] is False
    assert client.get("/v1/policies/hone-000009/manifest").status_code == httpx.codes.NOT_FOUND

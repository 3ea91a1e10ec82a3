"""Feedback over HTTP: acknowledged is stored, twice is once, and nobody speaks for another."""

from pathlib import Path

import httpx

from feedback_store.config import StoreSettings
from feedback_store.events import Scope
from feedback_store.store import Store
from server.auth import KeyRing
from tests.server.samples import ANSWER, BETTER, event, feedback, suggestion
from tests.server.serving import StandIn, gateway, settings_for


def shown(client: httpx.Client, engine: StandIn) -> str:
    engine.answer(text=ANSWER)
    answer = client.post("/v1/suggest", json=suggestion()).json()
    assert answer["new_region"] == BETTER
    return str(answer["suggestion_id"])


def test_feedback_is_acknowledged_and_counted_once(client: httpx.Client, engine: StandIn) -> None:
    known = shown(client, engine)
    batch = feedback(event(known, 1), event(known, 2, "settled"), event(known, 5, "survival"))
    first = client.post("/v1/feedback", json=batch).json()
    assert first == {"high_water": 5, "stored": 3, "duplicates": 0, "quarantined": 0}
    again = client.post("/v1/feedback", json=batch).json()
    assert again == {"high_water": 5, "stored": 0, "duplicates": 3, "quarantined": 0}
    assert client.get("/v1/status").json()["store"]["outcomes"] == 1


def test_feedback_survives_a_restart(engine: StandIn, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, engine.url)
    with gateway(settings) as client:
        batch = feedback(event(shown(client, engine), 1))
        assert client.post("/v1/feedback", json=batch).json()["stored"] == 1
    with gateway(settings) as client:
        assert client.get("/v1/status").json()["store"]["outcomes"] == 1
        assert client.post("/v1/feedback", json=batch).json()["duplicates"] == 1


def test_feedback_on_an_unknown_suggestion_is_quarantined(client: httpx.Client) -> None:
    ack = client.post("/v1/feedback", json=feedback(event("never-issued", 1))).json()
    assert (ack["stored"], ack["quarantined"]) == (1, 1)
    store = client.get("/v1/status").json()["store"]
    assert (store["quarantined"], store["outcomes"]) == (1, 0)


def test_another_users_feedback_is_quarantined_and_cannot_block_mine(
    engine: StandIn, tmp_path: Path
) -> None:
    keys = KeyRing(tmp_path)
    tmp_path.mkdir(exist_ok=True)
    mine, theirs = (
        {"Authorization": f"Bearer {keys.create(user, 'team', [Scope.SUGGEST, Scope.FEEDBACK])}"}
        for user in ("ada", "eve")
    )
    with gateway(settings_for(tmp_path, engine.url)) as client:
        client.headers.update(mine)
        known = shown(client, engine)
        # The same producer name, with a number so high that mine would count as duplicates.
        forged = feedback(event(known, 900, outcome="rejected"))
        ack = client.post("/v1/feedback", json=forged, headers=theirs).json()
        assert ack["quarantined"] == 1
        ack = client.post("/v1/feedback", json=feedback(event(known, 1))).json()
        assert (ack["stored"], ack["quarantined"], ack["high_water"]) == (1, 0, 1)
    with Store.open(tmp_path, StoreSettings(threads=1)) as store:
        assert store.query("SELECT outcome FROM outcomes") == [{"outcome": "accepted"}]


def test_numbers_that_go_back_within_a_batch_are_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/feedback", json=feedback(event("x", 2), event("x", 1)))
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "must rise" in answer.json()["detail"]


def test_an_event_of_a_later_version_says_which_side_to_update(client: httpx.Client) -> None:
    answer = client.post("/v1/feedback", json=feedback(event("x", 1, schema_version=2)))
    assert answer.status_code == httpx.codes.UPGRADE_REQUIRED
    assert "update the gateway" in answer.json()["detail"]


def test_an_empty_batch_is_no_news(client: httpx.Client) -> None:
    ack = client.post("/v1/feedback", json=feedback()).json()
    assert ack == {"high_water": 0, "stored": 0, "duplicates": 0, "quarantined": 0}

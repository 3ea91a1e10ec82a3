"""While the disk refuses, the gateway promises nothing, and goes on by itself once it does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from feedback_store.store import Store
from server.app import create_app
from tests.feedback_store.watched import FailingDisk
from tests.server.samples import ANSWER, event, feedback, suggestion
from tests.server.serving import STARTUP_S, StandIn, serve, settings_for, wait_for


@contextmanager
def on_disk(
    disk: FailingDisk, folder: Path, engine: StandIn, retry_s: float
) -> Iterator[tuple[httpx.Client, Store]]:
    """Run a gateway whose store is on this disk; yield a client of it once it is ready."""
    settings = settings_for(folder / "data", engine.url, store={"retry_s": retry_s})
    with (
        Store.open(settings.data.folder, settings.store, open_file=disk) as store,
        serve(create_app(settings, store)) as url,
        httpx.Client(base_url=url, timeout=STARTUP_S) as client,
    ):
        wait_for(lambda: client.get("/readyz").status_code == httpx.codes.OK)
        yield client, store


@pytest.mark.parametrize("failure", ["write", "sync", "open"])
def test_a_disk_that_refuses_is_503_and_nothing_is_lost(
    engine: StandIn, tmp_path: Path, failure: str
) -> None:
    disk = FailingDisk()
    with on_disk(disk, tmp_path, engine, retry_s=0.05) as (client, store):
        engine.answer(text=ANSWER)
        name = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
        wait_for(lambda: store.ingest_seq > 0)
        sent = feedback(event(name, 1), event(name, 2, "settled"))

        disk.fails = failure
        refused = client.post("/v1/feedback", json=sent)
        assert (refused.status_code, refused.json()["status"]) == (503, 503)
        assert int(refused.headers["Retry-After"]) > 0
        assert "accepts nothing" in refused.json()["detail"]

        disk.fails = None
        wait_for(lambda: client.post("/v1/feedback", json=sent).status_code == httpx.codes.OK)
        wait_for(lambda: client.get("/readyz").status_code == httpx.codes.OK)
        assert store.query("SELECT count(*) AS n FROM outcomes") == [{"n": 1}]
        assert store.query("SELECT count(*) AS n FROM settlements") == [{"n": 1}]


def test_no_edit_is_shown_that_cannot_be_recorded(engine: StandIn, tmp_path: Path) -> None:
    disk = FailingDisk()
    with on_disk(disk, tmp_path, engine, retry_s=60.0) as (client, _):
        disk.fails = "write"
        assert client.post("/v1/feedback", json=feedback(event("x", 1))).status_code == 503
        assert client.get("/readyz").status_code == 503
        assert "No space" in client.get("/v1/status").json()["store"]["trouble"]
        engine.answer(text=ANSWER)
        answer = client.post("/v1/suggest", json=suggestion())
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert "store takes nothing" in answer.json()["detail"]
        disk.fails = None

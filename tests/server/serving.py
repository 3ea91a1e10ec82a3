"""Real HTTP servers for tests: any ASGI app in a thread, and a gateway with a stand-in engine."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from feedback_store.store import Store
from server import heads
from server.app import create_app
from server.config import ServerSettings
from server.engine.client import PROBE
from tests.server import standin

STARTUP_S = 30.0
POLL_S = 0.02
ENGINE_KEY = "stand-in-key"


@contextmanager
def serve(app: ASGIApp, **how: Any) -> Iterator[str]:
    """Serve an app on a free loopback port for as long as the block runs; yield its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", **how)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(STARTUP_S)


def wait_for(condition: Any, seconds: float = STARTUP_S) -> None:
    """Return once `condition()` is true; fail after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(POLL_S)


class StandIn:
    """A stand-in engine's address, and its queue and history."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url)

    def answer(self, **plan: Any) -> None:
        """Queue the next answer: text, delay_s, finish_reason, status, or raw, its text."""
        self._http.post("/standin/queue", json=plan).raise_for_status()

    def make_dumb(self) -> None:
        """Let adapters load from now on, and answer nothing."""
        self._http.post("/standin/dumb", json={"dumb": True}).raise_for_status()

    def rule(self, old: str, new: str) -> None:
        """Answer from now on that the line `old` should be `new`, wherever a region holds it."""
        self._http.post("/standin/rules", json={old: new}).raise_for_status()

    def completions(self) -> list[dict[str, Any]]:
        """Return the completion requests so far, probes aside, each with whether it was aborted."""
        asked = [entry for entry in self.history() if "completion" in entry]
        return [entry for entry in asked if entry["completion"]["prompt"] != PROBE]

    def history(self) -> list[dict[str, Any]]:
        """Return everything that was asked so far."""
        entries: list[dict[str, Any]] = self._http.get("/standin/history").json()
        return entries

    def models(self) -> set[str]:
        """Return what is loaded."""
        headers = {"Authorization": f"Bearer {ENGINE_KEY}"}
        answer = self._http.get("/v1/models", headers=headers).json()
        return {model["id"] for model in answer["data"]}

    def unload(self, name: str) -> None:
        """Forget an adapter, as by a hand that is not the gateway's."""
        headers = {"Authorization": f"Bearer {ENGINE_KEY}"}
        body = {"lora_name": name}
        self._http.post("/v1/unload_lora_adapter", json=body, headers=headers).raise_for_status()

    def close(self) -> None:
        """Close the connection to it."""
        self._http.close()


@contextmanager
def stand_in(base: str = "hone-tiny") -> Iterator[StandIn]:
    """Run a stand-in engine."""
    with serve(standin.create_app(base, ENGINE_KEY)) as url:
        engine = StandIn(url)
        try:
            yield engine
        finally:
            engine.close()


def settings_for(folder: Path, url: str, **sections: dict[str, Any]) -> ServerSettings:
    """Return settings of a gateway in `folder` with an engine at `url`."""
    tree: dict[str, dict[str, Any]] = {
        "data": {"folder": folder},
        "engine": {"managed": False, "url": url, "key": ENGINE_KEY},
        "suggest": {"holdout_share": 0.0},
    }
    for name, values in sections.items():
        tree[name] = tree.get(name, {}) | values
    return ServerSettings.model_validate(tree)


@contextmanager
def gateway(settings: ServerSettings, *, ready: bool = True) -> Iterator[httpx.Client]:
    """Run a gateway and yield a client of it, once it is ready if asked."""
    with (
        Store.open(settings.data.folder, settings.store) as store,
        serve(
            create_app(settings, store), http=heads.bounded(settings.listen.head_timeout_s)
        ) as url,
        httpx.Client(base_url=url, timeout=STARTUP_S) as client,
    ):
        if ready:
            wait_for(lambda: client.get("/readyz").status_code == httpx.codes.OK)
        yield client

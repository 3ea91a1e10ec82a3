"""The programs of a test as the processes they are: gateway, trainer, language server.

Knows how to start, kill and ask them. Their configuration is the test's alone: nothing of the
machine's leaks in. Does not know what any test is about.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from feedback_store.config import StoreSettings
from feedback_store.store import Store
from server.engine.process import free_port
from server.engine.record import EngineRecord
from tests.lsp.editor import Editor

ROOT = Path(__file__).parents[2]
READY_S = 400.0
"""A managed vLLM needs half a minute on idle cores, and several on busy ones."""
STOP_S = 60.0
TRAINER_S = 900.0
POLL_S = 0.05
SERVER = {
    # A test that waits for an edit would fail one time in thirty.
    "HONE_SERVER_SUGGEST__HOLDOUT_SHARE": "0",
    # A busy machine is slow, which is no failure of what is tested.
    "HONE_SERVER_SUGGEST__MAX_DEADLINE_MS": "60000",
}
SHORT_CLOCKS = {
    # Long enough for a busy machine's editor to react before the suggestion expires.
    "HONE_LSP_SETTLING__QUIET_S": "1",
    "HONE_LSP_SETTLING__LONGEST_WAIT_S": "5",
    "HONE_LSP_SETTLING__HORIZONS_S": "0,0.1,0.2",
    "HONE_LSP_SUGGEST__DEADLINE_MS": "30000",
    # One question for each answer that is looked at.
    "HONE_LSP_SUGGEST__AHEAD": "false",
    "HONE_LSP_SUGGEST__REACH": "cursor",
}

T = TypeVar("T")


def poll(condition: Callable[[], T | None], what: str, seconds: float = 30.0) -> T:
    """Return the first value of `condition()` that is true; fail after `seconds`."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"waited {seconds:.0f} s for {what}"
        time.sleep(POLL_S)
    return value


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment of one imaginary user who has configured nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    empty = folder / "empty.toml"
    empty.touch()
    mine = {key: value for key, value in os.environ.items() if not key.startswith("HONE_")}
    path = os.pathsep.join(filter(None, [str(ROOT), mine.get("PYTHONPATH", "")]))
    return {
        **mine,
        "PYTHONPATH": path,
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "HONE_SERVER_CONFIG": str(empty),
        "HONE_TRAINER_CONFIG": str(empty),
        "HONE_LSP_CONFIG": str(empty),
        **more,
    }


class Gateway:
    """`hone-server` as a process; it can be killed and started again on the same data and port."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = environment(folder, **SERVER, **env)
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=STOP_S)

    def start(self) -> None:
        """Start it; returns at once."""
        command = [sys.executable, "-m", "server.cli", "run"]
        command += ["--data.folder", str(self.data), "--listen.port", str(self.port)]
        with (self.folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_ready(self) -> None:
        """Return once suggestions are answered."""
        poll(self._is_ready, f"a ready gateway: {self.folder / 'gateway.log'}", READY_S)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def get(self, path: str) -> Any:
        """Return the JSON at `path`."""
        answer = self.http.get(path)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        """Post JSON; return the answer's."""
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def stored(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Ask the store, which only a gateway that has ended lets go of."""
        assert self._process is None, "the gateway owns the data folder while it runs"
        store = Store.open(self.data, StoreSettings(threads=1))
        try:
            return store.query(sql, params)
        finally:
            store.close()

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "gateway.log").read_text()
        try:
            return self.http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False  # not listening yet

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process = None


@contextmanager
def gateway(folder: Path, env: Mapping[str, str], *, ready: bool = True) -> Iterator[Gateway]:
    """Run a gateway; it and what it started are gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Gateway(folder, env)
    running.start()
    try:
        if ready:
            running.wait_ready()
        yield running
    finally:
        running.http.close()
        running.stop()


@contextmanager
def on_shared_engine(
    folder: Path, engine: EngineRecord, env: Mapping[str, str]
) -> Iterator[Gateway]:
    """Run a gateway on the run's vLLM; afterwards that holds none of its adapters."""
    try:
        with gateway(folder, env) as running:
            yield running
    finally:
        _unload(engine, folder)


@contextmanager
def editor(gateway: Gateway, folder: Path, **more: str) -> Iterator[Editor]:
    """Run a language server for a workspace below `folder`, and the editor that speaks to it."""
    workspace = folder / "workspace"
    workspace.mkdir(parents=True, exist_ok=True)
    env = environment(folder, **SHORT_CLOCKS | {"HONE_LSP_GATEWAY__URL": gateway.url} | more)
    running = Editor(workspace, env)
    try:
        running.initialize()
        running.wait(lambda: running.status()["gateway"]["connected"], "the gateway's greeting")
        yield running
    finally:
        if running.process.poll() is None:
            running.shutdown()
        else:
            running.close()


def trainer(gateway: Gateway, command: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run `hone-trainer` on a gateway's data; return its exit code and what it said."""
    there = ("--gateway.url", gateway.url, "--data.folder", str(gateway.data))
    return trainer_alone(gateway.folder, command, *there, "--model.threads", "2", *flags)


def trainer_alone(folder: Path, command: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `hone-trainer` that needs no gateway, as the user of `folder`."""
    whole = [sys.executable, "-m", "trainer.cli", command, *flags]
    env = environment(folder)
    return subprocess.run(
        whole, cwd=ROOT, env=env, capture_output=True, text=True, timeout=TRAINER_S, check=False
    )


def _unload(engine: EngineRecord, folder: Path) -> None:
    headers = {"Authorization": f"Bearer {engine.key}"}
    with httpx.Client(base_url=engine.url, headers=headers, trust_env=False) as http:
        for model in http.get("/v1/models").json()["data"]:
            if str(model["root"]).startswith(str(folder)):
                http.post("/v1/unload_lora_adapter", json={"lora_name": model["id"]})

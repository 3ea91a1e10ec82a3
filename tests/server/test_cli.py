"""`hone-server` as a program: what it refuses, and that it ends without losing anything."""

import json
import os
import signal
import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import httpx
import pytest

from server.cli import main
from tests.server import standin
from tests.server.adapters import publish_adapter
from tests.server.samples import ANSWER, BETTER, event, feedback, suggestion
from tests.server.serving import ENGINE_KEY, STARTUP_S, StandIn, wait_for

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def program(folder: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """Run `hone-server` as a process of its own; yield it and a client once it is ready."""
    port = free_port()
    with (
        running(folder, "--listen.port", str(port), *flags) as child,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=STARTUP_S) as client,
    ):
        wait_for(lambda: is_ready(client) or child.poll() is not None)
        yield child, client


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `hone-server` for as long as the block runs; whether it is ready is the caller's."""
    command = [sys.executable, "-m", "server.cli", "run", "--data.folder", str(folder)]
    child = subprocess.Popen([*command, *flags], cwd=ROOT)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(STARTUP_S)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def remote(engine: StandIn) -> list[str]:
    return [
        "--engine.managed",
        "false",
        "--engine.url",
        engine.url,
        "--engine.key",
        ENGINE_KEY,
        "--suggest.holdout_share",
        "0",
    ]


def test_ending_lets_an_answer_finish_and_loses_no_row(engine: StandIn, tmp_path: Path) -> None:
    with program(tmp_path, *remote(engine)) as (child, client), ThreadPoolExecutor() as pool:
        engine.answer(text=ANSWER, delay_s=1.0)
        asking = pool.submit(client.post, "/v1/suggest", json=suggestion(deadline_ms=9000.0))
        wait_for(lambda: engine.completions() != [])
        child.send_signal(signal.SIGTERM)
        assert asking.result().json()["new_region"] == BETTER
        assert child.wait(STARTUP_S) == 0
    with duckdb.connect(str(tmp_path / "store.duckdb"), read_only=True) as database:
        assert database.execute("SELECT count(*) FROM suggestions").fetchone() == (1,)


def test_killing_it_loses_no_acknowledged_event(engine: StandIn, tmp_path: Path) -> None:
    with program(tmp_path, *remote(engine)) as (child, client):
        engine.answer(text=ANSWER)
        known = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
        ack = client.post("/v1/feedback", json=feedback(event(known, 1))).json()
        child.kill()
        child.wait()
    assert ack["stored"] == 1
    with program(tmp_path, *remote(engine)) as (_, client):
        store = client.get("/v1/status").json()["store"]
        assert (store["suggestions"], store["outcomes"], store["quarantined"]) == (1, 1, 0)


def test_the_program_waits_for_no_head_for_good(engine: StandIn, tmp_path: Path) -> None:
    soon = ["--listen.head_timeout_s", "0.5"]
    with program(tmp_path, *remote(engine), *soon) as (_, client):
        address = ("127.0.0.1", client.base_url.port or 0)
        with socket.create_connection(address, timeout=STARTUP_S) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert client.get("/livez").is_success


def test_a_second_gateway_on_the_same_folder_is_refused(engine: StandIn, tmp_path: Path) -> None:
    with program(tmp_path, *remote(engine)):
        second = subprocess.run(
            [
                sys.executable,
                "-m",
                "server.cli",
                "--data.folder",
                str(tmp_path),
                "--listen.port",
                "0",
                *remote(engine),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=STARTUP_S,
            check=False,
        )
    assert second.returncode == 1
    assert "owned by another process" in second.stderr
    assert second.stderr.count("\n") == 1


def test_a_killed_gateway_finds_its_managed_engine_again(tmp_path: Path) -> None:
    managed = ["--engine.script", standin.__file__]
    with program(tmp_path, *managed) as (child, _):
        record = (tmp_path / "engine.json").read_text()
        child.kill()
        child.wait()
    with program(tmp_path, *managed) as (_, client):
        assert (tmp_path / "engine.json").read_text() == record
        assert client.get("/v1/status").json()["engine"]["adopted"]
    assert not (tmp_path / "engine.json").exists()


def test_a_killed_engine_comes_back_with_its_adapter(tmp_path: Path) -> None:
    publish_adapter(tmp_path / "adapters", "hone-000001")
    with program(tmp_path, "--engine.script", standin.__file__) as (_, client):
        client.post("/v1/policies", json={"name": "hone-000001"}).raise_for_status()
        client.post("/v1/policies/hone-000001/promote").raise_for_status()
        os.kill(json.loads((tmp_path / "engine.json").read_text())["pid"], signal.SIGKILL)
        wait_for(lambda: not is_ready(client))
        answer = client.post("/v1/suggest", json=suggestion()).json()
        assert (answer["outcome"], answer["reason"]) == ("failed", "engine_down")
        wait_for(lambda: is_ready(client))
        assert client.get("/v1/status").json()["engine"]["restarts"] == 1
        answer = client.post("/v1/suggest", json=suggestion()).json()
        assert (answer["policy_version"], answer["reason"]) == ("hone-000001", "no_edit")


def test_an_engine_that_hangs_is_not_ready_and_is_replaced(tmp_path: Path) -> None:
    flags = ["--engine.script", standin.__file__, "--engine.health_failures", "1"]
    with program(tmp_path, *flags) as (_, client):
        os.kill(json.loads((tmp_path / "engine.json").read_text())["pid"], signal.SIGSTOP)
        wait_for(lambda: not is_ready(client))
        wait_for(lambda: is_ready(client))
        assert client.get("/v1/status").json()["engine"]["restarts"] == 1


def test_an_open_address_without_keys_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["run", "--data.folder", str(tmp_path), "--listen.host", "0.0.0.0"])
    assert code == 2
    assert "hone-server keys create" in capsys.readouterr().err


def bare_python(folder: Path) -> Path:
    """Return an interpreter without any package of this environment."""
    venv.create(folder / "bare", symlinks=True)
    return folder / "bare/bin/python"


@pytest.mark.parametrize(
    ("python", "says"), [(bare_python, "make setup"), (lambda folder: folder / "none", "not run")]
)
def test_a_managed_engine_that_is_not_installed_is_said_and_not_started(
    python: Callable[[Path], Path],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = python(tmp_path)
    flags = ["--data.folder", str(tmp_path / "data"), "--engine.python", str(where)]
    assert main(["run", *flags]) == 2
    told = capsys.readouterr().err
    assert str(where) in told
    assert says in told
    assert told.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_keys_are_created_listed_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data.folder", str(tmp_path)]
    flags = ["--user", "ada", "--team", "compilers", "--scope", "suggest", "--scope", "train"]
    assert main(["keys", "create", *flags, *data]) == 0
    key = capsys.readouterr().out.strip()
    identity = key.split("_")[1]
    assert main(["keys", "list", *data]) == 0
    listed = capsys.readouterr().out
    assert identity in listed
    assert "suggest train" in listed
    assert key.split("_", 2)[2] not in listed
    assert main(["keys", "revoke", identity, *data]) == 0
    assert main(["keys", "revoke", identity, *data]) == 1
    assert main(["keys", "list", *data]) == 0
    assert "revoked" in capsys.readouterr().out


def test_status_and_rollback_reach_the_running_gateway(
    engine: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with program(tmp_path, *remote(engine)) as (_, client):
        flags = ["--listen.port", str(client.base_url.port)]
        assert main(["status", *flags]) == 0
        assert '"ready": true' in capsys.readouterr().out
        assert main(["rollback", *flags]) == 1
        assert "nothing to go back to" in capsys.readouterr().err
    assert main(["status", *flags]) == 1
    assert "no gateway answers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--listen.prot", "1"], "listen.port"),
        (["run", "--listen.port", "many"], "listen.port"),
        (["run", "--config", "/nowhere.toml"], "/nowhere.toml"),
        (["keys", "create", "--user", "ada"], "--team"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(arguments: list[str], says: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=STARTUP_S,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert run.returncode == 2
    assert says in run.stderr
    assert run.stderr.count("\n") == 1

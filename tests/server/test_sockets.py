"""The gateway on a Unix socket: whose it is, and what is left alone."""

import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from server.cli import main
from server.sockets import bind
from tests.server.serving import STARTUP_S, StandIn, wait_for
from tests.server.test_cli import ROOT, is_ready, remote


@contextmanager
def on_socket(path: Path, folder: Path, *flags: str) -> Iterator[httpx.Client]:
    """Run `hone-server` on a Unix socket; yield a client of it once it answers."""
    command = [sys.executable, "-m", "server.cli", "run", "--data.folder", str(folder)]
    flags = ("--listen.socket", str(path), *flags)
    child = subprocess.Popen([*command, *flags], cwd=ROOT, umask=0)
    try:
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url="http://hone"
        ) as client:
            # Before that, httpx would leave a socket behind.
            wait_for(lambda: _connects(path) or child.poll() is not None)
            wait_for(lambda: is_ready(client) or child.poll() is not None)
            yield client
    finally:
        child.terminate()
        child.wait(STARTUP_S)


def _connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def test_the_socket_is_its_owners_alone(engine: StandIn, tmp_path: Path) -> None:
    path = tmp_path / "hone.sock"
    # What a killed gateway leaves.
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with on_socket(path, tmp_path / "data", *remote(engine)) as client:
        assert client.get("/v1/status").json()["ready"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert main(["status", "--listen.socket", str(path)]) == 0
    assert not path.exists()


def test_a_socket_for_others_needs_keys(
    engine: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, wide = tmp_path / "hone.sock", ["--listen.socket_mode", "660"]
    data = ["--data.folder", str(tmp_path)]
    assert main(["run", *data, "--listen.socket", str(path), *wide]) == 2
    assert "hone-server keys create" in capsys.readouterr().err
    flags = ["--user", "ada", "--team", "compilers", "--scope", "suggest"]
    assert main(["keys", "create", *flags, *data]) == 0
    with on_socket(path, tmp_path, *wide, *remote(engine)) as client:
        assert client.get("/v1/status").status_code == httpx.codes.UNAUTHORIZED
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_socket_that_is_none_or_in_use_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    with pytest.raises(OSError, match=r"listen\.socket"):
        bind(file, 0o600)
    assert file.read_text() == "mine"
    with bind(tmp_path / "hone.sock", 0o600), pytest.raises(OSError, match="another process"):
        bind(tmp_path / "hone.sock", 0o600)
    with pytest.raises(OSError, match=r"nowhere/hone\.sock"):
        bind(tmp_path / "nowhere" / "hone.sock", 0o600)

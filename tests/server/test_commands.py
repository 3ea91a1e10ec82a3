"""The shell's commands against a running gateway, also one with TLS, names and keys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from feedback_store.events import Scope
from server import remote
from server.auth import KeyRing
from server.cli import main
from server.commands import KEY_VARIABLE
from server.config import ListenSettings
from tests.server.adapters import publish_adapter
from tests.server.serving import STARTUP_S, StandIn, wait_for
from tests.server.test_cli import free_port, running
from tests.server.test_cli import remote as remote_engine

Where = list[str]


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@contextmanager
def secured(folder: Path, engine: StandIn, *flags: str) -> Iterator[tuple[Where, str]]:
    """Run a gateway on every address, with TLS and names; yield where it is and a key."""
    key = KeyRing(folder).create("root", "ops", [Scope.ADMIN])
    cert, private = folder / "chain.pem", folder / "key.pem"
    issued = trustme.CA().issue_cert("hone.example")
    cert.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    private.write_bytes(issued.private_key_pem.bytes())
    where = ["--listen.host", "0.0.0.0", "--listen.port", str(free_port())]
    where += ["--listen.tls_cert", str(cert)]
    command = [*where, "--listen.tls_key", str(private), *flags]
    command += ["--listen.allowed_hosts", "hone.example"]
    listen = ListenSettings(host="0.0.0.0", port=int(where[3]), tls_cert=cert, tls_key=private)

    def ready() -> bool:
        try:
            return bool(remote.ask(listen, None, "GET", "/readyz")["ready"])
        except remote.Unanswered:
            return False

    with running(folder, *remote_engine(engine), *command) as child:
        wait_for(lambda: ready() or child.poll() is not None)
        yield where, key


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_commands_reach_a_gateway_with_tls_names_and_keys(
    engine: StandIn,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with secured(tmp_path, engine) as (where, key):
        assert main(["status", *where]) == 1
        assert "Authorization" in capsys.readouterr().err
        monkeypatch.setenv(KEY_VARIABLE, key)
        assert main(["status", *where]) == 0
        assert said(capsys)["ready"] is True
        assert main(["rollback", *where]) == 1
        assert "nothing to go back to" in capsys.readouterr().err
        port, headers = where[3], {"Host": f"elsewhere.example:{where[3]}"}
        with httpx.Client(verify=remote.trusting(tmp_path / "chain.pem")) as client:
            probe = client.get(f"https://127.0.0.1:{port}/readyz")
            assert probe.status_code == httpx.codes.OK
            named = client.get(f"https://127.0.0.1:{port}/readyz", headers=headers)
            assert named.status_code == httpx.codes.MISDIRECTED_REQUEST
        other = tmp_path / "other.pem"
        other.write_bytes(trustme.CA().issue_cert("hone.example").cert_chain_pems[0].bytes())
        assert main(["status", *where[:-1], str(other)]) == 1
        assert "certificate verify failed" in capsys.readouterr().err


def test_versions_are_promoted_left_refused_and_routed_from_a_shell(
    engine: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    where = ["--listen.port", str(port)]
    with (
        running(tmp_path, *remote_engine(engine), *where) as child,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=STARTUP_S) as client,
    ):
        wait_for(lambda: ready(client) or child.poll() is not None)
        for name in ("hone-000001", "hone-000002", "hone-000003"):
            publish_adapter(tmp_path / "adapters", name)
            assert client.post("/v1/policies", json={"name": name}).is_success
        for name in ("hone-000001", "hone-000002"):
            assert main(["promote", name, *where]) == 0
            assert said(capsys)["status"] == "live"
        assert main(["refuse", "hone-000003", "--why", "mute", *where]) == 0
        assert said(capsys)["status"] == "refused"
        assert main(["rollback", "--live", "hone-000001", *where]) == 1
        assert "hone-000002 is live by now" in capsys.readouterr().err
        assert main(["rollback", *where]) == 0
        assert {p["name"]: p["status"] for p in said(capsys)}["hone-000001"] == "live"
        for command, paused in (("pause", True), ("resume", False)):
            assert main([command, *where]) == 0
            assert said(capsys) == {"paused": paused}
        table = tmp_path / "routes.json"
        table.write_text('{"routes": [{"team": "core", "policy": "hone-000002"}]}')
        assert main(["routing", "--set", str(table), *where]) == 0
        capsys.readouterr()
        assert main(["routing", *where]) == 0
        assert said(capsys)["routes"][0]["policy"] == "hone-000002"


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8765"),
        ("0.0.0.0", "http://127.0.0.1:8765"),
        ("::", "http://[::1]:8765"),
        ("10.1.2.3", "http://10.1.2.3:8765"),
        ("hone.example", "http://hone.example:8765"),
    ],
)
def test_a_gateway_is_asked_where_it_listens(host: str, url: str) -> None:
    assert remote.address(ListenSettings(host=host)) == url
    cert = Path("chain.pem")
    secure = remote.address(ListenSettings(host=host, tls_cert=cert))
    assert secure == url.replace("http:", "https:")


def test_what_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("nothing")
    with pytest.raises(remote.Unanswered, match=r"chain\.pem holds no certificate"):
        remote.trusting(tmp_path / "chain.pem")


@pytest.mark.parametrize("command", [["keys", "create"], ["keys", "list"], ["status"], ["pause"]])
def test_help_is_about_the_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    told = capsys.readouterr().out
    assert "--suggest" not in told
    assert "--engine" not in told
    assert ("--data.folder" in told) == (command[0] == "keys")
    assert ("--listen.port" in told) == (command[0] != "keys")


def test_the_keys_are_a_table_with_dates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = KeyRing(tmp_path)
    keys.create("ada", "compilers", [Scope.SUGGEST, Scope.FEEDBACK])
    keys.create("grace", "ops", [Scope.ADMIN])
    keys.revoke(keys.records()[1].id)
    assert main(["keys", "list", "--data.folder", str(tmp_path)]) == 0
    head, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["id", "state", "created", "revoked", "user", "team", "scopes"]
    assert (first[1], first[3:]) == ("valid", ["-", "ada", "compilers", "suggest", "feedback"])
    assert (second[1], second[4:]) == ("revoked", ["grace", "ops", "admin"])
    assert first[2] == second[2] == second[3]
    assert len(first[2]) == len("2026-01-01")


@pytest.mark.parametrize("flag", ["--user", "--team"])
def test_a_key_of_nobody_is_refused(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {"--user": "ada", "--team": "ops"} | {flag: " "}
    named = [part for pair in flags.items() for part in pair]
    with pytest.raises(SystemExit):
        main(["keys", "create", *named, "--scope", "admin", "--data.folder", str(tmp_path)])
    assert "must not be empty" in capsys.readouterr().err
    assert not KeyRing(tmp_path).exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--listen.socket", "/nowhere/hone.sock"], "there is no folder /nowhere"),
        (["--listen.tls_cert", "/nowhere.pem"], "there is no file /nowhere.pem"),
    ],
)
def test_a_missing_certificate_or_socket_folder_is_named(
    flags: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = ["--engine.managed", "false", "--engine.url", "http://127.0.0.1:1"]
    assert main(["run", "--data.folder", str(tmp_path), *engine, *flags]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert flags[0][2:] in told
    assert told.count("\n") == 1

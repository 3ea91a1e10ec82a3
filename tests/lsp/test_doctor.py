"""`hone-lsp doctor` and `status`: each failure is named, with what to do about it."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback_store.events import FeedbackLevel, Reason
from lsp import cli
from lsp.checkup import Checkup, State
from lsp.config import load
from lsp.spool import open_spools
from tests.lsp.standin import StandIn
from tests.lsp.test_spool import add
from tests.lsp.test_torn_writes import acknowledge_first
from tests.server.serving import gateway as real_gateway
from tests.server.serving import settings_for, stand_in

Examine = Callable[..., tuple[int, dict[str, dict[str, Any]]]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folders, and the folder that they work in."""
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def examine(home: Path, gateway: StandIn, capsys: pytest.CaptureFixture[str]) -> Examine:
    """Run the doctor; its exit code, and its findings by name."""

    def run(*flags: str) -> tuple[int, dict[str, dict[str, Any]]]:
        code = cli.main(["--gateway.url", gateway.url, *flags, "doctor", "--json"])
        found = json.loads(capsys.readouterr().out)
        assert found["ok"] == (code == 0)
        return code, {check["name"]: check for check in found["checks"]}

    return run


def test_all_is_well(examine: Examine, home: Path) -> None:
    code, found = examine()
    assert code == 0
    assert {check["state"] for check in found.values()} == {"good"}
    assert "hone-000001" in found["model"]["said"]
    assert "directly" in found["way"]["said"]
    assert "not excluded" in found["workspace"]["said"]
    assert "full" in found["feedback"]["said"]
    assert "hone-lsp starts" in found["language server"]["said"]
    assert "the model answers" in found["suggestion"]["said"]
    assert {"configuration", "key", "gateway", "latency", "spool"} < set(found)
    assert not (home / "state").exists(), "the doctor changes nothing"


def test_text_for_people(home: Path, gateway: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--gateway.url", gateway.url, "doctor"]) == 0
    said = capsys.readouterr().out
    assert "all is well" in said
    gateway.status = 401
    assert cli.main(["--gateway.url", gateway.url, "doctor"]) == 1
    said = capsys.readouterr().out
    assert "x gateway" in said
    assert "-> store the key of this gateway: hone-lsp login" in said


def test_status_is_one_line(
    home: Path, gateway: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status", "--gateway.url", gateway.url]) == 0
    assert capsys.readouterr().out == f"{gateway.url} answers; 0 events wait to be sent\n"
    assert cli.main(["status", "--gateway.url", "http://127.0.0.1:9"]) == 1
    assert "does not answer" in capsys.readouterr().out


def test_no_gateway(examine: Examine) -> None:
    code, found = examine("--gateway.url", "http://127.0.0.1:9")
    assert code == 1
    assert found["gateway"]["state"] == "bad"
    assert "start the gateway" in found["gateway"]["advice"]
    assert found["language server"]["state"] == "good"


@pytest.mark.parametrize("running", [True, False])
def test_an_engine_that_runs_or_does_not(
    home: Path, capsys: pytest.CaptureFixture[str], running: bool
) -> None:
    """Of a real gateway: it greets whether or not there is an engine behind it."""
    with contextlib.ExitStack() as engines:
        engine = engines.enter_context(stand_in())
        with real_gateway(settings_for(home / "data", engine.url)) as client:
            if not running:
                engines.close()
            code = cli.main(["--gateway.url", str(client.base_url), "doctor", "--json"])
    found = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert found["gateway"]["state"] == "good"
    assert found["suggestion"]["state"] == ("good" if running else "bad"), found["suggestion"]
    assert ("/readyz" in found["suggestion"]["advice"]) == (not running)
    assert code == (0 if running else 1)


@pytest.mark.parametrize("why", [Reason.OVERLOADED, Reason.NO_EDIT])
def test_a_silence_of_the_model_is_an_answer(
    examine: Examine, gateway: StandIn, why: Reason
) -> None:
    gateway.answers.append(why)
    code, found = examine()
    assert (found["suggestion"]["state"] == "good") == (why == Reason.NO_EDIT) == (code == 0)
    assert [request.level for request in gateway.requests] == ["off"]


def test_a_model_that_is_too_slow(examine: Examine, gateway: StandIn) -> None:
    gateway.delay_s = 30.0
    code, found = examine("--suggest.deadline_ms", "100")
    assert code == 1
    assert "deadline" in found["suggestion"]["said"]
    assert "suggest.deadline_ms" in found["suggestion"]["advice"]


def test_another_wire_version(examine: Examine, gateway: StandIn) -> None:
    gateway.hello = gateway.hello.model_copy(update={"wire_versions": (99,)})
    code, found = examine()
    assert code == 1
    assert "99: update hone-lsp" in found["gateway"]["said"]
    assert "newer version" in found["gateway"]["advice"]


def test_something_else_that_answers(examine: Examine, gateway: StandIn) -> None:
    gateway.status = 404
    code, found = examine()
    assert code == 1
    assert "answered 404" in found["gateway"]["said"]


def test_a_command_that_gives_no_key(examine: Examine) -> None:
    code, found = examine("--gateway.key_command", "false")
    assert code == 1
    assert found["key"]["state"] == "bad"
    assert "exit code 1" in found["key"]["said"]
    assert "by hand" in found["key"]["advice"]


def test_keys_that_cannot_be_read(examine: Examine, home: Path) -> None:
    file = home / "config" / "hone" / "lsp-keys.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    code, found = examine()
    assert code == 1
    assert found["key"]["state"] == "bad"
    assert f"mend or remove {file}" in found["key"]["said"]


def test_where_the_key_comes_from(examine: Examine, gateway: StandIn) -> None:
    gateway.key = "secret-key"
    code, found = examine("--gateway.key_command", "echo secret-key")
    assert code == 0
    assert "key_command (echo)" in found["key"]["said"]
    assert "secret-key" not in json.dumps(found)


def test_an_excluded_folder(examine: Examine, home: Path) -> None:
    _, found = examine("--exclude.workspaces", str(home / "work"))
    assert found["workspace"]["state"] == "note"
    assert "exclude.workspaces" in found["workspace"]["said"]
    (home / "work" / ".hone.toml").write_text("[gateway]\nurl = 'http://x'\n")
    _, found = examine()
    assert found["workspace"]["state"] == "note"
    assert "may only add" in found["workspace"]["said"]


def test_a_spool_with_old_and_refused_events(examine: Examine, home: Path) -> None:
    spool, _ = open_spools(home / "state" / "hone" / "spool", "workspace")
    add(spool, "a", "b", "c")
    acknowledge_first(spool)
    _, found = examine()
    assert found["spool"]["said"].startswith("2 events wait")
    assert "days" in found["spool"]["said"]
    batch = spool.batch(1)
    assert batch
    spool.set_aside(batch)
    spool.tidy()
    _, found = examine()
    assert found["spool"]["said"].startswith("1 events wait")
    assert "refused 1" in found["spool"]["said"]
    assert "refused.jsonl" in found["spool"]["advice"]


def test_a_spool_with_torn_lines(examine: Examine, home: Path) -> None:
    spool, _ = open_spools(home / "state" / "hone" / "spool", "workspace")
    add(spool, "a", "b", "c")
    [file] = spool.folder.glob("events-*")
    first, second, _ = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + b"\xff\x00\n" + second + second[:-20])
    _, found = examine()
    assert found["spool"]["state"] == "note"
    assert found["spool"]["said"].startswith("2 events wait")
    assert "2 lines cannot be read" in found["spool"]["said"]
    (spool.folder / "acked").write_text("many")
    (spool.folder / "events-0.jsonl").mkdir()
    _, found = examine()
    assert found["spool"]["said"].startswith("2 events wait")
    assert "4 lines cannot be read" in found["spool"]["said"]


def test_a_spool_that_is_no_folder(examine: Examine, home: Path) -> None:
    (home / "file").write_text("")
    code, found = examine("--spool.folder", str(home / "file" / "spool"))
    assert code == 1
    assert "cannot be written" in found["spool"]["said"]


def test_what_an_administrator_allows(examine: Examine, gateway: StandIn) -> None:
    gateway.hello = gateway.hello.model_copy(update={"feedback_level": FeedbackLevel.FACTS})
    _, found = examine()
    assert "facts" in found["feedback"]["said"]
    assert "no code" in found["feedback"]["said"]


async def test_a_language_server_that_does_not_start(home: Path, gateway: StandIn) -> None:
    settings = load(None, {"gateway.url": gateway.url}, {})
    checks = await Checkup(settings, {}, home, python="/bin/false").run()
    [bad] = [check for check in checks if check.state == State.BAD]
    assert bad.name == "language server"
    assert "does not start" in bad.said
    assert "by hand" in bad.advice

"""Where keys are kept, who may say what they are, and that nothing repeats them."""

import io
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lsp import cli
from lsp.config import load
from lsp.credentials import find_key, forget_key, store_key
from tests.lsp.conftest import Launch
from tests.lsp.editor import ROOT
from tests.lsp.standin import StandIn

KEY = "hone_abcd_" + "x" * 12
KEYRING = """
import json, pathlib

class Ring:
    priority = {priority}

def get_keyring():
    return Ring()

PLACE = pathlib.Path({place!r})

def _all():
    return json.loads(PLACE.read_text()) if PLACE.exists() else {{}}

def get_password(service, name):
    {trouble}
    return _all().get(service + " " + name)

def set_password(service, name, key):
    {trouble}
    PLACE.write_text(json.dumps(_all() | {{service + " " + name: key}}))

def delete_password(service, name):
    PLACE.write_text(json.dumps({{k: v for k, v in _all().items() if k != service + " " + name}}))
"""
"""A keyring package of its own: what the real one offers, on a file that the test can see."""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}


def find(environ: dict[str, str], url: str = "http://a", **more: str):
    settings = load(None, {"gateway.url": url} | more, environ)
    return find_key(settings.gateway, environ)


def test_keys_are_per_gateway_and_private(tmp_path: Path, environ: dict[str, str]) -> None:
    path = Path(store_key("http://a", KEY, environ))
    store_key("http://c", "other", environ)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find(environ).key == KEY
    assert find(environ).source == str(path)
    assert find(environ, "http://b").key is None
    assert forget_key("http://a", environ)
    assert not forget_key("http://a", environ)
    assert find(environ).key is None
    assert find(environ, "http://c").key == "other"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_environment_comes_first_then_the_command(environ: dict[str, str]) -> None:
    store_key("http://a", "stored", environ)
    command = {"gateway.key_command": "echo commanded"}
    assert find(environ, **command).key == "commanded"
    named = environ | {"HONE_LSP_GATEWAY__KEY": KEY}
    assert find(named, **command).key == KEY
    assert KEY not in repr(load(None, {}, named))


@pytest.mark.parametrize(
    ("command", "key", "trouble"),
    [
        ("printf 'first\\nsecond\\n'", "first", ""),
        ("echo '  spaced  '", "spaced", ""),
        ("echo a; echo b", "a; echo b", ""),
        ("sh -c 'echo leaked; echo leaked >&2; exit 3'", None, "exit code 3"),
        ("true", None, "no key"),
        ("no-such-command-anywhere", None, "cannot be run"),
        ("printf '\\033[31mred'", None, "no key"),
    ],
)
def test_a_command_is_run_without_a_shell_and_never_repeated(
    environ: dict[str, str], command: str, key: str | None, trouble: str
) -> None:
    found = find(environ, **{"gateway.key_command": command})
    assert found.key == key
    assert trouble in found.trouble
    assert "leaked" not in found.trouble


def test_a_command_may_be_a_list(tmp_path: Path, environ: dict[str, str]) -> None:
    file = tmp_path / "lsp.toml"
    file.write_text('[gateway]\nkey_command = ["echo", "two words"]\n')
    assert find_key(load(file, {}, environ).gateway, environ).key == "two words"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's configuration lies, for this process and those that it starts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_login_and_logout(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = [sys.executable, "-m", "lsp.cli", "login", "--gateway.url", "http://a"]
    done = subprocess.run(
        script, input=f"{KEY}\n", capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert KEY not in done.stdout + done.stderr
    assert json.loads((tmp_path / "hone" / "lsp-keys.json").read_text()) == {"http://a": KEY}
    assert cli.main(["logout", "--gateway.url", "http://a"]) == 0
    assert "is forgotten" in capsys.readouterr().out
    assert cli.main(["logout", "--gateway.url", "http://a"]) == 0
    assert "was not stored" in capsys.readouterr().out
    assert json.loads((tmp_path / "hone" / "lsp-keys.json").read_text()) == {}


DAMAGED = [f'{{"http://a": "{KEY}"', "[]", '{"http://a": 5}', "\udcff"]


@pytest.mark.parametrize("text", DAMAGED)
def test_keys_that_cannot_be_read_are_neither_none_nor_written_over(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    file = home / "hone" / "lsp-keys.json"
    file.parent.mkdir()
    file.write_text(text, "utf-8", "surrogateescape")
    found = find({"XDG_CONFIG_HOME": str(home)})
    assert (found.key, found.source) == (None, str(file))
    assert f"mend or remove {file}" in found.trouble
    monkeypatch.setattr(sys, "stdin", io.StringIO("another\n"))
    for command in ("login", "logout"):
        assert cli.main([command, "--gateway.url", "http://a"]) == 2
        said = capsys.readouterr().err
        assert f"mend or remove {file}, then run `hone-lsp login`" in said
        assert KEY not in said + found.trouble
    assert file.read_text("utf-8", "surrogateescape") == text
    file.unlink()
    assert cli.main(["logout", "--gateway.url", "http://a"]) == 0


@pytest.mark.parametrize(
    ("priority", "trouble", "where"),
    [(5, "", "ring"), (0, "", "file"), (5, "raise RuntimeError('locked')", "file")],
)
def test_the_keyring_is_used_where_there_is_one(
    tmp_path: Path, priority: int, trouble: str, where: str
) -> None:
    place = tmp_path / "ring.json"
    text = KEYRING.format(priority=priority, place=str(place), trouble=trouble or "pass")
    (tmp_path / "keyring.py").write_text(text)
    code = (
        "import json, os\n"
        "from lsp.config import load\n"
        "from lsp.credentials import find_key, forget_key, store_key\n"
        "gateway = load(None, {'gateway.url': 'http://a'}, os.environ).gateway\n"
        f"store_key('http://a', {KEY!r}, os.environ)\n"
        "print(find_key(gateway, os.environ).key)\n"
        "print(os.path.exists(os.environ['XDG_CONFIG_HOME'] + '/hone/lsp-keys.json'))\n"
        "print(forget_key('http://a', os.environ), find_key(gateway, os.environ).key)\n"
    )
    environ = {
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    in_file = where == "file"
    assert done.stdout.split("\n")[:3] == [KEY, str(in_file), "True None"]
    assert place.exists() == (not in_file)
    # What failed is told, by its kind: a text of somebody else's could hold the key.
    assert ("a key may still be in it: RuntimeError" in done.stderr) == bool(trouble)
    assert "locked" not in done.stderr


def test_neither_editor_nor_workspace_gives_a_key(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    """Nor a command that prints one, which would run what a repository brought along."""
    editor = launch()
    ran = tmp_path / "ran"
    given = {"key": "stolen", "key_command": ["touch", str(ran)], "url": "http://elsewhere.example"}
    (editor.workspace / ".hone.toml").write_text(f'[gateway]\nkey_command = "touch {ran}"\n')
    editor.initialize(initializationOptions={"gateway": given, "hone": {"gateway": given}})
    settings = {"settings": {"gateway": given, "hone": {"gateway": given}}}
    editor.notify("workspace/didChangeConfiguration", settings)
    editor.wait(lambda: editor.status()["gateway"]["connected"], "the greeting")
    assert editor.status()["gateway"]["url"] == gateway.url
    assert not ran.exists()
    assert {headers.get("Authorization") for headers in gateway.headers} == {None}


def test_a_key_stored_later_is_taken_up(launch: Launch, gateway: StandIn, tmp_path: Path) -> None:
    gateway.key = KEY
    editor = launch()
    editor.initialize()
    editor.wait(lambda: "login" in editor.status()["gateway"]["trouble"], "the refusal")
    store_key(gateway.url, KEY, {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    editor.wait(lambda: editor.status()["gateway"]["connected"], "the key to be taken up")
    assert KEY not in "".join(editor.log)

"""Settings: priorities, refusals, and the command that reads them."""

import subprocess
import sys
from pathlib import Path

import pytest

from lsp import cli
from lsp.config import ConfigError, load, load_workspace
from tests.lsp.editor import ROOT


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "lsp.toml"
    file.write_text(
        '[gateway]\nurl = "http://file"\ntimeout_s = 1\n[suggest]\ndebounce_ms = 1\n'
        "[settling]\nhorizons_s = [1, 2]\n"
    )
    environ = {"HONE_LSP_GATEWAY__TIMEOUT_S": "2", "HONE_LSP_SUGGEST__DEBOUNCE_MS": "2"}
    settings = load(file, {"suggest.debounce_ms": "3"}, environ)
    assert settings.gateway.url == "http://file"
    assert settings.gateway.timeout_s == 2
    assert settings.suggest.debounce_ms == 3
    assert settings.settling.horizons_s == (1, 2)
    assert settings.settling.quiet_s == 10


def test_default_file_and_named_file(tmp_path: Path) -> None:
    (tmp_path / "hone").mkdir()
    (tmp_path / "hone" / "lsp.toml").write_text('[feedback]\nlevel = "facts"\n')
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load(None, {}, environ).feedback.level == "facts"
    other = tmp_path / "other.toml"
    other.write_text('[feedback]\nlevel = "off"\n')
    assert load(None, {}, environ | {"HONE_LSP_CONFIG": str(other)}).feedback.level == "off"


@pytest.mark.parametrize(
    ("toml", "environ", "flags", "said"),
    [
        ("[gateway]\nurll = 1\n", {}, {}, "gateway.url"),
        ("[gatewy]\n", {}, {}, "gateway"),
        ("", {"HONE_LSP_GATEWAY__URLL": "x"}, {}, "gateway.url"),
        ("", {}, {"feedback.levle": "x"}, "feedback.level"),
        ('[feedback]\nlevel = "all"\n', {}, {}, "feedback.level"),
        ("[gateway\n", {}, {}, "lsp.toml"),
        ("", {"HONE_LSP_SETTLING__QUIET_S": "soon"}, {}, "settling.quiet_s"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, toml: str, environ: dict[str, str], flags: dict[str, str], said: str
) -> None:
    file = tmp_path / "lsp.toml"
    file.write_text(toml)
    with pytest.raises(ConfigError, match=said) as raised:
        load(file, flags, environ)
    assert "\n" not in str(raised.value)


def test_lists_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "HONE_LSP_EXCLUDE__PATTERNS": "*.min.js, dist/",
        "HONE_LSP_SETTLING__HORIZONS_S": "[0, 0.5]",
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    settings = load(None, {}, environ)
    assert settings.exclude.patterns == ("*.min.js", "dist/")
    assert settings.settling.horizons_s == (0, 0.5)


def test_a_workspace_says_little(tmp_path: Path) -> None:
    assert load_workspace(tmp_path).exclude.patterns == ()
    file = tmp_path / ".hone.toml"
    file.write_text('[exclude]\npatterns = ["x"]\n[formatting]\ntab_size = 2\n')
    assert load_workspace(tmp_path).formatting.tab_size == 2
    for more in ('[gateway]\nkey = "k"\n', "[exclude]\nmax_bytes = 9\n", "[feedback]\n"):
        file.write_text(more)
        with pytest.raises(ConfigError, match="may only add"):
            load_workspace(tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_unknown_flag_names_the_nearest(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--gateway.ulr", "x"]) == 2
    assert "gateway.url" in capsys.readouterr().err


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    said = capsys.readouterr().out
    assert "--settling.quiet_s" in said
    assert "examples:" in said
    assert "gateway.key " not in said
    assert "ws.token" not in said


def test_only_what_it_needs_is_imported() -> None:
    """No torch, duckdb and fastapi; without httpx and grammars until used."""
    code = (
        "import sys, lsp.app, lsp.cli\n"
        "heavy = {'torch', 'duckdb', 'fastapi', 'transformers', 'httpx', 'server', 'trainer',\n"
        "         'tree_sitter', 'tree_sitter_python', 'editorconfig'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_windows_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Locks and signals of processes are other things there."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert cli.main([]) == 2
    assert "Windows is not supported" in capsys.readouterr().err

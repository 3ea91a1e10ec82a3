"""Settings come from four sources, and keys that nobody declared are refused."""

from pathlib import Path

import pytest
from pydantic import Field

from feedback_store.settings import (
    ConfigError,
    Section,
    Settings,
    SettingsParser,
    add_flags,
    load,
    overrides_of,
)


class Listen(Section):
    host: str = "127.0.0.1"
    """Address to bind."""
    port: int = Field(default=8765, ge=0)
    """TCP port, 100% free to choose."""
    hosts: tuple[str, ...] = ()
    """Names that are answered to."""
    socket: Path | None = None
    """Unix socket."""


class Deep(Section):
    depth: int = 0
    """How deep."""


class Engine(Section):
    deep: Deep = Deep()
    managed: bool = True
    """Whether to start it."""
    extra: dict[str, int] = Field(default_factory=dict)
    """Free table."""


class Tree(Settings):
    listen: Listen = Listen()
    engine: Engine = Engine()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.toml"
    path.write_text('[listen]\nhost = "file"\nport = 1\n[engine.extra]\na = 1\n', encoding="utf-8")
    return path


def test_defaults(tmp_path: Path) -> None:
    assert load(Tree, "test", environ={"XDG_CONFIG_HOME": str(tmp_path)}) == Tree()


def test_priority_is_defaults_file_environment_flags(file: Path) -> None:
    environ = {"HONE_TEST_LISTEN__PORT": "2", "HONE_TEST_ENGINE__MANAGED": "false"}
    settings = load(Tree, "test", file, {"listen.port": "3"}, environ)
    assert (settings.listen.host, settings.listen.port) == ("file", 3)
    assert settings.engine.managed is False
    assert settings.engine.extra == {"a": 1}
    assert load(Tree, "test", file, {}, environ).listen.port == 2
    assert load(Tree, "test", file, {}, {}).listen.port == 1


def test_the_file_is_found_by_variable_and_in_the_default_place(file: Path, tmp_path: Path) -> None:
    assert load(Tree, "test", environ={"HONE_TEST_CONFIG": str(file)}).listen.port == 1
    (tmp_path / "hone").mkdir()
    (tmp_path / "hone" / "test.toml").write_text("[listen]\nport = 9\n", encoding="utf-8")
    assert load(Tree, "test", environ={"XDG_CONFIG_HOME": str(tmp_path)}).listen.port == 9


def test_a_variable_named_like_a_section_does_not_leak_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN", '{"port": 5}')
    assert load(Tree, "test", None, {}, {"XDG_CONFIG_HOME": "/nonexistent"}).listen.port == 8765


def test_text_becomes_lists_tables_numbers_and_nothing() -> None:
    settings = load(
        Tree,
        "test",
        None,
        {"listen.hosts": "a, b", "engine.extra": '{"x": 2}', "engine.deep.depth": "4"},
        {"HONE_TEST_LISTEN__SOCKET": "none", "XDG_CONFIG_HOME": "/nonexistent"},
    )
    assert settings.listen.hosts == ("a", "b")
    assert settings.engine.extra == {"x": 2}
    assert settings.engine.deep.depth == 4
    assert settings.listen.socket is None


def test_an_unknown_key_in_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[listen]\nprot = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"listen\.prot in .*bad\.toml.*listen\.port"):
        load(Tree, "test", path, {}, {})


def test_an_unknown_variable_is_refused() -> None:
    environ = {"HONE_TEST_LISTEN__PROT": "1", "XDG_CONFIG_HOME": "/nonexistent"}
    with pytest.raises(ConfigError, match=r"HONE_TEST_LISTEN__PROT.*HONE_TEST_LISTEN__PORT"):
        load(Tree, "test", None, {}, environ)
    load(Tree, "test", None, {}, {"HONE_OTHER_X": "1", "XDG_CONFIG_HOME": "/nonexistent"})


def test_an_unknown_override_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--listen\.prot.*--listen\.port"):
        load(Tree, "test", None, {"listen.prot": "1"}, {"XDG_CONFIG_HOME": "/nonexistent"})


@pytest.mark.parametrize(
    ("overrides", "environ", "names"),
    [
        ({"listen.port": "many"}, {}, r"^--listen\.port: .*integer"),
        ({}, {"HONE_TEST_LISTEN__PORT": "-1"}, r"^HONE_TEST_LISTEN__PORT: .*greater"),
        ({"engine.extra": "{"}, {}, r"--engine\.extra is not valid JSON"),
    ],
)
def test_a_bad_value_names_where_it_came_from(overrides, environ, names: str) -> None:
    with pytest.raises(ConfigError, match=names) as error:
        load(Tree, "test", None, overrides, environ | {"XDG_CONFIG_HOME": "/nonexistent"})
    assert "\n" not in str(error.value)


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration file"):
        load(Tree, "test", tmp_path / "none.toml", {}, {})
    (tmp_path / "broken.toml").write_text("[listen\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cannot read .*broken\.toml"):
        load(Tree, "test", tmp_path / "broken.toml", {}, {})


@pytest.fixture
def parser() -> SettingsParser:
    parser = SettingsParser(prog="hone-test")
    commands = parser.add_subparsers(dest="command", required=True)
    add_flags(commands.add_parser("serve"), Tree)
    return parser


def test_flags_are_the_leaves_with_their_docstrings(parser: SettingsParser, capsys) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args(["serve", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--listen.port PORT TCP port, 100% free to choose. (default: 8765)" in text
    assert "--engine.deep.depth" in text


def test_given_flags_become_overrides(parser: SettingsParser) -> None:
    arguments = parser.parse_args(["serve", "--listen.port", "7", "--engine.managed=no"])
    assert overrides_of(arguments) == {"listen.port": "7", "engine.managed": "no"}
    assert arguments.config is None


@pytest.mark.parametrize("flag", ["--listen.prot", "--listen.por"])
def test_an_unknown_flag_names_the_nearest(parser: SettingsParser, capsys, flag: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args(["serve", flag, "7"])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert flag in error
    assert "--listen.port" in error
    assert error.endswith("; see hone-test serve --help\n")
    assert error.count("\n") == 1

"""One way to configure every program: defaults < TOML file < environment < flags.

Knows how to find, read, merge and check the sources of a settings tree. Does not know any
program's settings: each has its own tree in its `config` module. Keys nobody declared are refused,
since a misspelt setting that is silently ignored is the worst kind.
"""

import argparse
import difflib
import json
import os
import tomllib
import types
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

Tree = TypeVar("Tree", bound=BaseModel)
FLAG = "set:"
"""How the destination of a setting's flag begins; `section.field` follows."""


class ConfigError(ValueError):
    """The configuration cannot be used. The text is one line for the user; exit with code 2."""


class Section(BaseModel):
    """Base of one section of a settings tree. The docstring under a field is its help text."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Settings(BaseSettings):
    """Base of a program's settings tree, whose fields are sections.

    Built by `load`, which merges the sources; the class itself reads no environment, so that a
    variable that happens to be named like a section cannot leak in.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the merged values that `load` passes, and nothing else."""
        return (init_settings,)


def load(
    settings: type[Tree],
    prog: str,
    config_file: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Tree:
    """Return the settings of program `prog` (`server`, `trainer`, `store`, ...).

    `config_file` must exist if given; otherwise $HONE_<PROG>_CONFIG, else the platform's default
    place if there is one. `overrides` maps `section.field` to text. Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    leaves = dict(_leaves(settings))
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    file = _find_file(prog, config_file, environ)
    if file is not None:
        for path, value in _from_file(file, leaves):
            values[path], origin[path] = value, f"{path} in {file}"
    for path, text, name in _from_environment(prog, environ, leaves):
        values[path], origin[path] = _parse(text, leaves[path], name), name
    for path, text in (overrides or {}).items():
        if path not in leaves:
            raise ConfigError(_unknown(f"--{path}", path, leaves, "--"))
        values[path], origin[path] = _parse(text, leaves[path], f"--{path}"), f"--{path}"
    try:
        return settings(**_nest(values))
    except ValidationError as error:
        raise ConfigError(_explain(error, origin)) from error


def add_flags(
    parser: argparse.ArgumentParser,
    settings: type[BaseModel],
    only: Collection[str] | None = None,
) -> None:
    """Add `--config FILE` and one `--section.field` per setting, with its docstring as help.

    A command that needs only some sections or settings shows and takes those alone.
    """
    group = parser.add_argument_group("settings", "each also as TOML key or HONE_ variable")
    group.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    for path, field in _leaves(settings):
        if only is not None and not {path, path.partition(".")[0]} & set(only):
            continue
        text = " ".join((field.description or "").split())
        default = "" if field.is_required() else f" (default: {_show(field)})"
        group.add_argument(
            f"--{path}",
            dest=FLAG + path,
            metavar=path.rpartition(".")[2].upper(),
            default=argparse.SUPPRESS,
            help=(text + default).replace("%", "%%"),
        )


def overrides_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the `--section.field` flags that were given, as `load` takes them."""
    given = vars(arguments)
    return {key.removeprefix(FLAG): given[key] for key in given if key.startswith(FLAG)}


class SettingsParser(argparse.ArgumentParser):
    """An argument parser that names the nearest valid flag when it refuses one (exit code 2)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Parse, refusing what no flag or argument takes."""
        parsed, left = self.parse_known_args(args, namespace)
        if left:
            flag = left[0].partition("=")[0]
            chain = self._chosen(parsed)
            known = [name for parser in chain for name in parser._flags()]
            chain[-1].error(_unknown(flag, flag.lstrip("-"), known, "--"))
        return parsed

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and where help is."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")

    def _chosen(self, parsed: argparse.Namespace) -> "list[SettingsParser]":
        """Return this parser and those of the subcommands that were chosen, outermost first."""
        chain: list[SettingsParser] = [self]
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                chosen = action.choices.get(getattr(parsed, action.dest, None) or "")
                chain += chosen._chosen(parsed) if isinstance(chosen, SettingsParser) else []
        return chain

    def _flags(self) -> list[str]:
        names = [name for action in self._actions for name in action.option_strings]
        return [name[2:] for name in names if name.startswith("--")]


def default_config_file(prog: str, environ: Mapping[str, str]) -> Path:
    """Return where a program's settings lie if nobody says otherwise."""
    base = environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(base) / "hone" / f"{prog}.toml"


def default_data_folder() -> Path:
    """Return where the data folder lies if nobody says otherwise."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return Path(base) / "hone"


def _find_file(prog: str, given: Path | None, environ: Mapping[str, str]) -> Path | None:
    named = environ.get(f"HONE_{prog.upper()}_CONFIG")
    file = given or (Path(named) if named else None)
    if file is not None:
        if not file.is_file():
            raise ConfigError(f"there is no configuration file {file}")
        return file
    default = default_config_file(prog, environ)
    return default if default.is_file() else None


def _from_file(file: Path, leaves: Mapping[str, FieldInfo]) -> Iterator[tuple[str, Any]]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error
    for path, value in _flatten(document, leaves):
        if path not in leaves:
            raise ConfigError(_unknown(f"key {path} in {file}", path, leaves))
        yield path, value


def _from_environment(
    prog: str, environ: Mapping[str, str], leaves: Mapping[str, FieldInfo]
) -> Iterator[tuple[str, str, str]]:
    prefix = f"HONE_{prog.upper()}_"
    names = {prefix + path.upper().replace(".", "__"): path for path in leaves}
    for name in sorted(environ):
        if not name.startswith(prefix) or name == f"{prefix}CONFIG":
            continue
        if name not in names:
            raise ConfigError(_unknown(f"environment variable {name}", name, names))
        yield names[name], environ[name], name


def _leaves(settings: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield `section.field` and its declaration for every value of the tree."""
    for name, field in settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _flatten(
    table: Mapping[str, Any], leaves: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested tables; a table that is itself a value stays whole."""
    for key, value in table.items():
        path = prefix + key
        inside = any(leaf.startswith(f"{path}.") for leaf in leaves)
        if isinstance(value, dict) and inside:
            yield from _flatten(value, leaves, f"{path}.")
        else:
            yield path, value


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *sections, name = path.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return tree


def _parse(text: str, field: FieldInfo, name: str) -> Any:
    """Read a flag's or variable's text: lists as JSON or with commas, tables as JSON."""
    kinds = set(_kinds(field.annotation))
    if type(None) in kinds and str not in kinds and text in ("", "none"):
        return None
    if not kinds & {list, tuple, set, frozenset, dict}:
        return text
    if text.lstrip().startswith(("[", "{")):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ConfigError(f"{name} is not valid JSON: {error}") from error
    return [part.strip() for part in text.split(",") if part.strip()]


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the bare types of an annotation: `list[int] | None` is list and None."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _kinds(part)
    else:
        yield origin or annotation


def _unknown(what: str, key: str, valid: typing.Iterable[str], mark: str = "") -> str:
    near = difflib.get_close_matches(key, list(valid), n=3, cutoff=0.5)
    names = " or ".join(mark + name for name in near)
    return f"unknown {what}: " + (f"did you mean {names}?" if near else "there is nothing like it")


def _explain(error: ValidationError, origin: Mapping[str, str]) -> str:
    parts: list[str] = []
    for problem in error.errors(include_url=False, include_context=False):
        path = ".".join(str(step) for step in problem["loc"])
        known = next((o for p, o in origin.items() if path == p or path.startswith(f"{p}.")), path)
        parts.append(f"{known}: {problem['msg']}")
    return "; ".join(parts)


def _show(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    return str(list(value)) if isinstance(value, tuple) else str(value)

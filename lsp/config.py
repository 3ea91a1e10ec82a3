"""Settings of `hone-lsp`: defaults < the user's file < HONE_LSP_* < flags; and `.hone.toml`.

The gateway, the key and the level of feedback come from here only, never from an editor or a
workspace: a workspace's `.hone.toml` may add exclusions and formatting, nothing else. Knows
names and types of settings and where they are read. Does not know what they do.
"""

import difflib
import json
import os
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from feedback_store.events import FeedbackLevel, Settling
from lsp.politeness import Eagerness, Marks, Mode, Reach

ENV_PREFIX = "HONE_LSP_"
WORKSPACE_FILE = ".hone.toml"
SECRETS = frozenset({"gateway.key", "ws.token"})
"""Settings that are no flags: everybody on the machine could read them there."""
LISTS = frozenset(f"exclude.{name}" for name in ("patterns", "workspaces", "other_schemes")) | {
    "settling.horizons_s",
    "ws.origins",
}

Tree = TypeVar("Tree", bound=BaseModel)


class ConfigError(Exception):
    """Settings that cannot be used. The text is one line for the user."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GatewaySettings(_Section):
    """How to reach the gateway."""

    url: str = "http://127.0.0.1:8765"
    """Where the gateway listens: http://, https:// or unix:///path/to/socket."""
    key: SecretStr | None = None
    """The key, if it is not stored by `hone-lsp login`."""
    key_command: tuple[str, ...] = ()
    """A command that prints the key, such as `pass show hone`; it is run without a shell."""
    timeout_s: float = Field(default=5.0, gt=0)
    """The longest that anything but a suggestion may take, in seconds."""
    ca_file: Path | None = None
    """Certificates of a private authority, for https; only they are trusted then."""

    @field_validator("key_command", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        """Take a command as one text, too."""
        return tuple(shlex.split(value)) if isinstance(value, str) else value


class FeedbackSettings(_Section):
    """What may be recorded."""

    level: FeedbackLevel = FeedbackLevel.FULL
    """What may be recorded: full (text and facts), facts (no code) or off (nothing)."""


class ExcludeSettings(_Section):
    """What never leaves this machine."""

    patterns: tuple[str, ...] = ()
    """Files of which nothing may leave this machine, as in .gitignore."""
    workspaces: tuple[str, ...] = ()
    """Folders of which nothing may leave this machine: paths such as ~/private, or names."""
    other_schemes: tuple[str, ...] = ()
    """What may get suggestions besides files of this machine, such as untitled, vscode-remote."""
    max_bytes: int = Field(default=1_000_000, gt=0)
    """Larger files get no suggestions."""


class SuggestSettings(_Section):
    """When suggestions are asked for."""

    debounce_ms: float = Field(default=75.0, ge=0)
    """How long an automatic request for ghost text waits for the next key, before it is adapted
    to the user's typing; 0 for not at all."""
    deadline_ms: float = Field(default=2000.0, gt=0)
    """The longest that an editor waits for a suggestion."""
    menu_ms: float = Field(default=400.0, ge=0)
    """The longest that a menu of code actions waits for one; it has the others' actions, too."""
    ahead: bool = True
    """Whether the edit after the one on screen is asked for before that one is accepted."""
    reach: Reach = "files"
    """Where a next edit may be: around the cursor, anywhere in its file, or in any open file."""
    mode: Mode = "full"
    """Show edits (full), or only where there is one until it is asked for by hand (hint)."""
    eagerness: Eagerness = "medium"
    """Show what the model is sure of (low), all that it proposes (medium), or ask it even before
    anything was edited (high)."""
    marks: Marks = "auto"
    """Mark the place of an edit by a hint and a lens: where nothing else shows it (auto), always,
    never."""


class SpoolSettings(_Section):
    """Feedback on its way."""

    folder: Path | None = None
    """Where feedback waits for the gateway; by default in the user's state folder."""
    max_mb: float = Field(default=64.0, gt=0)
    """The most room that waiting feedback takes in megabytes; the oldest texts go first."""
    max_days: float = Field(default=14.0, gt=0)
    """After so many days without a gateway texts are dropped, after twice as many everything."""


class WsSettings(_Section):
    """Editors in a browser: `hone-lsp --ws HOST:PORT`."""

    origins: tuple[str, ...] = ()
    """The origins of pages that may connect, such as http://localhost:8080."""
    token: SecretStr | None = None
    """What they show; without it one is made up and printed at each start."""


class LogSettings(_Section):
    """What is written to standard error, which editors keep in a log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the log says; from info on why each silence was one, and never any code."""


class Settings(BaseSettings):
    """Everything a user can set. Built by `load`; the class itself reads no environment."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    gateway: GatewaySettings = GatewaySettings()
    feedback: FeedbackSettings = FeedbackSettings()
    exclude: ExcludeSettings = ExcludeSettings()
    settling: Settling = Settling()
    suggest: SuggestSettings = SuggestSettings()
    spool: SpoolSettings = SpoolSettings()
    ws: WsSettings = WsSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the merged values that `load` passes, and nothing else."""
        return (init_settings,)


class WorkspaceRules(BaseModel):
    """What a workspace's own `.hone.toml` may say."""

    class Exclude(_Section):
        """Only ever added to the user's own."""

        patterns: tuple[str, ...] = ()

    class Formatting(_Section):
        """How the files here are indented."""

        tab_size: int | None = Field(default=None, gt=0, le=16)
        insert_spaces: bool | None = None

    model_config = ConfigDict(frozen=True, extra="forbid")

    exclude: Exclude = Exclude()
    formatting: Formatting = Formatting()


def load(
    config_file: Path | None, overrides: Mapping[str, str], environ: Mapping[str, str]
) -> Settings:
    """Merge the sources; `overrides` are flags by dotted name.

    Raises:
        ConfigError: an unreadable file, an unknown key, or a value that does not fit.
    """
    merged = _read(config_file or default_file(environ))
    for name, value in environ.items():
        if name.startswith(ENV_PREFIX) and name != f"{ENV_PREFIX}CONFIG":
            _put(merged, name.removeprefix(ENV_PREFIX).lower().split("__"), value, name)
    for name, value in overrides.items():
        _put(merged, name.split("."), value, f"--{name}")
    return _checked(Settings, merged)


def load_workspace(folder: Path) -> WorkspaceRules:
    """Read the folder's `.hone.toml`, if there is one.

    Raises:
        ConfigError: it says more than a workspace may.
    """
    path = folder / WORKSPACE_FILE
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path} is no file")
    found = _read(path) if path.is_file() else {}
    try:
        return _checked(WorkspaceRules, found)
    except ConfigError as error:
        raise ConfigError(
            f"{path}: {error}. A workspace may only add exclude.patterns and formatting; "
            "everything else belongs into your own configuration file"
        ) from None


def default_file(environ: Mapping[str, str]) -> Path | None:
    """Return the user's configuration file, if there is one."""
    if named := environ.get(f"{ENV_PREFIX}CONFIG"):
        return Path(named)
    path = config_folder(environ) / "lsp.toml"
    return path if path.is_file() else None


def config_folder(environ: Mapping[str, str]) -> Path:
    """Return the user's folder for Hone's configuration."""
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "hone"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the user's folder for what Hone keeps between runs."""
    base = environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "hone"


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every setting's dotted name and its description."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from leaves(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", (field.description or "").replace("\n", " ")


def unknown_setting(name: str, model: type[BaseModel] = Settings) -> str:
    """Return what to say of a setting that does not exist."""
    known = [known for known, _ in leaves(model)]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)
    return f"unknown setting {name!r}; there are {', '.join(near)}"


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from None


def _put(tree: dict[str, Any], path: list[str], value: str, source: str) -> None:
    known = dict(leaves(Settings))
    name = ".".join(path)
    if name not in known:
        raise ConfigError(f"{source}: {unknown_setting(name)}")
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    many = name in LISTS
    tree[path[-1]] = _items(value, source) if many else value


def _items(value: str, source: str) -> list[Any]:
    if not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        return json.loads(value)
    except ValueError:
        raise ConfigError(f"{source}: not a list: {value!r}") from None


def _checked(model: type[Tree], values: dict[str, Any]) -> Tree:
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(unknown_setting(name, model)) from None
        raise ConfigError(f"setting {name!r}: {first['msg']}") from None

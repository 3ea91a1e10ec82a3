"""The gateway's key: from the settings, a command, the file of `hone-lsp login`, or the keyring.

Keys are stored per gateway, so that one never goes to another. Knows where keys are and how to
ask for them; no message holds one, nor what a command printed. Does not know whether a key is
valid.
"""

import contextlib
import json
import logging
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lsp.config import ConfigError, GatewaySettings, config_folder
from lsp.files import replace_file

FILE = "lsp-keys.json"
SERVICE = "hone-lsp"
COMMAND_S = 30.0
"""A password manager may ask its owner first."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """A key, or why there is none, and where it was looked for."""

    key: str | None
    source: str
    trouble: str = ""


def find_key(settings: GatewaySettings, environ: Mapping[str, str]) -> Found:
    """Return the key for the configured gateway. May take as long as the command does."""
    if settings.key is not None:
        return Found(settings.key.get_secret_value(), "the settings or the environment")
    if settings.key_command:
        return _ask_command(settings.key_command, environ)
    path, trouble = config_folder(environ) / FILE, ""
    try:
        if key := _load(path).get(settings.url):
            return Found(key, str(path))
    except ConfigError as error:
        trouble = str(error)
    if (ring := _keyring()) is not None:
        with _told("read"):
            if key := ring.get_password(SERVICE, settings.url):
                return Found(key, "the keyring")
    return Found(None, str(path) if trouble else "nowhere", trouble)


def store_key(url: str, key: str, environ: Mapping[str, str]) -> str:
    """Remember the key for a gateway, in the system's keyring if it has one that is reachable
    from here, else in a file that only its owner can read. Returns where.

    Raises ConfigError where keys are that can no longer be read: they are not written over.
    """
    path = config_folder(environ) / FILE
    keys = _load(path)
    if (ring := _keyring()) is not None:
        with _told("written to"):
            ring.set_password(SERVICE, url, key)
            _forget_in_file(url, environ)
            return "the keyring"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, json.dumps(keys | {url: key}).encode())
    return str(path)


def forget_key(url: str, environ: Mapping[str, str]) -> bool:
    """Forget the stored key for a gateway; whether there was one.

    Raises ConfigError where it may be among keys that can no longer be read.
    """
    known = _forget_in_file(url, environ)
    if (ring := _keyring()) is not None:
        with _told("changed, so that a key may still be in it"):
            if ring.get_password(SERVICE, url) is not None:
                ring.delete_password(SERVICE, url)
                known = True
    return known


def _ask_command(command: tuple[str, ...], environ: Mapping[str, str]) -> Found:
    source = f"gateway.key_command ({command[0]})"
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(environ),
            timeout=COMMAND_S,
        )
    except subprocess.TimeoutExpired:
        return Found(None, source, f"{source} took longer than {COMMAND_S:g} s")
    except OSError as error:
        return Found(None, source, f"{source} cannot be run: {error.strerror}")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    key = lines[0].strip() if lines else ""
    if done.returncode != 0:
        return Found(None, source, f"{source} failed with exit code {done.returncode}")
    if not key or not key.isprintable() or not key.isascii():
        return Found(None, source, f"{source} printed no key on its first line")
    return Found(key, source)


@contextlib.contextmanager
def _told(done: str) -> Iterator[None]:
    """Go on without the keyring where it fails, and say so. Each system's has errors of its own,
    whose texts may hold what was to be stored: their kind alone is told."""
    try:
        yield
    except Exception as error:
        log.warning("the keyring cannot be %s: %s", done, type(error).__name__)


def _keyring() -> Any:
    """Return the keyring package if it is installed and has somewhere to keep keys, else None."""
    if find_spec("keyring") is None:
        return None
    with _told("used"):
        # By name, since it is no part of what hone-lsp needs.
        keyring = import_module("keyring")
        # Its own stand-ins for "none here" have no priority.
        if keyring.get_keyring().priority > 0:
            return keyring
    return None


def _forget_in_file(url: str, environ: Mapping[str, str]) -> bool:
    path = config_folder(environ) / FILE
    keys = _load(path)
    if url not in keys:
        return False
    del keys[url]
    replace_file(path, json.dumps(keys).encode())
    return True


def _load(path: Path) -> dict[str, str]:
    """Return the keys by gateway. Raises ConfigError if there are some that cannot be read."""
    advice = f"mend or remove {path}, then run `hone-lsp login` for each gateway"
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"the stored keys cannot be read ({error.strerror}): {advice}") from None
    except ValueError:
        # What it says of the text may hold a piece of a key.
        raise ConfigError(f"the stored keys are no JSON: {advice}") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found.values()):
        raise ConfigError(f"the stored keys are no list of one per gateway: {advice}")
    return found

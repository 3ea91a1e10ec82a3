"""The gateway's key: from the settings, or the file that `hone-lsp login` wrote.

Keys are stored per gateway, so that one never goes to another. Knows the file. Does not know
whether a key is valid.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from lsp.config import GatewaySettings, config_folder

FILE = "lsp-keys.json"


def find_key(settings: GatewaySettings, environ: Mapping[str, str]) -> str | None:
    """Return the key for the configured gateway, or None."""
    if settings.key is not None:
        return settings.key.get_secret_value()
    return _load(config_folder(environ) / FILE).get(settings.url)


def store_key(url: str, key: str, environ: Mapping[str, str]) -> Path:
    """Remember the key for a gateway in a file that only its owner can read."""
    folder = config_folder(environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / FILE
    keys = _load(path) | {url: key}
    fresh = folder / f".{FILE}-{os.getpid()}"
    # Created with its final mode: at no time can anybody else open it.
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(keys, file)
    os.replace(fresh, path)
    return path


def _load(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

"""What the subcommands of `hone-server` do, besides serving.

Knows keys and the running gateway's routes. Does not know flags (`server.cli`) or HTTP.
"""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedback_store.events import Scope
from server import remote
from server.audit import Audit
from server.auth import Caller, KeyRing
from server.config import ServerSettings

KEY_VARIABLE = "HONE_SERVER_KEY"
SHELL = Caller("shell", "", frozenset(Scope), "shell")
"""Whoever can run this on the data folder; who that is only the system knows."""
KEY_COLUMNS = ("id", "state", "created", "revoked", "user", "team", "scopes")


def create_key(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Create a key and show it this once."""
    scopes = [Scope(scope) for scope in given.scope]
    settings.data.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    about = {"for_user": given.user, "for_team": given.team, "scopes": scopes}
    Audit(settings.data.folder).write(SHELL, "create key", **about)
    print(KeyRing(settings.data.folder).create(given.user, given.team, scopes))
    print("Shown once; only its hash is stored.", file=sys.stderr)
    return 0


def list_keys(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Print all keys, without their secrets."""
    rows: list[tuple[str, ...]] = [KEY_COLUMNS]
    for key in KeyRing(settings.data.folder).records():
        state = "revoked" if key.revoked_at else "valid"
        dates = _date(key.created_at), _date(key.revoked_at)
        rows.append((key.id, state, *dates, key.user, key.team, " ".join(key.scopes)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    return 0


def revoke_key(settings: ServerSettings, given: argparse.Namespace) -> int:
    """End a key at once.

    Raises:
        ValueError: there is none of this id.
    """
    if settings.data.folder.is_dir():
        Audit(settings.data.folder).write(SHELL, "revoke key", id=given.id)
    if not KeyRing(settings.data.folder).revoke(given.id):
        raise ValueError(f"there is no valid key {given.id}; see `hone-server keys list`")
    return 0


def show_status(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Print the status of the running gateway."""
    return _show(_ask(settings, given, "GET", "/v1/status"))


def roll_back(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Swap the live policy and the one before in the running gateway.

    What is live is asked first and sent along: two who roll back at once do not undo each other.
    """
    status = _ask(settings, given, "GET", "/v1/status")
    live = given.live or status["live"]
    seen = {"live": None if live == status["base_model"] else live}
    return _show(_ask(settings, given, "POST", "/v1/rollback", seen))


def promote(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Make a candidate or canary that passed live."""
    return _show(_ask(settings, given, "POST", f"/v1/policies/{given.name}/promote"))


def refuse(settings: ServerSettings, given: argparse.Namespace) -> int:
    """End a candidate or a canary for good."""
    body = {"why": given.why}
    return _show(_ask(settings, given, "POST", f"/v1/policies/{given.name}/refuse", body))


def pause(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Let versions that pass wait to be promoted by hand."""
    return _show(_ask(settings, given, "PUT", "/v1/promotions", {"paused": True}))


def resume(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Let versions that pass go live by themselves again."""
    return _show(_ask(settings, given, "PUT", "/v1/promotions", {"paused": False}))


def routing(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Print the routing table, or replace it by a file's.

    Raises:
        ValueError: the file is not JSON.
    """
    if given.set is None:
        return _show(_ask(settings, given, "GET", "/v1/routing"))
    table = json.loads(Path(given.set).read_text(encoding="utf-8"))
    return _show(_ask(settings, given, "PUT", "/v1/routing", table))


def _ask(
    settings: ServerSettings, given: argparse.Namespace, method: str, path: str, body: Any = None
) -> Any:
    key = given.key or os.environ.get(KEY_VARIABLE)
    return remote.ask(settings.listen, key, method, path, body)


def _show(answer: Any) -> int:
    print(json.dumps(answer, indent=2))
    return 0


def _date(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") if at else "-"

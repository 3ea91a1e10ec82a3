"""`hone-server`: the command line of the gateway.

Knows the subcommands and how their results are printed. Does not know what they do.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from typing import Any

import httpx
import uvicorn

from feedback_store.errors import StoreError
from feedback_store.events import Scope
from feedback_store.settings import ConfigError, SettingsParser, add_flags, load, overrides_of
from feedback_store.store import Store
from server import __version__, logs, sockets
from server.app import create_app
from server.audit import Audit
from server.auth import Caller, KeyRing
from server.base_model import check_model
from server.config import ServerSettings
from server.traces import available

CONFIG_EXIT = 2
SHELL = Caller("shell", "", frozenset(Scope), "shell")
"""Whoever can run this on the data folder; who that is only the system knows."""
FAILED_EXIT = 1
CALL_TIMEOUT_S = 30.0
IDLE_CONNECTION_S = 60
"""Longer than Hone's own clients keep an idle connection: none is closed under their hands."""
RUN_EXAMPLES = """examples:
  hone-server run
  hone-server run --data.folder /srv/hone --listen.port 9000
  hone-server run --engine.managed false --engine.url http://127.0.0.1:8000

The managed vLLM takes half a minute to come up; /readyz tells when it has.
"""
KEYS_EXAMPLES = """examples:
  hone-server keys create --user ada --team compilers --scope suggest --scope feedback
  hone-server keys create --user trainer --team ops --scope train
  hone-server keys list
  hone-server keys revoke 0123456789ab
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = _parser().parse_args(_with_default(sys.argv[1:] if arguments is None else arguments))
    try:
        settings = load(ServerSettings, "server", given.config, overrides_of(given))
        return int(given.run(settings, given))
    except ConfigError as error:
        return _fail(str(error), CONFIG_EXIT)
    except (StoreError, OSError, ValueError, KeyError) as error:
        return _fail(str(error), FAILED_EXIT)


def run(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Serve until told to end; whatever was acknowledged is on disk then."""
    refuse_open_bind(settings)
    if settings.observe.traces and not available():
        raise ConfigError(
            "observe.traces needs OpenTelemetry: pip install '.[traces]' in its folder"
        )
    check_model(settings)
    logs.set_up(settings.observe.log)
    settings.data.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal that ended it once more; by then all is done, so exit with 0.
        signal.signal(number, lambda *_: None)
    with Store.open(settings.data.folder, settings.store) as store:
        server = uvicorn.Server(_uvicorn_config(settings, store))
        path = settings.listen.socket
        if path is None:
            asyncio.run(server.serve())
        else:
            bound = sockets.bind(path, int(settings.listen.socket_mode, 8))
            try:
                asyncio.run(server.serve([bound]))
            finally:
                path.unlink(missing_ok=True)
    return 0 if server.started else FAILED_EXIT


def _uvicorn_config(settings: ServerSettings, store: Store) -> uvicorn.Config:
    listen = settings.listen
    return uvicorn.Config(
        create_app(settings, store),
        host=listen.host,
        port=listen.port,
        **_tls(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(listen.drain_s) + 1,
        timeout_keep_alive=IDLE_CONNECTION_S,
    )


def _tls(settings: ServerSettings) -> dict[str, Any]:
    cert, key = settings.listen.tls_cert, settings.listen.tls_key
    return {"ssl_certfile": str(cert), "ssl_keyfile": key and str(key)} if cert else {}


def refuse_open_bind(settings: ServerSettings) -> None:
    """Refuse to serve other machines or users while anybody would be let in.

    Raises:
        ConfigError: no key exists, and the address is not loopback or the socket not private.
    """
    listen = settings.listen
    if not listen.reaches_others():
        return
    if settings.oidc.issuer or KeyRing(settings.data.folder).exists():
        return
    if listen.socket is not None:
        whom = f"listen.socket_mode {listen.socket_mode} lets other users in"
        instead = "leave it at 600"
    else:
        whom = f"listen.host {listen.host} is reachable from other machines"
        instead = "listen on 127.0.0.1"
    raise ConfigError(
        f"{whom} and there are no API keys: create one with `hone-server keys create`, or {instead}"
    )


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
    for key in KeyRing(settings.data.folder).records():
        state = "revoked" if key.revoked_at else "valid"
        print(f"{key.id}  {state:8} {key.user}  {key.team}  {' '.join(key.scopes)}")
    return 0


def revoke_key(settings: ServerSettings, given: argparse.Namespace) -> int:
    """End a key at once."""
    if settings.data.folder.is_dir():
        Audit(settings.data.folder).write(SHELL, "revoke key", id=given.id)
    if KeyRing(settings.data.folder).revoke(given.id):
        return 0
    return _fail(f"there is no valid key {given.id}; see `hone-server keys list`", FAILED_EXIT)


def show_status(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Print the status of the running gateway."""
    return _call(settings, given, "GET", "/v1/status")


def roll_back(settings: ServerSettings, given: argparse.Namespace) -> int:
    """Swap the live policy and the one before in the running gateway."""
    return _call(settings, given, "POST", "/v1/rollback")


def _call(settings: ServerSettings, given: argparse.Namespace, method: str, path: str) -> int:
    listen = settings.listen
    socket = str(listen.socket) if listen.socket else None
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    headers = {"Authorization": f"Bearer {given.key}"} if given.key else {}
    transport = httpx.HTTPTransport(uds=socket)
    try:
        with httpx.Client(transport=transport, timeout=CALL_TIMEOUT_S, headers=headers) as client:
            answer = client.request(method, f"http://{host}:{listen.port}{path}")
    except httpx.HTTPError as error:
        return _fail(f"no gateway answers at {socket or host}: {error}", FAILED_EXIT)
    if answer.is_error:
        return _fail(answer.json().get("detail", answer.text), FAILED_EXIT)
    print(json.dumps(answer.json(), indent=2))
    return 0


def _fail(text: str, code: int) -> int:
    print(f"hone-server: {text}", file=sys.stderr)
    return code


def _with_default(arguments: Sequence[str]) -> list[str]:
    """`run` is what one means by no subcommand."""
    named = any(argument in ("run", "keys", "status", "rollback") for argument in arguments[:1])
    asks = any(argument in ("-h", "--help", "--version") for argument in arguments[:1])
    return [*arguments] if named or asks else ["run", *arguments]


def _parser() -> SettingsParser:
    parser = SettingsParser(
        prog="hone-server",
        description="Serve suggestions, take feedback, keep policy versions. Owns the data folder.",
        epilog=RUN_EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"hone-server {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _command(commands, "run", run, "serve (the default)", RUN_EXAMPLES)
    for name, action, text in (
        ("status", show_status, "print the running gateway's status"),
        ("rollback", roll_back, "go back to the policy version before, at once"),
    ):
        command = _command(commands, name, action, text, f"example:\n  hone-server {name}\n")
        command.add_argument("--key", help="API key, where the gateway has keys")
    keys = commands.add_parser(
        "keys",
        help="create, list and revoke API keys",
        description="Create, list and revoke API keys.",
        epilog=KEYS_EXAMPLES,
    )
    actions = keys.add_subparsers(dest="action", required=True)
    create = _command(actions, "create", create_key, "create a key; shown once", KEYS_EXAMPLES)
    create.add_argument("--user", required=True, help="whose key it is; stored as a pseudonym")
    create.add_argument("--team", required=True, help="the team that its feedback counts for")
    create.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=list(map(str, Scope)),
        help="what it may do; give it several times for several scopes",
    )
    _command(actions, "list", list_keys, "list the keys, without secrets", KEYS_EXAMPLES)
    revoke = _command(actions, "revoke", revoke_key, "end a key at once", KEYS_EXAMPLES)
    revoke.add_argument("id", help="the key's id, from `keys list`")
    return parser


def _command(
    commands: Any, name: str, action: Any, text: str, epilog: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog
    )
    add_flags(parser, ServerSettings)
    parser.set_defaults(run=action)
    return parser


if __name__ == "__main__":
    sys.exit(main())

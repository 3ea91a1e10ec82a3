"""`hone-server`: the command line of the gateway.

Knows the subcommands and how their results are printed. Does not know what they do.
"""

import argparse
import math
import os
import signal
import ssl
import sys
from collections.abc import Collection, Sequence
from typing import Any

import uvicorn

from feedback_store.errors import StoreError
from feedback_store.events import Scope
from feedback_store.settings import ConfigError, SettingsParser, add_flags, load, overrides_of
from feedback_store.store import Store
from server import __version__, commands, heads, logs, sockets
from server.app import create_app
from server.auth import KeyRing
from server.base_model import check_model
from server.commands import KEY_VARIABLE
from server.config import ListenSettings, ServerSettings
from server.engine.installed import check_vllm
from server.traces import available

CONFIG_EXIT = 2
FAILED_EXIT = 1
WHERE = ("listen.host", "listen.port", "listen.socket", "listen.tls_cert")
"""All that one has to know to find the running gateway."""
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
  hone-server keys create --data.folder /srv/hone --user root --team ops --scope admin
  hone-server keys list
  hone-server keys revoke 0123456789ab

The gateway's data folder is meant: as the user that it runs as, with its --config or --data.folder.
"""
CALL_NOTES = f"""Where the gateway listens is read from its own settings: give it the same --config.
Once there are keys, set {KEY_VARIABLE} (scope admin, except for status).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = _parser().parse_args(_with_default(sys.argv[1:] if arguments is None else arguments))
    try:
        # The key is no setting: it is whoever asks who has it, not the gateway.
        environ = {name: text for name, text in os.environ.items() if name != KEY_VARIABLE}
        settings = load(ServerSettings, "server", given.config, overrides_of(given), environ)
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
    check_vllm(settings.engine)
    check_files(settings.listen)
    logs.set_up(settings.observe.log)
    settings.data.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal that ended it once more; by then all is done, so exit with 0.
        signal.signal(number, lambda *_: None)
    with Store.open(settings.data.folder, settings.store) as store:
        server = uvicorn.Server(_uvicorn_config(settings, store))
        path = settings.listen.socket
        if path is None:
            server.run()
        else:
            bound = sockets.bind(path, int(settings.listen.socket_mode, 8))
            try:
                server.run([bound])
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
        http=heads.bounded(listen.head_timeout_s),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(listen.drain_s),
        timeout_keep_alive=IDLE_CONNECTION_S,
    )


def _tls(settings: ServerSettings) -> dict[str, Any]:
    cert, key = settings.listen.tls_cert, settings.listen.tls_key
    return {"ssl_certfile": str(cert), "ssl_keyfile": key and str(key)} if cert else {}


def check_files(listen: ListenSettings) -> None:
    """Refuse a certificate that cannot be served, and a socket that has no folder.

    Raises:
        ConfigError: which setting names what.
    """
    if listen.socket is not None and not listen.socket.absolute().parent.is_dir():
        raise ConfigError(
            f"listen.socket {listen.socket}: there is no folder {listen.socket.absolute().parent}"
        )
    if listen.tls_cert is None:
        return
    try:
        # What asks for a passphrase would wait for somebody to type it.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(listen.tls_cert, listen.tls_key, password=lambda: b"")
    except OSError as error:
        missing = [str(f) for f in (listen.tls_cert, listen.tls_key) if f and not f.is_file()]
        why = f"there is no file {missing[0]}" if missing else str(error)
        named = f"listen.tls_cert {listen.tls_cert}, listen.tls_key {listen.tls_key}"
        raise ConfigError(f"{named}: {why}") from error


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


def _fail(text: str, code: int) -> int:
    print(f"hone-server: {text}", file=sys.stderr)
    return code


def _with_default(arguments: Sequence[str]) -> list[str]:
    """`run` is what one means by no subcommand."""
    first = arguments[0] if arguments else "--"
    asks = first in ("-h", "--help", "--version")
    return ["run", *arguments] if first.startswith("-") and not asks else [*arguments]


def _parser() -> SettingsParser:
    parser = SettingsParser(
        prog="hone-server",
        description="Serve suggestions, take feedback, keep policy versions. Owns the data folder.",
        epilog=RUN_EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"hone-server {__version__}")
    parts = parser.add_subparsers(dest="command", required=True)
    _command(parts, "run", run, "serve (the default)", RUN_EXAMPLES)
    _add_calls(parts)
    _add_keys(parts)
    return parser


def _add_calls(parts: Any) -> None:
    """Add what asks the running gateway."""

    def call(name: str, action: Any, text: str, example: str = "") -> argparse.ArgumentParser:
        epilog = f"example:\n  hone-server {name} {example}".rstrip() + f"\n\n{CALL_NOTES}"
        made = _command(parts, name, action, text, epilog, WHERE)
        made.add_argument("--key", help=f"API key; ps shows flags: better in {KEY_VARIABLE}")
        return made

    call("status", commands.show_status, "print the running gateway's status")
    text = "go back to the policy version before, at once"
    back = call("rollback", commands.roll_back, text, "--live hone-000042")
    back.add_argument("--live", metavar="NAME", help="only if this is live (default: what is now)")
    promote = call("promote", commands.promote, "make a version that passed live", "hone-000042")
    text = "end a candidate or a canary for good"
    refuse = call("refuse", commands.refuse, text, 'hone-000042 --why "too slow"')
    refuse.add_argument("--why", default="", help="the reason, for the audit log and the page")
    for one in (promote, refuse):
        one.add_argument("name", help="the version")
    call("pause", commands.pause, "let versions that pass wait to be promoted by hand")
    call("resume", commands.resume, "let versions that pass go live by themselves again")
    text = "show or replace which team and language gets which version"
    table = call("routing", commands.routing, text, "--set routes.json")
    table.add_argument(
        "--set", metavar="FILE", help='JSON: {"routes": [{"team", "language", ...}]}'
    )


def _add_keys(parts: Any) -> None:
    keys = parts.add_parser(
        "keys",
        help="create, list and revoke API keys",
        description="Create, list and revoke API keys.",
        epilog=KEYS_EXAMPLES,
    )
    actions = keys.add_subparsers(dest="action", required=True)

    def action(name: str, does: Any, text: str) -> argparse.ArgumentParser:
        return _command(actions, name, does, text, KEYS_EXAMPLES, ("data.folder",))

    create = action("create", commands.create_key, "create a key; shown once")
    user, team = "whose key it is; stored as a pseudonym", "the team that its feedback counts for"
    create.add_argument("--user", required=True, type=_named, help=user)
    create.add_argument("--team", required=True, type=_named, help=team)
    create.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=list(map(str, Scope)),
        help="what it may do; give it several times for several scopes",
    )
    action("list", commands.list_keys, "list the keys, without secrets")
    revoke = action("revoke", commands.revoke_key, "end a key at once")
    revoke.add_argument("id", help="the key's id, from `keys list`")


def _named(text: str) -> str:
    """Return a name that is one: feedback of nobody in particular could not be erased."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text.strip()


def _command(
    parts: Any,
    name: str,
    action: Any,
    text: str,
    epilog: str,
    only: Collection[str] | None = None,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = parts.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog
    )
    add_flags(parser, ServerSettings, only)
    parser.set_defaults(run=action)
    return parser


if __name__ == "__main__":
    sys.exit(main())

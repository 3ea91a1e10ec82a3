"""The `hone-lsp` command: serve an editor, log in, check the set-up.

Knows arguments and exit codes. Imports the server only when it is to serve.
"""

import argparse
import getpass
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from feedback_store import __version__
from lsp.config import (
    SECRETS,
    ConfigError,
    Settings,
    environment,
    leaves,
    load,
    unknown_setting,
)

EPILOG = """examples:
  hone-lsp                                  serve on stdin and stdout (what an editor starts)
  hone-lsp --gateway.url https://hone.example
  hone-lsp --ws 127.0.0.1:0 --ws.origins http://localhost:8080
                                            serve a page in a browser; prints the address
  hone-lsp login                            store the key that `hone-server keys create` showed
  hone-lsp doctor                           check configuration, gateway and key

configuration, later ones win: ~/.config/hone/lsp.toml (or --config, or HONE_LSP_CONFIG),
HONE_LSP_SECTION__NAME in the environment, flags."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code: 0 well, 1 a check failed, 2 unusable configuration."""
    arguments = sys.argv[1:] if arguments is None else arguments
    environ = environment()
    try:
        _refuse_misspelt(arguments)
        options = _parser().parse_args(arguments)
        if sys.platform == "win32":
            raise ConfigError("Windows is not supported yet; in WSL hone-lsp runs as on Linux")
        given = ((name, getattr(options, name, None)) for name, _ in leaves(Settings))
        flags = {name: value for name, value in given if value is not None}
        settings = load(getattr(options, "config", None), flags, environ)
        if options.command is not None:
            return _do(options.command, settings, environ, as_json=getattr(options, "json", False))
        return _serve(settings, getattr(options, "ws", None))
    except ConfigError as error:
        print(f"hone-lsp: {error}", file=sys.stderr)
        return 2


def _do(command: str, settings: Settings, environ: Mapping[str, str], *, as_json: bool) -> int:
    if command == "login":
        return _login(settings, environ)
    if command == "logout":
        return _logout(settings, environ)
    from lsp.doctor import examine, report_briefly

    if command == "status":
        return report_briefly(settings, environ)
    return examine(settings, environ, as_json=as_json)


def _refuse_misspelt(arguments: Sequence[str]) -> None:
    """Name the nearest setting, which argparse would not."""
    known = {name for name, _ in leaves(Settings)} - SECRETS
    for argument in arguments:
        name = argument.partition("=")[0].removeprefix("--")
        if argument.startswith("--") and "." in name and name not in known:
            raise ConfigError(unknown_setting(name))


def _parser() -> argparse.ArgumentParser:
    flags = _flags()
    parser = argparse.ArgumentParser(
        prog="hone-lsp",
        description="Hone's language server: suggests the next edit, learns what became of it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        parents=[flags],
    )
    parser.add_argument("--version", action="version", version=f"hone-lsp {__version__}")
    parser.add_argument(
        "--ws",
        nargs="?",
        const="127.0.0.1:0",
        metavar="HOST:PORT",
        help="serve editors in a browser over WebSocket, on loopback; needs --ws.origins",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in (
        ("login", "store the gateway's key in the keyring, or a file that only you can read"),
        ("logout", "forget the gateway's key"),
        ("doctor", "check configuration, gateway and key, and say what to do"),
        ("status", "say in one line whether the gateway answers, and how much feedback waits"),
    ):
        about = text.capitalize() + "."
        made = commands.add_parser(
            name, help=text, description=about, parents=[flags], epilog=f"example: hone-lsp {name}"
        )
        if name == "doctor":
            made.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser


def _flags() -> argparse.ArgumentParser:
    """Return the flags that may stand before and after a command."""
    flags = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    flags.add_argument("--config", type=Path, help="configuration file (TOML)")
    # Editors' clients pass this by habit; it is what happens anyway.
    flags.add_argument("--stdio", action="store_true", help=argparse.SUPPRESS)
    for name, text in leaves(Settings):
        if name not in SECRETS:
            flags.add_argument(f"--{name}", metavar="VALUE", help=text.replace("%", "%%"))
    return flags


def _serve(settings: Settings, address: str | None) -> int:
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s"
    )
    # Ours alone: at their lower levels other packages write down whole messages, code included.
    logging.getLogger("lsp").setLevel(settings.log.level.upper())
    if address is not None:
        from lsp.sockets import run

        return run(settings, environment(), address)
    from lsp.app import build
    from lsp.stdio import serve

    server = build(settings, environment())
    try:
        serve(server)
    finally:
        server.settle()
    return 0


def _login(settings: Settings, environ: Mapping[str, str]) -> int:
    from lsp.credentials import store_key

    ask = getpass.getpass if sys.stdin.isatty() else (lambda prompt: sys.stdin.readline())
    key = ask(f"Key for {settings.gateway.url}: ").strip()
    if not key:
        print("hone-lsp: no key given; nothing is stored", file=sys.stderr)
        return 1
    place = store_key(settings.gateway.url, key, environ)
    print(f"The key for {settings.gateway.url} is stored in {place}. Check it: hone-lsp doctor")
    return 0


def _logout(settings: Settings, environ: Mapping[str, str]) -> int:
    from lsp.credentials import forget_key

    known = forget_key(settings.gateway.url, environ)
    what = "is forgotten" if known else "was not stored"
    print(f"The key for {settings.gateway.url} {what}.")
    if settings.gateway.key is not None or settings.gateway.key_command:
        print("Another one comes from your settings or the environment.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

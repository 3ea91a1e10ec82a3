"""The `hone-lsp` command: serve on standard input and output, log in, check the set-up.

Knows arguments and exit codes. Imports the server only when it is to serve.
"""

import argparse
import getpass
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from feedback_store import __version__
from lsp.config import ConfigError, Settings, environment, leaves, load, unknown_setting

EPILOG = """examples:
  hone-lsp                                  serve on stdin and stdout (what an editor starts)
  hone-lsp --gateway.url https://hone.example
  hone-lsp login                            store the key that `hone-server keys create` showed
  hone-lsp doctor                           check configuration, gateway and key

configuration, later ones win: ~/.config/hone/lsp.toml (or --config, or HONE_LSP_CONFIG),
HONE_LSP_SECTION__NAME in the environment, flags."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code: 0 well, 1 a check failed, 2 unusable configuration."""
    options, unknown = _parser().parse_known_args(arguments)
    environ = environment()
    given = ((name, getattr(options, name, None)) for name, _ in leaves(Settings))
    flags = {name: value for name, value in given if value is not None}
    try:
        if unknown:
            raise ConfigError(unknown_setting(unknown[0].partition("=")[0].lstrip("-")))
        settings = load(options.config, flags, environ)
    except ConfigError as error:
        print(f"hone-lsp: {error}", file=sys.stderr)
        return 2
    if options.command == "login":
        return _login(settings)
    if options.command in ("doctor", "status"):
        from lsp.doctor import examine

        return examine(settings, environ, brief=options.command == "status")
    return _serve(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hone-lsp",
        description="Hone's language server: suggests the next edit, learns what became of it.",
        allow_abbrev=False,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hone-lsp {__version__}")
    parser.add_argument("--config", type=Path, help="configuration file (TOML)")
    # Editors' clients pass this by habit; it is what happens anyway.
    parser.add_argument("--stdio", action="store_true", help=argparse.SUPPRESS)
    for name, text in leaves(Settings):
        if name != "gateway.key":
            parser.add_argument(f"--{name}", metavar="VALUE", help=text.replace("%", "%%"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in (
        ("login", "store the gateway's key in a file that only you can read"),
        ("doctor", "check configuration, gateway and key, and say what to do"),
        ("status", "say in one line whether the gateway answers, and how much feedback waits"),
    ):
        commands.add_parser(name, help=text, description=text.capitalize() + ".")
    return parser


def _serve(settings: Settings) -> int:
    from lsp.app import build

    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s"
    )
    server = build(settings, environment())
    try:
        server.start_io()
    finally:
        server.settle()
    return 0


def _login(settings: Settings) -> int:
    from lsp.credentials import store_key

    ask = getpass.getpass if sys.stdin.isatty() else (lambda prompt: sys.stdin.readline())
    key = ask(f"Key for {settings.gateway.url}: ").strip()
    if not key:
        print("hone-lsp: no key given; nothing is stored", file=sys.stderr)
        return 1
    path = store_key(settings.gateway.url, key, environment())
    print(f"The key for {settings.gateway.url} is stored in {path}. Check it: hone-lsp doctor")
    return 0


if __name__ == "__main__":
    sys.exit(main())

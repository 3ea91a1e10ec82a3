"""`hone-store`: look after a data folder, while the gateway runs or not.

Knows commands, flags and exit codes. What a command does is in feedback_store.commands, how its
answer looks in feedback_store.showing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from feedback_store import __version__, commands
from feedback_store.config import StoreConfig
from feedback_store.errors import StoreError
from feedback_store.folder import LOG
from feedback_store.remote import GatewayRefused
from feedback_store.settings import ConfigError, SettingsParser, add_flags, load, overrides_of
from feedback_store.showing import show

_EPILOG = """\
examples:
  hone-store stats --data.folder /srv/hone
  hone-store query "SELECT outcome, count(*) FROM outcomes GROUP BY ALL"
  hone-store erase --user ann
  hone-store rebuild --compare

The folder belongs to one program at a time. While hone-server runs, its gateway is asked to do
what the command says; that needs a key with the scope admin (HONE_STORE_GATEWAY__KEY), once there
are keys.
Exit codes: 0 done, 1 something is wrong, 2 the command or the configuration is, 3 the folder is
owned by another program that does not answer, or that refuses.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `hone-store`; return its exit code."""
    given = _parser().parse_args(argv)
    try:
        config = load(StoreConfig, "store", given.config, overrides_of(given))
    except ConfigError as error:
        return _complain(error, 2)
    folder = config.data.folder
    if not (folder / LOG).is_dir():
        return _complain(f"{folder} is no data folder: it has no {LOG}/; set --data.folder", 2)
    try:
        answer = given.run(given, commands.Place(folder, config))
    except GatewayRefused as error:
        return _complain(error, 3)
    except (StoreError, OSError) as error:
        return _complain(error, 1)
    text, code = show(given.command, answer, given.json)
    print(text)
    return code


def _parser() -> SettingsParser:
    parser = SettingsParser(
        prog="hone-store",
        description="Look after Hone's data folder: event log, database, training batches.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"hone-store {__version__}")
    subs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        sub = subs.add_parser(name, help=text, description=text, epilog=_EPILOG)
        sub.set_defaults(run=run)
        sub.add_argument("--json", action="store_true", help="print the answer as JSON")
        add_flags(sub, StoreConfig)
        return sub

    command("stats", commands.stats, "Show counts, sizes and what is unfinished.")
    query = command("query", commands.query, "Ask one SELECT.")
    query.add_argument("sql", help="the SELECT")
    query.add_argument("--content", action="store_true", help="also from tables that hold code")
    export = command("export", commands.export, "Publish the next training batch.")
    export.add_argument("--min-items", type=int, default=1, help="fewer make no batch (default: 1)")
    export.add_argument("--max-items", type=int, default=10_000, help="most (default: 10000)")
    imported = command("import", commands.take_in, "Store what another store's log holds.")
    imported.add_argument("path", type=Path, help="a data folder, a backup, or segments of a log")
    erase = command("erase", commands.erase, "Erase a user from every file, for good.")
    erase.add_argument("--user", required=True, help="the name in the keys, or the pseudonym")
    command("retain", commands.retain, "Remove what was kept long enough (retention settings).")
    command("compact", commands.compact, "Make the database file anew, without holes.")
    rebuild = command("rebuild", commands.rebuild, "Make the database anew from the event log.")
    rebuild.add_argument(
        "--compare", action="store_true", help="replace the database only if it is equal"
    )
    backup = command("backup", commands.backup, "Copy log, batches and keys into a new folder.")
    backup.add_argument("--to", type=Path, help="where, if no gateway runs (default: backups/)")
    verify = command("verify", commands.verify, "Check the log, the database and the batches.")
    verify.add_argument("--quick", action="store_true", help="do not compare row for row")
    return parser


def _complain(error: object, code: int) -> int:
    print(f"hone-store: {error}", file=sys.stderr)
    return code

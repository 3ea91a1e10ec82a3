"""`hone-store`: look after a data folder while no gateway owns it.

Knows commands, exit codes and how things are shown. The work is done elsewhere:
feedback_store.maintenance and feedback_store.store.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedback_store import __version__, maintenance
from feedback_store.config import StoreConfig
from feedback_store.errors import StoreError
from feedback_store.export import Export
from feedback_store.settings import ConfigError, SettingsParser, add_flags, load, overrides_of
from feedback_store.store import LOG, FolderLock, Store, recover

_EPILOG = """\
examples:
  hone-store info --data.folder /srv/hone
  hone-store check --data.folder /srv/hone
  hone-store rebuild --compare

The folder belongs to one program at a time: stop hone-server first, or ask it over HTTP.
Exit codes: 0 done, 1 something is wrong, 2 the command or the configuration is, 3 the folder is
owned by another program.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `hone-store`; return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        config = load(StoreConfig, "store", arguments.config, overrides_of(arguments))
    except ConfigError as error:
        return _complain(error, 2)
    folder = config.data.folder
    if not (folder / LOG).is_dir():
        return _complain(f"{folder} is no data folder: it has no {LOG}/; set --data.folder", 2)
    try:
        return arguments.run(arguments, config, folder)
    except (StoreError, OSError) as error:
        return _complain(error, 3 if type(error).__name__ == "StoreLocked" else 1)


def _parser() -> SettingsParser:
    parser = SettingsParser(
        prog="hone-store",
        description="Look after Hone's data folder: event log, database, training batches.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"hone-store {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, epilog=_EPILOG)
        sub.set_defaults(run=run)
        return sub

    info = command("info", _info, "Show counts, sizes and high-water marks.")
    info.add_argument("--json", action="store_true", help="print JSON instead of a table")
    check = command("check", _check, "Verify the log, the database and the batches.")
    check.add_argument("--quick", action="store_true", help="do not compare row for row")
    rebuild = command("rebuild", _rebuild, "Make the database anew from the event log.")
    rebuild.add_argument(
        "--compare", action="store_true", help="replace the database only if it is equal"
    )
    export = command("export", _export, "Publish the next training batch.")
    export.add_argument("--min-items", type=int, default=1, help="fewer make no batch (default: 1)")
    export.add_argument("--max-items", type=int, default=10_000, help="most (default: 10000)")
    for sub in (info, check, rebuild, export):
        add_flags(sub, StoreConfig)
    return parser


def _info(arguments: argparse.Namespace, config: StoreConfig, folder: Path) -> int:
    lock = FolderLock(folder)
    log, database = recover(folder, config.store)
    try:
        facts = maintenance.describe(folder, database)
    finally:
        database.close()
        log.close()
        lock.release()
    print(json.dumps(facts, indent=2) if arguments.json else _table(facts))
    return 0


def _check(arguments: argparse.Namespace, config: StoreConfig, folder: Path) -> int:
    lock = FolderLock(folder)
    try:
        report = maintenance.check(folder, config.store, deep=not arguments.quick)
    finally:
        lock.release()
    for line in report.looked_at:
        print(f"ok     {line}")
    for line in report.wrong:
        print(f"WRONG  {line}")
    return 1 if report.wrong else 0


def _rebuild(arguments: argparse.Namespace, config: StoreConfig, folder: Path) -> int:
    lock = FolderLock(folder)
    try:
        differences = maintenance.rebuild(folder, config.store, compare_first=arguments.compare)
    finally:
        lock.release()
    for one in differences:
        print(f"{one.table}: {one.only_first} rows only before, {one.only_second} only rebuilt")
    if differences:
        return _complain("the databases differ; the old one was kept", 1)
    print(f"rebuilt {folder} from its log" + (", row for row equal" if arguments.compare else ""))
    return 0


def _export(arguments: argparse.Namespace, config: StoreConfig, folder: Path) -> int:
    with Store.open(folder, config.store) as store:
        now = datetime.now(UTC)
        result = store.export(arguments.min_items, arguments.max_items, now=now)
    if isinstance(result, Export):
        print(f"published {result.folder} with {result.manifest['items']} suggestions")
        return 0
    print(f"{result.ready} suggestions are ready, {result.min_items} are needed: no batch made")
    return 1


def _table(facts: dict[str, Any]) -> str:
    """Lay nested counts out as lines of `name value`, sections set off by their title."""
    lines: list[str] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines.append(f"{name}" if value else f"{name:<28}{'-':>14}")
            lines += [f"  {key:<26}{_show(key, item):>14}" for key, item in value.items()]
        else:
            lines.append(f"{name:<28}{_show(name, value):>14}")
    return "\n".join(lines)


def _show(name: str, value: Any) -> str:
    if name == "bytes":
        return f"{value / (1 << 20):,.1f} MiB"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _complain(error: object, code: int) -> int:
    print(f"hone-store: {error}", file=sys.stderr)
    return code

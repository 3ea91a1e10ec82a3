"""`hone-lsp doctor` and `hone-lsp status`: what works, what does not, and what to do about it.

Knows how to say it. Does not know how anything is found out (that is `lsp.checkup`). Changes
nothing.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from feedback_store import __version__
from feedback_store.events import WIRE_VERSION
from lsp.backlog import backlog
from lsp.checkup import Check, Checkup, State
from lsp.config import Settings, state_folder

MARKS = {State.GOOD: " ", State.NOTE: "!", State.BAD: "x"}


def examine(settings: Settings, environ: Mapping[str, str], *, as_json: bool = False) -> int:
    """Check everything and print the findings; 0 if suggestions can be had, 1 otherwise."""
    checks = asyncio.run(Checkup(settings, environ, Path.cwd()).run())
    well = all(check.state != State.BAD for check in checks)
    if as_json:
        found = {"ok": well, "version": __version__, "wire_version": WIRE_VERSION}
        print(json.dumps(found | {"checks": [asdict(check) for check in checks]}, indent=2))
    else:
        for check in checks:
            print(_line(check))
        print("all is well" if well else "what is marked x keeps suggestions away")
    return 0 if well else 1


def report_briefly(settings: Settings, environ: Mapping[str, str]) -> int:
    """Print one line; 0 if the gateway answers, 1 otherwise."""
    check = asyncio.run(Checkup(settings, environ, Path.cwd()).greet())
    state = "answers" if check is None else f"does not answer: {check.said}"
    spool = settings.spool.folder or state_folder(environ) / "spool"
    found = backlog(spool, time.time())
    print(f"{settings.gateway.url} {state}; {found.events} events wait to be sent")
    return 0 if check is None else 1


def _line(check: Check) -> str:
    lines = [f"{MARKS[check.state]} {check.name:15} {check.said}"]
    if check.advice:
        lines.append(f"  {'':15} -> {check.advice}")
    return "\n".join(lines)

"""`hone-lsp doctor` and `hone-lsp status`: what works, what does not, and what to do about it.

Knows how to ask the gateway once and how to say it. Changes nothing.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

from feedback_store import __version__
from feedback_store.events import WIRE_VERSION, Hello, Reason
from lsp.config import Settings, default_file, state_folder
from lsp.credentials import find_key
from lsp.gateway import Gateway, Silence


def examine(settings: Settings, environ: Mapping[str, str], *, brief: bool) -> int:
    """Print the findings; 0 if suggestions can be had, 1 otherwise."""
    key = find_key(settings.gateway, environ)
    hello, trouble, took_ms = asyncio.run(_greet(settings, key))
    waiting = _waiting(settings.spool.folder or state_folder(environ) / "spool")
    if brief:
        state = "answers" if hello else f"does not answer: {trouble.detail}"
        print(f"{settings.gateway.url} {state}; {waiting} events wait to be sent")
        return 0 if hello else 1
    file = default_file(environ)
    print(f"hone-lsp        {__version__}, wire version {WIRE_VERSION}")
    print(f"configuration   {file or 'defaults; no file'}")
    print(f"gateway         {settings.gateway.url}")
    print(f"key             {'present' if key else 'none (fine for a local gateway without keys)'}")
    print(f"feedback        {settings.feedback.level.value}; {waiting} events wait to be sent")
    if hello is None:
        print(f"problem         {trouble.detail}")
        print(f"what to do      {_advice(trouble)}")
        return 1
    policy = hello.policy_version or "none (the base model answers)"
    print(f"answered        in {took_ms:.0f} ms: {hello.name} {hello.version}")
    print(f"model           {hello.base_model}, policy {policy}")
    print(f"records         at most {hello.feedback_level.value}")
    print("all is well")
    return 0


async def _greet(settings: Settings, key: str | None) -> tuple[Hello | None, Silence, float]:
    gateway = Gateway(settings.gateway, key, __version__)
    # The first call also imports and connects; only the second tells how fast the gateway is.
    await gateway.greet()
    begun = time.monotonic()
    hello = await gateway.greet()
    took_ms = 1000.0 * (time.monotonic() - begun)
    await gateway.close()
    return hello, gateway.trouble, took_ms


def _waiting(root: Path) -> int:
    """Count the events that wait in all spools."""
    count = 0
    for folder in root.glob("*/*"):
        try:
            acked = int((folder / "acked").read_text("utf-8") or "0")
            lines = (folder / "events.jsonl").read_text("utf-8").splitlines()
            count += sum(1 for line in lines if json.loads(line)["seq"] > acked)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return count


def _advice(trouble: Silence) -> str:
    if trouble.reason == Reason.NOT_ALLOWED:
        return "store the key of this gateway: hone-lsp login"
    if trouble.reason == Reason.DEADLINE:
        return "the machine is busy or a firewall swallows the request; raise gateway.timeout_s"
    if "update" in trouble.detail:
        return "as said: install the newer version there"
    return "start the gateway (hone-server), or set gateway.url to where it listens"

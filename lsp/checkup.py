"""One check after another: configuration, workspace, key, way, certificate, gateway, engine, spool,
start.

Knows what to look at, and what a person can do where it is not as it should be. Asks the gateway
a few times; changes nothing and stores nothing. Does not know how it is printed.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from feedback_store import __version__
from feedback_store.events import WIRE_VERSION, Reason, SuggestResponse
from lsp.backlog import backlog
from lsp.config import ConfigError, Settings, default_file, load_workspace, state_folder
from lsp.connection import exchange, open_client, route_to, trusted, watched
from lsp.consent import RECORDED, lowest
from lsp.credentials import Found, find_key
from lsp.exclude import Exclusions
from lsp.gateway import Gateway, authorization
from lsp.gitrules import users_file
from lsp.trial import tried
from lsp.tryout import introduced

ASKED = 5
"""How often the gateway is asked to learn how fast it is."""
SLOW_MS = 100.0
"""A slower gateway is felt, whatever the model does."""
SOON_DAYS = 21
UNREADABLE = "update the older of hone-lsp and the gateway"
UNANSWERED: Mapping[Reason | None, str] = {
    Reason.ENGINE_DOWN: "the gateway has no engine: start it there, and wait until /readyz is 200",
    Reason.DEADLINE: "raise suggest.deadline_ms, or give the engine a faster machine",
    Reason.OVERLOADED: "try again later; if it stays, the gateway needs more engines",
    Reason.GATEWAY_DOWN: "look at the gateway's log",
    Reason.NOT_ALLOWED: "store a key that may ask for suggestions: hone-lsp login",
}
"""Why the model gave no answer, and what to do."""


class State(StrEnum):
    """What a check came to."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Check:
    """One finding."""

    name: str
    state: State
    said: str
    advice: str = ""


class Checkup:
    """All checks of one set-up, for somebody who works in `folder`."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        folder: Path,
        python: str = sys.executable,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._folder = folder
        self._python = python
        self._route = route_to(settings.gateway)
        self._found = Found(None, "nowhere")
        self._gateway = Gateway(settings.gateway, lambda: self._found, __version__)

    async def run(self) -> list[Check]:
        """Return the findings, in the order in which one would look."""
        parts: tuple[Callable[[], Awaitable[list[Check]]], ...] = (
            self._configuration,
            self._workspace,
            self._key,
            self._way,
            self._answers,
            self._suggestion,
            self._spool,
            self._start,
        )
        return [check for part in parts for check in await part()]

    async def greet(self) -> Check | None:
        """Ask the gateway once; what is wrong, or None."""
        if self._found.source == "nowhere":
            self._found = await asyncio.to_thread(find_key, self._settings.gateway, self._environ)
        hello = await self._gateway.greet()
        await self._gateway.close()
        if hello is not None:
            return None
        trouble = self._gateway.trouble
        return Check("gateway", State.BAD, trouble.detail, self._advice(trouble.reason))

    async def _configuration(self) -> list[Check]:
        file = default_file(self._environ)
        said = f"{file or 'defaults; no file'}; hone-lsp {__version__}, wire version {WIRE_VERSION}"
        return [Check("configuration", State.GOOD, said)]

    async def _workspace(self) -> list[Check]:
        settings = self._settings.exclude
        patterns = settings.patterns
        try:
            patterns += load_workspace(self._folder).exclude.patterns
        except ConfigError as error:
            return [
                Check(
                    "workspace",
                    State.NOTE,
                    str(error),
                    "mend or remove that file: until then nothing of the folder is sent",
                )
            ]
        git = users_file(self._folder, self._environ)
        rules = Exclusions(self._folder, patterns, settings.workspaces, git)
        # Any file: what refuses this one refuses the folder.
        if why := rules.reason(self._folder / "any-file"):
            advice = "suggestions come in folders that are not excluded"
            return [Check("workspace", State.NOTE, f"{self._folder} is excluded: {why}", advice)]
        count = f", {len(patterns)} patterns of your own" if patterns else ""
        return [Check("workspace", State.GOOD, f"{self._folder} is not excluded{count}")]

    async def _key(self) -> list[Check]:
        self._found = await asyncio.to_thread(find_key, self._settings.gateway, self._environ)
        if self._found.trouble:
            return [Check("key", State.BAD, self._found.trouble, self._key_advice())]
        if self._found.key:
            return [Check("key", State.GOOD, f"found in {self._found.source}")]
        return [Check("key", State.GOOD, "none, which is fine for a local gateway without keys")]

    def _key_advice(self) -> str:
        if self._settings.gateway.key_command:
            return "run that command by hand: it must print the key on its first line"
        return "as said; until then the gateway is asked without a key"

    async def _way(self) -> list[Check]:
        route = self._route
        if route.proxy:
            said = f"to {route.url} through the proxy {route.proxy_name}"
            advice = f"if it should not, add {route.host} to NO_PROXY"
            return [Check("way", State.GOOD, said, advice)]
        how = "a socket" if route.socket else "directly, without a proxy"
        checks = [Check("way", State.GOOD, f"to {route.url}: {how}")]
        if not route.encrypted and not route.local:
            said, advice = "code and key travel unencrypted", "give the gateway an https address"
            checks.append(Check("encryption", State.NOTE, said, advice))
        return checks

    async def _answers(self) -> list[Check]:
        if (trouble := await self.greet()) is not None:
            return [trouble]
        hello = self._gateway.hello
        assert hello is not None
        policy = hello.policy_version or "none (the base model answers)"
        said = f"{hello.name} {hello.version}, records at most {hello.feedback_level.value}"
        level = lowest(self._settings.feedback.level, hello.feedback_level)
        checks = [
            Check("gateway", State.GOOD, said),
            Check("model", State.GOOD, f"{hello.base_model}, policy {policy}"),
            Check("feedback", State.GOOD, f"{level.value}: {RECORDED[level]}"),
        ]
        return checks + await self._measured()

    async def _measured(self) -> list[Check]:
        """Ask a few times more, and look at the certificate that was shown."""
        took: list[float] = []
        trust = await asyncio.to_thread(trusted, self._route)
        certificates = watched(trust) if trust else []
        within = self._settings.gateway.timeout_s
        async with open_client(self._route, trust, __version__) as client:
            for _ in range(1 + ASKED):
                begun = time.monotonic()
                async with asyncio.timeout(within):
                    await exchange(client, "GET", "v1/hello", authorization(self._found.key))
                took.append(1000.0 * (time.monotonic() - begun))
        # The first one also connected.
        usual = statistics.median(took[1:])
        slow = usual > SLOW_MS
        advice = "look at the network, or at how busy the gateway is" if slow else ""
        speed = f"answers in {usual:.0f} ms, the first time {took[0]:.0f} ms"
        checks = [Check("latency", State.NOTE if slow else State.GOOD, speed, advice)]
        return [*checks, *map(self._trusted, certificates[-1:])]

    def _trusted(self, certificate: dict[str, Any]) -> Check:
        import ssl

        days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / 86_400
        by = self._route.ca_file or "what this machine trusts"
        said = f"of {self._route.host} is good for {days:.0f} days, by {by}"
        if days < SOON_DAYS:
            return Check("certificate", State.NOTE, said, "have it renewed on the gateway")
        return Check("certificate", State.GOOD, said)

    async def _suggestion(self) -> list[Check]:
        """Ask for what an editor's user gets: a gateway that answers may have no engine."""
        if self._gateway.hello is None:
            return []
        gateway = Gateway(self._settings.gateway, lambda: self._found, __version__)
        answer, took_ms = await tried(gateway, self._settings.suggest.deadline_ms)
        await gateway.close()
        reason = answer.reason
        if isinstance(answer, SuggestResponse) and reason not in UNANSWERED:
            said = f"the model answers in {took_ms:.0f} ms"
            return [Check("suggestion", State.GOOD, said)]
        said = f"{reason}: {answer.detail}" if answer.detail else str(reason)
        return [Check("suggestion", State.BAD, said, UNANSWERED.get(reason, UNREADABLE))]

    async def _spool(self) -> list[Check]:
        folder = self._settings.spool.folder or state_folder(self._environ) / "spool"
        at = folder
        while not at.exists():
            at = at.parent
        if not os.access(at, os.W_OK | os.X_OK):
            advice = "make it yours to write, or set spool.folder to a folder that is"
            return [Check("spool", State.BAD, f"{folder} cannot be written", advice)]
        found = backlog(folder, time.time())
        said, advice = [f"{found.events} events wait to be sent in {folder}"], []
        if found.refused:
            said.append(f"the gateway refused {found.refused}")
            advice.append("what was refused is in refused.jsonl; update the gateway, or report it")
        if found.unreadable:
            said.append(f"{found.unreadable} lines cannot be read")
            advice.append("what a crash cut short cannot be sent, and goes with what is around it")
        if found.events and found.oldest_s > 86_400:
            said.append(f"the oldest waits for {found.oldest_s / 86_400:.0f} days")
            advice.append("events are sent while an editor runs")
        state = State.NOTE if advice else State.GOOD
        return [Check("spool", state, "; ".join(said), "; ".join(advice))]

    async def _start(self) -> list[Check]:
        """Start the language server as an editor does, with a spool that nobody misses."""
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            environ = {**self._environ, "XDG_STATE_HOME": folder}
            try:
                name = await introduced(self._python, environ, folder)
            except (OSError, ValueError, EOFError, TimeoutError) as error:
                said = f"does not start: {error or type(error).__name__}"
                advice = f"start it by hand and see: {self._python} -m lsp.cli"
                return [Check("language server", State.BAD, said, advice)]
        took_ms = 1000.0 * (time.monotonic() - begun)
        return [Check("language server", State.GOOD, f"{name} starts and ends in {took_ms:.0f} ms")]

    def _advice(self, reason: Reason) -> str:
        detail = self._gateway.trouble.detail
        if reason == Reason.NOT_ALLOWED:
            return "store the key of this gateway: hone-lsp login"
        if reason == Reason.DEADLINE:
            return "the machine is busy or a firewall swallows the request; see gateway.timeout_s"
        if "update" in detail:
            return "as said: install the newer version there"
        if "certificate" in detail or "ca_file" in detail:
            return "set gateway.ca_file to the file of the authority's certificate (PEM)"
        if "proxy" in detail:
            return f"ask for {self._route.host} to be let through, or add it to NO_PROXY"
        return "start the gateway (hone-server), or set gateway.url to where it listens"

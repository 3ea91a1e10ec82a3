"""Policy versions as the running gateway keeps them: the book, its store, and the engine.

Knows the order of things: verify, load, write down, and only then serve. Does not know the rules
(`server.policies`), files (`server.adapters`) or HTTP.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from feedback_store.events import Decision, PolicyInfo
from feedback_store.publish import BadManifest, read_manifest
from feedback_store.store import Store
from server import policies, routing
from server.adapters import Adapter, BadAdapter, Base, verify
from server.book import Status, StatusChange, UnknownPolicy
from server.engine.errors import EngineDown
from server.files import on_disk, write_private
from server.fleet import Fleet
from server.policies import Seen
from server.replay import replay
from server.routing import Table

ADAPTER_KIND = "policy"
SNAPSHOT_KIND = "snapshot"


class Registry:
    """All changes of policies pass through here, one at a time."""

    def __init__(
        self, store: Store, adapters: Path, snapshots: Path, routes: Path, base: Base
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._snapshots = snapshots
        self._routes = routes
        self._pause = routes.with_name("paused")
        self._base = base
        self._turn = asyncio.Lock()
        self._arriving: set[tuple[str, Status]] = set()
        self.book = replay(store)
        self.table = _table(routes)

    def wanted(self) -> dict[str, Path]:
        """Return what the engine shall hold: names and folders."""
        wanted = {name: self._folder(name) for name in self._in_service()}
        return wanted | {name: self._home(status) / name for name, status in self._arriving}

    def _in_service(self) -> frozenset[str]:
        return self.book.loaded() | routing.servable(self.table, self.book)

    def known(self) -> frozenset[str]:
        """Return every name that was ever registered here."""
        return frozenset(self.book.policies)

    def infos(self, loaded: frozenset[str]) -> list[PolicyInfo]:
        """Return all versions as the wire shows them."""
        return [self.info(name, loaded) for name in self.book.policies]

    def manifest(self, name: str) -> dict[str, Any]:
        """Return what a version's folder says of itself.

        Raises:
            UnknownPolicy: there is none of this name, or its folder is gone.
        """
        try:
            return read_manifest(self._folder(name))
        except (BadManifest, OSError) as error:
            raise UnknownPolicy(f"{name} has no manifest any more: {error}") from error

    def info(self, name: str, loaded: frozenset[str]) -> PolicyInfo:
        """Return one version as the wire shows it.

        Raises:
            UnknownPolicy: there is none of this name.
        """
        policy = self.book.get(name)
        return PolicyInfo(
            name=name, status=policy.status, parent=policy.parent, loaded=name in loaded
        )

    async def register(self, name: str, status: Status, fleet: Fleet) -> None:
        """Verify an adapter folder, load it, and write it down as candidate or snapshot.

        Raises:
            BadAdapter: the folder or the engine says no.
            PolicyConflict: the name was used before.
            EngineDown: nothing can be loaded now.
        """
        async with self._turn:
            kind = SNAPSHOT_KIND if status is Status.SNAPSHOT else ADAPTER_KIND
            folder = self._home(status) / Path(name).name
            if folder.name != name:
                raise BadAdapter(f"{name!r} is no version name")
            adapter = await asyncio.to_thread(verify, folder, kind, self._base)
            changes = policies.register(
                self.book, name, parent=adapter.parent, untrained=adapter.untrained, status=status
            )
            self._arriving.add((name, status))
            try:
                await self._load(adapter, fleet)
                await self._write(changes)
            finally:
                self._arriving.discard((name, status))
                fleet.kick()

    @property
    def paused(self) -> bool:
        """Whether versions that pass wait to be promoted by hand."""
        return self._pause.exists()

    def pause(self, paused: bool) -> None:
        """Let versions that pass wait from now on, or no longer."""
        with on_disk(self._pause):
            if paused:
                self._pause.touch(mode=0o600)
            else:
                self._pause.unlink(missing_ok=True)

    async def decide(self, decision: Decision, fleet: Fleet, *, as_canary: bool = False) -> None:
        """Store a gate's decision and follow it; see `server.policies.decide` for `as_canary`.

        Raises:
            UnknownPolicy, PolicyConflict: see `server.policies.decide`.
            EngineDown: the version passed, but is not loaded at this moment.
        """
        async with self._turn:
            paused = self.paused
            changes = policies.decide(self.book, decision, as_canary=as_canary, paused=paused)
            await self._follow(decision, changes, fleet)

    async def conclude(self, decision: Decision, fleet: Fleet) -> None:
        """Store what a canary came to, and follow it.

        Raises:
            UnknownPolicy, PolicyConflict: see `server.policies.conclude`.
            EngineDown: it shall go live, and is not loaded at this moment.
        """
        async with self._turn:
            await self._follow(decision, policies.conclude(self.book, decision), fleet)

    async def fall_back(self, decision: Decision, fleet: Fleet) -> None:
        """Take the live version out of service for good, and write down why.

        Raises:
            UnknownPolicy, PolicyConflict: see `server.policies.fall_back`.
        """
        async with self._turn:
            # What no engine holds could answer nobody; the base model always can.
            before = self.book.previous if self.book.previous in fleet.held else None
            await self._follow(decision, policies.fall_back(self.book, decision, before), fleet)

    async def route(self, table: Table, fleet: Fleet) -> None:
        """Take a routing table: load what it names, keep it, and only then serve by it.

        Raises:
            UnknownPolicy, PolicyConflict: see `server.routing.check`.
            BadAdapter: the engine does not take a version that it names.
        """
        async with self._turn:
            routing.check(table, self.book)
            before, self.table = self.table, table
            try:
                await fleet.reconcile()
                missing = sorted(table.policies - fleet.loaded)
                if missing:
                    why = fleet.problems.get(missing[0], "no reason given")
                    raise BadAdapter(f"the engine does not take {missing[0]}: {why}")
            except BaseException:
                self.table = before
                raise
            write_private(self._routes, table.model_dump_json(indent=2))
        fleet.kick()

    async def _follow(
        self, decision: Decision, changes: Iterable[StatusChange], fleet: Fleet
    ) -> None:
        """Write a decision down, then what follows from it."""
        if decision.passed:
            _require_loaded(decision.policy, fleet)
        await asyncio.wrap_future(self._store.record("decision", decision.model_dump(mode="json")))
        self.book = self.book.record(decision)
        await self._write(changes)
        fleet.kick()

    async def promote(self, name: str, fleet: Fleet) -> None:
        """Make an untrained (or passed) candidate live.

        Raises:
            UnknownPolicy, PolicyConflict: see `server.policies.promote`.
            EngineDown: it is not loaded at this moment.
        """
        async with self._turn:
            changes = policies.promote(self.book, name)
            _require_loaded(name, fleet)
            await self._write(changes)
        fleet.kick()

    async def refuse(self, decision: Decision, fleet: Fleet) -> None:
        """End a candidate or a canary by an administrator's decision.

        Raises:
            UnknownPolicy, PolicyConflict: see `server.policies.refuse`.
        """
        async with self._turn:
            await self._follow(decision, policies.refuse(self.book, decision), fleet)

    async def rollback(self, fleet: Fleet, seen: Seen | None = None) -> None:
        """Swap live and previous, unless another version is live than was seen.

        Raises:
            PolicyConflict: there is nothing to go back to, or somebody was quicker.
            EngineDown: the version before is being loaded.
        """
        async with self._turn:
            if seen is not None:
                policies.require_seen(self.book, seen)
            await self._write(policies.rollback(self.book, self._way_back(fleet)))
        fleet.kick()

    def _way_back(self, fleet: Fleet) -> str | None:
        """Return what a rollback goes to: what any engine holds is good enough to go back to.

        Raises:
            EngineDown: the engines that answer have yet to load the version before.
        """
        before = self.book.previous
        if before is None or before in fleet.held or not fleet.held:
            # Where no engine answers, the version before answers as soon as one does.
            return before
        if before not in fleet.problems:
            raise EngineDown(f"{before} is being loaded; try again in some seconds")
        # None holds it, and it was refused. One can always go back: to the base model.
        return None

    async def drop_snapshot(self, name: str, fleet: Fleet) -> None:
        """Let the engine forget a rollout snapshot.

        Raises:
            UnknownPolicy, PolicyConflict: see `server.policies.retire_snapshot`.
        """
        async with self._turn:
            await self._write(policies.retire_snapshot(self.book, name))
        fleet.kick()

    async def _load(self, adapter: Adapter, fleet: Fleet) -> None:
        await fleet.reconcile()
        if adapter.name not in fleet.loaded:
            problem = fleet.problems.get(adapter.name, "no reason given")
            raise BadAdapter(f"the engine does not take it: {problem}")

    async def _write(self, changes: Iterable[StatusChange]) -> None:
        """Store the changes, then let them count: what is served is always written down."""
        changes = list(changes)
        await asyncio.gather(
            *(asyncio.wrap_future(self._store.record("policy", asdict(c))) for c in changes)
        )
        self.book = self.book.apply(changes)

    def _home(self, status: Status) -> Path:
        return self._snapshots if status is Status.SNAPSHOT else self._adapters

    def _folder(self, name: str) -> Path:
        return self._home(self.book.get(name).status) / name


def _require_loaded(name: str, fleet: Fleet) -> None:
    if name not in fleet.loaded:
        raise EngineDown(f"{name} is not loaded at this moment; try again when /readyz is 200")


def _table(path: Path) -> Table:
    """Return the routing table that was kept.

    Raises:
        ValueError: the file does not read.
    """
    try:
        return Table.model_validate_json(path.read_bytes()) if path.exists() else Table()
    except ValueError as error:
        raise ValueError(f"{path} is damaged; repair or remove it: {error}") from error

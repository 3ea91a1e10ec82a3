"""Policy versions: which exist, and where each of them stands.

Pure: a book of policies changes only by `StatusChange`s, which are what the store keeps, so
reading them back in order yields the same book. Knows what stands beside what. Does not know the
rules of promotion (`server.policies`), files, engines or the store.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from feedback_store.events import Decision


class Status(StrEnum):
    """Where a version stands. Exactly one per version; at most one is live, one previous."""

    CANDIDATE = "candidate"
    """Loaded for the gate; no editor request reaches it."""
    CANARY = "canary"
    """Passed the gate, and answers a share of sessions until enough is known of it."""
    LIVE = "live"
    """Answers editors."""
    PREVIOUS = "previous"
    """Was live before, and stays loaded for an instant rollback."""
    REFUSED = "refused"
    """The gate said no; unloaded for good."""
    RETIRED = "retired"
    """Two or more versions ago, or a snapshot that is no longer needed; unloaded."""
    SNAPSHOT = "snapshot"
    """A rollout snapshot of a running training; never served to editors."""


LOADED = frozenset({Status.CANDIDATE, Status.CANARY, Status.LIVE, Status.PREVIOUS, Status.SNAPSHOT})


class PolicyConflict(Exception):
    """The book does not allow this change; the message says what to do instead."""


class UnknownPolicy(Exception):
    """There is no version of this name."""


@dataclass(frozen=True)
class StatusChange:
    """One version's new status: the unit that is stored and replayed."""

    name: str
    status: Status
    parent: str | None = None
    untrained: bool = False
    """An adapter that changes nothing (B = 0): it needs no gate."""
    why: str = ""


@dataclass(frozen=True)
class Policy:
    """One version as the book knows it."""

    name: str
    status: Status
    parent: str | None
    untrained: bool
    passed: bool = False
    """A gate's positive decision is stored."""


@dataclass(frozen=True)
class Book:
    """All versions. `live` and `previous` are None where that is the base model."""

    policies: MappingProxyType[str, Policy] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def live(self) -> str | None:
        """Name of the version that answers editors; None is the base model."""
        return self._only(Status.LIVE)

    @property
    def previous(self) -> str | None:
        """Name of the version that a rollback goes to; None is the base model."""
        return self._only(Status.PREVIOUS)

    @property
    def canary(self) -> str | None:
        """Name of the version that a share of sessions is answered by."""
        return self._only(Status.CANARY)

    def loaded(self) -> frozenset[str]:
        """Names of the adapters that the engine shall hold."""
        return frozenset(p.name for p in self.policies.values() if p.status in LOADED)

    def get(self, name: str) -> Policy:
        """Return a version.

        Raises:
            UnknownPolicy: there is none of this name.
        """
        if name not in self.policies:
            raise UnknownPolicy(f"there is no policy version {name!r}; register it first")
        return self.policies[name]

    def apply(self, changes: Iterable[StatusChange]) -> "Book":
        """Return the book after these changes, in order.

        One change flips everything: who goes live makes the one before previous, and the one
        before that retire. So a crash between the stored changes of a flip leaves no half of it.
        """
        policies = dict(self.policies)
        for change in changes:
            known = policies.get(change.name)
            if known is None:
                known = Policy(change.name, change.status, change.parent, change.untrained)
            for other in _displaced(policies, change):
                policies[other.name] = other
            policies[change.name] = replace(known, status=change.status)
        return Book(MappingProxyType(policies))

    def record(self, decision: Decision) -> "Book":
        """Return the book after a gate's decision was stored."""
        policies = dict(self.policies)
        known = self.get(decision.policy)
        policies[decision.policy] = replace(known, passed=decision.passed)
        return Book(MappingProxyType(policies))

    def _only(self, status: Status) -> str | None:
        return next((p.name for p in self.policies.values() if p.status is status), None)


def _displaced(policies: Mapping[str, Policy], change: StatusChange) -> list[Policy]:
    """Return the other versions that this change moves along, with their new status."""
    others = [p for p in policies.values() if p.name != change.name]
    moved: list[Policy] = []
    if change.status in (Status.LIVE, Status.PREVIOUS):
        moved += [replace(p, status=Status.RETIRED) for p in others if p.status is Status.PREVIOUS]
    if change.status is Status.LIVE:
        moved += [replace(p, status=Status.PREVIOUS) for p in others if p.status is Status.LIVE]
    if change.status is Status.CANARY:
        moved += [replace(p, status=Status.RETIRED) for p in others if p.status is Status.CANARY]
    return moved

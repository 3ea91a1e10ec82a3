"""Policy versions: which exist, which is live, and what may become of each.

Pure: a book of policies changes only by `StatusChange`s, which are what the store keeps, so
reading them back in order yields the same book. Knows the rules of promotion. Does not know
files, engines or the store.
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


BY_HAND = "rolled back"
"""Why a version is `previous` that an administrator left; nobody but one brings it back."""
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


def register(
    book: Book, name: str, *, parent: str | None, untrained: bool, status: Status
) -> list[StatusChange]:
    """Return the changes that add a candidate or a snapshot; none if it is there already.

    Raises:
        PolicyConflict: the name was used up, or the version already went further.
    """
    known = book.policies.get(name)
    if known is not None and known.status is status:
        return []
    if known is not None:
        raise PolicyConflict(
            f"{name} is {known.status} already; a name is used once, publish under the next one"
        )
    return [StatusChange(name, status, parent, untrained, "registered")]


def decide(
    book: Book, decision: Decision, *, as_canary: bool = False, paused: bool = False
) -> list[StatusChange]:
    """Return the changes that follow a gate's decision on a candidate.

    Args:
        as_canary: one that passed answers a share of sessions first, in the place of a canary
            before it.
        paused: one that passed stays a candidate, to be promoted by hand.

    Raises:
        UnknownPolicy: there is no such version.
        PolicyConflict: it is no candidate.
    """
    policy = book.get(decision.policy)
    if policy.status is not Status.CANDIDATE:
        raise PolicyConflict(f"{policy.name} is {policy.status}; only a candidate is decided on")
    if not decision.passed:
        return [StatusChange(policy.name, Status.REFUSED, why=decision.why)]
    if paused:
        return []
    if as_canary:
        return [StatusChange(policy.name, Status.CANARY, why=decision.why)]
    return _go_live(book, policy.name, decision.why)


def conclude(book: Book, decision: Decision) -> list[StatusChange]:
    """Return the changes that end a canary: it goes live, or is refused.

    Raises:
        UnknownPolicy: there is no such version.
        PolicyConflict: it is no canary (any more).
    """
    policy = book.get(decision.policy)
    if policy.status is not Status.CANARY:
        raise PolicyConflict(f"{policy.name} is {policy.status}, no canary")
    if not decision.passed:
        return [StatusChange(policy.name, Status.REFUSED, why=decision.why)]
    return _go_live(book, policy.name, decision.why)


def fall_back(book: Book, decision: Decision, before: str | None) -> list[StatusChange]:
    """Return the changes that take a live version out of service for good; `before`, or the base
    model, answers again.

    Raises:
        UnknownPolicy: there is no such version.
        PolicyConflict: it is not live (any more).
    """
    policy = book.get(decision.policy)
    if policy.status is not Status.LIVE:
        raise PolicyConflict(f"{policy.name} is {policy.status}, not live")
    changes = [StatusChange(policy.name, Status.REFUSED, why=decision.why)]
    if before is not None:
        changes.append(StatusChange(before, Status.LIVE, why=f"{policy.name} fell back"))
    return changes


def promote(book: Book, name: str) -> list[StatusChange]:
    """Return the changes that make a candidate live by hand.

    Raises:
        UnknownPolicy: there is no such version.
        PolicyConflict: it is no candidate, or it was trained and no gate passed it.
    """
    policy = book.get(name)
    if policy.status is Status.LIVE:
        return []
    if policy.status not in (Status.CANDIDATE, Status.CANARY):
        raise PolicyConflict(f"{name} is {policy.status}; only a candidate can be promoted")
    if not (policy.untrained or policy.passed):
        raise PolicyConflict(
            f"{name} was trained and has no passing decision; send one to /v1/policies/{name}"
            "/decision (only an untrained adapter goes live without)"
        )
    return _go_live(book, name, "promoted")


def rollback(book: Book) -> list[StatusChange]:
    """Return the changes that swap live and previous; either may be the base model.

    Raises:
        PolicyConflict: nothing was ever live but the base model.
    """
    live, previous = book.live, book.previous
    if live is None and previous is None:
        raise PolicyConflict("only the base model was ever live; there is nothing to go back to")
    changes: list[StatusChange] = []
    if previous is not None:
        changes.append(StatusChange(previous, Status.LIVE, why="rolled back to"))
    if live is not None:
        changes.append(StatusChange(live, Status.PREVIOUS, why=BY_HAND))
    return changes


def retire_snapshot(book: Book, name: str) -> list[StatusChange]:
    """Return the changes that drop a rollout snapshot; none if it was dropped before.

    Raises:
        UnknownPolicy: there is no such snapshot.
        PolicyConflict: the name is a policy version's.
    """
    policy = book.get(name)
    if policy.status is Status.RETIRED:
        return []
    if policy.status is not Status.SNAPSHOT:
        raise PolicyConflict(f"{name} is a policy version, not a snapshot")
    return [StatusChange(name, Status.RETIRED, why="no longer needed")]


def _go_live(book: Book, name: str, why: str) -> list[StatusChange]:
    """The version before stays loaded; the one before that leaves."""
    changes = [StatusChange(name, Status.LIVE, why=why)]
    if book.live is not None:
        changes.append(StatusChange(book.live, Status.PREVIOUS, why=f"{name} went live"))
    if book.previous is not None:
        changes.append(StatusChange(book.previous, Status.RETIRED, why=f"{name} went live"))
    return changes


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

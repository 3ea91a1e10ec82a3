"""What may become of a policy version, and who decides it.

Pure: each rule returns the changes of a book, which the registry stores and then lets count.
Knows the rules of promotion. Does not know files, engines or the store.
"""

from dataclasses import dataclass

from feedback_store.events import Decision
from server.book import Book, PolicyConflict, Status, StatusChange

BY_HAND = "rolled back"
"""Why a version is `previous` that an administrator left; nobody but one brings it back."""


@dataclass(frozen=True)
class Seen:
    """What somebody saw who decides: sent twice, or too late, a rollback would undo itself."""

    live: str | None
    """None is the base model."""


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


def refuse(book: Book, decision: Decision) -> list[StatusChange]:
    """Return the changes that end a candidate or a canary by hand.

    Raises:
        UnknownPolicy: there is no such version.
        PolicyConflict: it is neither (any more).
    """
    policy = book.get(decision.policy)
    if policy.status not in (Status.CANDIDATE, Status.CANARY):
        raise PolicyConflict(
            f"{policy.name} is {policy.status}; only a candidate or a canary can be refused (roll "
            "back to leave a live version)"
        )
    return [StatusChange(policy.name, Status.REFUSED, why=decision.why)]


def require_seen(book: Book, seen: Seen) -> None:
    """Refuse what was decided while another version was live.

    Raises:
        PolicyConflict: another one is live by now.
    """
    if book.live != seen.live:
        live, meant = book.live or "the base model", seen.live or "the base model"
        raise PolicyConflict(f"{live} is live by now, not {meant}; look again before rolling back")


def rollback(book: Book, before: str | None) -> list[StatusChange]:
    """Return the changes that make `before` live instead of the live version.

    Args:
        before: the previous version, or None for the base model.

    Raises:
        PolicyConflict: the base model is live and there is nothing else to go to.
    """
    live = book.live
    if live is None and before is None:
        why = "only the base model was ever live; there is nothing to go back to"
        if book.canary is not None:
            why += f" (a canary, {book.canary}, is ended by refusing it)"
        raise PolicyConflict(why)
    changes: list[StatusChange] = []
    if before is not None:
        changes.append(StatusChange(before, Status.LIVE, why="rolled back to"))
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

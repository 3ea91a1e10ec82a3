"""Which version answers whom: a team's or a language's own, the canary, or the live one.

Pure: a table, a book and a request give a name. Knows teams, languages and shares. Does not know
where the table is kept or what is loaded.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from feedback_store.events import Frozen
from server.book import Book, Policy, PolicyConflict, Status

SERVABLE = frozenset({Status.LIVE, Status.PREVIOUS, Status.RETIRED, Status.CANARY})
"""Whether a version still serves everybody does not matter; that it passed a gate does."""


class Route(Frozen):
    """Requests of this team and this language go to this version; None is any."""

    team: str | None = None
    language: str | None = None
    policy: str

    def fits(self, team: str, language: str) -> bool:
        """Whether a request of this team and language is meant."""
        return self.team in (None, team) and self.language in (None, language)


class Table(Frozen):
    """The routing table. A team's own version goes before a language's; both go before either."""

    routes: tuple[Route, ...] = ()

    @property
    def policies(self) -> frozenset[str]:
        """Every version that the table names."""
        return frozenset(route.policy for route in self.routes)

    def policy(self, team: str, language: str) -> str | None:
        """Return the version for a request, None if the table does not say."""
        fitting = [route for route in self.routes if route.fits(team, language)]
        fitting.sort(key=lambda route: (route.team is not None, route.language is not None))
        return fitting[-1].policy if fitting else None


@dataclass(frozen=True)
class Asker:
    """What of a request decides which version answers it."""

    team: str
    language: str
    session: str


def check(table: Table, book: Book) -> None:
    """Refuse a table that names what may not serve, or says two things of the same requests.

    Raises:
        UnknownPolicy: there is no version of that name.
        PolicyConflict: a version never passed a gate, or two routes are about the same.
    """
    seen: set[tuple[str | None, str | None]] = set()
    for route in table.routes:
        if not _may_serve(book.get(route.policy)):
            status = book.get(route.policy).status
            raise PolicyConflict(f"{route.policy} is {status}: only what passed a gate may serve")
        if (route.team, route.language) in seen:
            raise PolicyConflict(
                f"two routes for team {route.team} and language {route.language}; keep one"
            )
        seen.add((route.team, route.language))


def servable(table: Table, book: Book) -> frozenset[str]:
    """Return the versions of the table that may still serve: one that was refused since, such as
    by a rollback, answers nobody any more."""
    known = (book.policies.get(name) for name in table.policies)
    return frozenset(policy.name for policy in known if policy and _may_serve(policy))


def _may_serve(policy: Policy) -> bool:
    return policy.status in SERVABLE and (policy.passed or policy.untrained)


def choose(
    table: Table, book: Book, share: float, asker: Asker, held: Collection[str]
) -> str | None:
    """Return the version that answers, None for the base model.

    Args:
        share: of sessions that the canary answers, each session always or never.
        held: what can answer now; a version that is not there leaves its requests to the live one.
    """
    own = table.policy(asker.team, asker.language)
    if own is not None and own in held and own in servable(table, book):
        return own
    canary = book.canary
    if canary is not None and canary in held and drawn(canary, asker.session) < share:
        return canary
    return book.live


def drawn(canary: str, session: str) -> float:
    """Return a number from 0 to 1 for a session, the same whenever it is asked for."""
    digest = hashlib.sha256(f"{canary}\0{session}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64

"""Who a request comes from and what that allows.

Knows scopes. Does not know how anybody proves who they are (`server.auth.door`).
"""

from dataclasses import dataclass

from feedback_store.events import Scope

IMPLIED_BY_ADMIN = frozenset(Scope) - {Scope.CONTENT}
"""An administrator runs the gateway; to read people's code takes a scope of its own."""


class NotAllowed(Exception):
    """The credential is missing or unknown."""


class MissingScope(Exception):
    """The credential is known but does not allow this."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from, by its credential and never by what it claims."""

    user: str
    """A keyed pseudonym."""
    team: str
    scopes: frozenset[Scope]
    key: str = ""
    """Which credential it was, for limits and the audit log: a key's id, or `oidc` and whose."""

    def has(self, scope: Scope) -> bool:
        """Whether the caller may do what `scope` stands for."""
        return scope in self.scopes or (Scope.ADMIN in self.scopes and scope in IMPLIED_BY_ADMIN)

    def require(self, scope: Scope) -> None:
        """Raise MissingScope unless the caller has `scope`; `admin` has all but `content`."""
        if not self.has(scope):
            raise MissingScope(f"this key lacks the scope {scope!r}; ask for one that has it")


LOCAL = Caller("local", "local", frozenset(Scope), "local")
"""Everybody, while no key exists: such a gateway listens on loopback or a socket alone."""

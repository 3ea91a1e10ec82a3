"""Who is at the door: a key, a token of the company's, a signed-in page, or everybody.

Knows which credential is looked at first. Does not know routes or scopes' meaning.
"""

import time

from server.auth import sessions
from server.auth.caller import LOCAL, Caller, NotAllowed
from server.auth.keys import KeyRecord, KeyRing
from server.auth.oidc import Tokens

SIGN_IN = "sign-in"


class Door:
    """Asks for credentials once there is a key or an identity provider."""

    def __init__(self, keys: KeyRing, tokens: Tokens | None, *, may_open: bool = True) -> None:
        """`may_open` is for a gateway that only this machine reaches."""
        self.keys = keys
        self._tokens = tokens
        self._may_open = may_open and tokens is None

    @property
    def open(self) -> bool:
        """Whether everybody is let in. Once there was a key, a key file that is gone opens
        nothing."""
        if self._may_open and self.keys.exists():
            self._may_open = False
        return self._may_open

    def asks_abroad(self, authorization: str | None) -> bool:
        """Whether checking this may have to wait for the identity provider."""
        return self._tokens is not None and (authorization or "").count(".") == 2

    def caller(self, authorization: str | None, cookie: str | None) -> Caller:
        """Return who sent this Authorization header or this page's cookie.

        Raises:
            NotAllowed: credentials are needed, and these are none.
        """
        if self.open:
            return LOCAL
        if authorization is None and cookie is not None:
            found = sessions.read(cookie, self.keys.secret(SIGN_IN), time.time())
            record = self.keys.valid(found) if found else None
            if record is None:
                raise NotAllowed("sign in at /login: the sign-in has ended")
            return self._known(record)
        shown = (authorization or "").removeprefix("Bearer ").strip()
        # A JWT has two dots; a key has none.
        if self._tokens is not None and shown.count(".") == 2:
            subject, team, scopes = self._tokens.read(shown)
            user = self.keys.pseudonym(f"oidc {subject}")
            return Caller(user, team, scopes, f"oidc {user}")
        return self._known(self.keys.holder(shown))

    def sign_in(self, key: str) -> str:
        """Return the cookie for whoever shows a valid key.

        Raises:
            NotAllowed: it is none.
        """
        record = self.keys.holder(key.strip())
        return sessions.issue(record.id, self.keys.secret(SIGN_IN), time.time())

    def _known(self, record: KeyRecord) -> Caller:
        user = self.keys.pseudonym(record.user)
        return Caller(user, record.team, frozenset(record.scopes), record.id)

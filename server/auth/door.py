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

    def __init__(self, keys: KeyRing, tokens: Tokens | None) -> None:
        self.keys = keys
        self._tokens = tokens

    @property
    def open(self) -> bool:
        """Whether everybody is let in."""
        return self._tokens is None and not self.keys.exists()

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
            return Caller(self.keys.pseudonym(f"oidc {subject}"), team, scopes, "oidc")
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

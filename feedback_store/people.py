"""What stands for a person in the store: a keyed pseudonym, the same always.

Knows the key's file in the data folder and the formula. Does not know credentials (server.auth).
"""

import hashlib
import hmac
import re
from pathlib import Path

from feedback_store.errors import StoreError

PSEUDONYM_KEY = "pseudonym.key"
_PSEUDONYM = re.compile(r"[0-9a-f]{20}")


class NobodyYet(StoreError):
    """There are no pseudonyms yet."""


def pseudonym(key: bytes, user: str) -> str:
    """Return what stands for a user: not to be undone without the key."""
    return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:20]


OIDC = "oidc "
"""Before the subject of a company's token, whose pseudonym is not that of a key's user."""


def stored_names(folder: Path, user: str) -> list[str]:
    """Return the names under which the store may know a user, given their name or one of these.

    Without keys every request is made by the one user `local`, who is stored as such. Raises
    NobodyYet if no request with a key was ever made.
    """
    if user == "local" or _PSEUDONYM.fullmatch(user):
        return [user]
    try:
        key = (folder / PSEUDONYM_KEY).read_bytes()
        return [pseudonym(key, user), pseudonym(key, f"{OIDC}{user}")]
    except FileNotFoundError:
        raise NobodyYet(
            f"{folder} has no {PSEUDONYM_KEY}: nothing was ever stored of anybody with a key; "
            "who works without keys is stored as the user 'local'"
        ) from None

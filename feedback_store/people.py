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


def stored_name(folder: Path, user: str) -> str:
    """Return the name under which the store knows a user, given their name or that name.

    Without keys every request is made by the one user `local`, who is stored as such. Raises
    NobodyYet if no request with a key was ever made.
    """
    if user == "local" or _PSEUDONYM.fullmatch(user):
        return user
    try:
        return pseudonym((folder / PSEUDONYM_KEY).read_bytes(), user)
    except FileNotFoundError:
        raise NobodyYet(
            f"{folder} has no {PSEUDONYM_KEY}: nothing was ever stored of anybody with a key; "
            "who works without keys is stored as the user 'local'"
        ) from None

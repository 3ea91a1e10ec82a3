"""What stands for a person in the store: a keyed pseudonym, the same always.

Knows the key's file in the data folder and the formula. Does not know credentials (server.auth).
"""

import hashlib
import hmac
import re
from pathlib import Path

PSEUDONYM_KEY = "pseudonym.key"
_PSEUDONYM = re.compile(r"[0-9a-f]{20}")


def pseudonym(key: bytes, user: str) -> str:
    """Return what stands for a user: not to be undone without the key."""
    return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:20]


def stored_name(folder: Path, user: str) -> str:
    """Return the name under which the store knows a user, given their name or that name.

    Without a key every request is made by the one user `local`, who is stored as such.
    """
    path = folder / PSEUDONYM_KEY
    if user == "local" or _PSEUDONYM.fullmatch(user) or not path.is_file():
        return user
    return pseudonym(path.read_bytes(), user)

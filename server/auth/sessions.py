"""Sign-ins on the page: a cookie that says which key was shown, until when, and that we said so.

Pure. Nothing is kept: a cookie is worth what its key is worth now, so revoking the key ends it.
Knows the cookie's text. Does not know HTTP.
"""

import hashlib
import hmac

COOKIE = "hone_session"
LASTS_S = 12 * 3600
LONGEST = 256
"""Characters; ours are shorter."""


def issue(key_id: str, secret: bytes, now: float) -> str:
    """Return the cookie for somebody who has shown a key; `now` is seconds since the epoch."""
    until = int(now) + LASTS_S
    return f"{key_id}.{until}.{_mark(key_id, until, secret)}"


def read(cookie: str, secret: bytes, now: float) -> str | None:
    """Return the id of the key behind a cookie, or None if it is not ours or too old."""
    key_id, _, rest = cookie.partition(".")
    until, _, mark = rest.partition(".")
    plain = len(cookie) <= LONGEST and until.isascii() and until.isdigit()
    if not plain or int(until) < now:
        return None
    mine = _mark(key_id, int(until), secret)
    return key_id if hmac.compare_digest(mine.encode(), mark.encode()) else None


def _mark(key_id: str, until: int, secret: bytes) -> str:
    return hmac.new(secret, f"{key_id}.{until}".encode(), hashlib.sha256).hexdigest()

"""API keys, their scopes, and the pseudonym that stands for a user.

Knows the key file and its hashes. Does not know requests. A key is `hone_ID_SECRET`; only the
SHA-256 of it is stored, which is enough for 256 random bits.
"""

import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from feedback_store.events import Scope
from server.auth.caller import NotAllowed
from server.files import write_private

KEYS = "keys.json"
PSEUDONYM_KEY = "pseudonym.key"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeyRecord:
    """A key as stored: who and what, and the hash of the secret."""

    id: str
    user: str
    team: str
    scopes: tuple[Scope, ...]
    sha256: str
    created_at: float
    """Seconds since the epoch."""
    revoked_at: float | None = None


class KeyRing:
    """The key file. Read again when it changes, so that keys work and end without a restart."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / KEYS
        self._pseudonym_path = folder / PSEUDONYM_KEY
        self._pseudonym_key: bytes | None = None
        self._stamp: tuple[int, int] | None = None
        self._records: dict[str, KeyRecord] = {}

    def exists(self) -> bool:
        """Whether there is a key file: from then on every request needs a key."""
        return self._path.exists()

    def records(self) -> list[KeyRecord]:
        """Return all keys, revoked ones too.

        Raises:
            ValueError: the file does not read.
        """
        self._refresh()
        return list(self._records.values())

    def create(self, user: str, team: str, scopes: Iterable[Scope]) -> str:
        """Store a new key and return it; it cannot be shown again."""
        identity, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = f"hone_{identity}_{secret}"
        record = KeyRecord(identity, user, team, tuple(scopes), _hash(key), time.time())
        self._save([*self.records(), record])
        return key

    def revoke(self, identity: str) -> bool:
        """End a key; return False if there is no valid one of this id."""
        found = [r for r in self.records() if r.id == identity and r.revoked_at is None]
        if not found:
            return False
        ended = KeyRecord(**{**asdict(found[0]), "revoked_at": time.time()})
        self._save([ended if r.id == identity else r for r in self.records()])
        return True

    def holder(self, key: str) -> KeyRecord:
        """Return whose key this is.

        Raises:
            NotAllowed: it is not valid, or the key file does not read.
        """
        record = self.valid(key.split("_")[1] if key.count("_") >= 2 else "")
        if record is None or not hmac.compare_digest(record.sha256, _hash(key)):
            raise NotAllowed("send a valid key as 'Authorization: Bearer hone_...'")
        return record

    def valid(self, identity: str) -> KeyRecord | None:
        """Return a key by its id, if it has not ended.

        Raises:
            NotAllowed: the key file does not read.
        """
        try:
            self._refresh()
        except (ValueError, OSError) as error:
            log.warning("the key file does not read: %s", error)
            raise NotAllowed("the gateway's key file does not read; see its log") from error
        record = self._records.get(identity)
        return record if record and not record.revoked_at else None

    def secret(self, purpose: str) -> bytes:
        """Return a secret of this gateway's own for one purpose."""
        return hmac.new(self._secret(), f"hone {purpose}".encode(), hashlib.sha256).digest()

    def pseudonym(self, user: str) -> str:
        """Return what stands for a user in the store: the same always, and not to be undone."""
        return hmac.new(self._secret(), user.encode(), hashlib.sha256).hexdigest()[:20]

    def _secret(self) -> bytes:
        if self._pseudonym_key is None:
            if not self._pseudonym_path.exists():
                write_private(self._pseudonym_path, secrets.token_hex(32))
            self._pseudonym_key = self._pseudonym_path.read_bytes()
        return self._pseudonym_key

    def _refresh(self) -> None:
        if not self._path.exists():
            self._records, self._stamp = {}, None
            return
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp == self._stamp:
            return
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))["keys"]
            records = [_record(entry) for entry in entries]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self._path} is damaged: {error!r}") from error
        self._records = {record.id: record for record in records}
        self._stamp = stamp

    def _save(self, records: Iterable[KeyRecord]) -> None:
        text = json.dumps({"keys": [asdict(record) for record in records]}, indent=2)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_private(self._path, text)


def _record(entry: dict[str, object]) -> KeyRecord:
    scopes = tuple(Scope(scope) for scope in entry["scopes"])  # type: ignore[union-attr]
    return KeyRecord(**{**entry, "scopes": scopes})  # type: ignore[arg-type]


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()

"""What can go wrong in the store, each with a text that says what to do.

Knows the errors. Does not know how a program shows them.
"""

from pathlib import Path


class StoreError(Exception):
    """Base of the store's errors."""


class InvalidEntry(StoreError, ValueError):
    """The entry cannot be stored as it is; nothing of its submission was. Do not send it again."""


class StoreUnavailable(StoreError):
    """Nothing was acknowledged: the disk refuses, or the store is closed. Send it again later."""


class StoreOverloaded(StoreUnavailable):
    """Too many entries wait for the writer. Send it again in a moment."""


class StoreLocked(StoreError):
    """Another process owns the data folder."""


class NewerSchema(StoreError):
    """The database was written by a newer release of Hone than this one."""


class ChangedMigration(StoreError):
    """A migration that was applied to the database differs from the one in this release."""


class CorruptDatabase(StoreError):
    """The database cannot be opened or contradicts the log; the log can rebuild it."""


class CorruptLog(StoreError):
    """A frame of the log is damaged, and it is not the torn end that a crash leaves."""

    def __init__(self, file: Path, offset: int, why: str) -> None:
        super().__init__(
            f"{file} is damaged at byte {offset}: {why}. Nothing was changed. Restore the file "
            "from a backup, or move the data folder away to start an empty one."
        )
        self.file = file
        self.offset = offset

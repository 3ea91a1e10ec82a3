"""Ordered schema changes: each `NNNN_name.sql` is applied once, in one transaction, and recorded.

Knows order, checksums and refusals. Does not know what the tables mean.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

import duckdb

from feedback_store.errors import ChangedMigration, NewerSchema

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER NOT NULL, name VARCHAR NOT NULL, sha256 VARCHAR NOT NULL,
    applied_at TIMESTAMP NOT NULL
)
"""


@dataclass(frozen=True)
class Migration:
    """One schema change."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The checksum that a database records, so that no applied change is edited later."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> list[Migration]:
    """Return this release's migrations, in order."""
    files = [file for file in resources.files(__name__).iterdir() if file.name.endswith(".sql")]
    return [
        Migration(int(file.name[:4]), file.name[5:-4], file.read_text(encoding="utf-8"))
        for file in sorted(files, key=lambda file: file.name)
    ]


def migrate(
    connection: duckdb.DuckDBPyConnection,
    migrations: list[Migration],
    before: Callable[[int], None] = lambda version: None,
) -> list[Migration]:
    """Apply what is missing and return it.

    `before` is called with the version that the database has, if there is something to be applied
    to it: the time to copy the file. Raises NewerSchema if the database knows more migrations
    than this release, ChangedMigration if an applied one differs. A failing migration leaves the
    database as it was.
    """
    connection.execute(_TABLE)
    applied = dict(connection.execute("SELECT version, sha256 FROM schema_migrations").fetchall())
    known = {migration.version: migration for migration in migrations}
    if newer := sorted(set(applied) - set(known)):
        raise NewerSchema(
            f"the database has schema {newer[-1]}, this release knows up to {max(known)}: "
            "update Hone, or rebuild the database from the log with `hone-store rebuild`"
        )
    for version, digest in applied.items():
        if known[version].sha256 != digest:
            raise ChangedMigration(
                f"migration {version} of this release differs from the one in the database: "
                "install a released version, or run `hone-store rebuild`"
            )
    missing = [migration for migration in migrations if migration.version not in applied]
    if applied and missing:
        before(max(applied))
    for migration in missing:
        _apply(connection, migration)
    return missing


def _apply(connection: duckdb.DuckDBPyConnection, migration: Migration) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    connection.execute("BEGIN TRANSACTION")
    try:
        connection.execute(migration.sql)
        connection.execute(
            "INSERT INTO schema_migrations VALUES (?, ?, ?, ?)",
            [migration.version, migration.name, migration.sha256, now],
        )
        connection.execute("COMMIT")
    except duckdb.Error:
        connection.execute("ROLLBACK")
        raise

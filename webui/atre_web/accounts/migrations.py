# SPDX-License-Identifier: Apache-2.0
"""The schema, as the numbered steps that led to it. A released step never changes: add one.

``PRAGMA user_version`` holds how many were applied.
"""

import sqlite3
from collections.abc import Callable

from atre.errors import StorageError
from atre_web.accounts.database import transaction

Migration = Callable[[sqlite3.Connection], None]

MIGRATIONS: list[Migration] = []


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to this version's schema, wholly or not at all.

    Raises StorageError if a newer Âtre wrote it, or if it is damaged.
    """
    try:
        with transaction(connection):
            applied = schema_version(connection)
            if applied > len(MIGRATIONS):
                raise StorageError(
                    f"The database has schema {applied}, but this version of Âtre knows "
                    f"{len(MIGRATIONS)}. Start the newer version again, or restore a backup."
                )
            for step in MIGRATIONS[applied:]:
                step(connection)
            # PRAGMA takes no parameters; the value is a length.
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except sqlite3.Error as error:
        raise StorageError(
            f"The database could not be upgraded ({error}). Nothing was changed; "
            "check the disk, or restore the database from a backup."
        ) from error


def schema_version(connection: sqlite3.Connection) -> int:
    """How many migrations this database has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@MIGRATIONS.append
def _m001_keys_sessions_links(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE api_keys (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            purpose TEXT NOT NULL CHECK (purpose IN ('personal', 'run')),
            created_at REAL NOT NULL,
            last_used_at REAL,
            revoked_at REAL
        ) STRICT
        """
    )
    connection.execute(
        "CREATE UNIQUE INDEX api_keys_live_name ON api_keys (name) WHERE revoked_at IS NULL"
    )
    connection.execute(
        """
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY,
            hash BLOB NOT NULL UNIQUE,
            name TEXT NOT NULL,
            key_id TEXT REFERENCES api_keys (id),
            created_at REAL NOT NULL,
            last_seen_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            revoked_at REAL
        ) STRICT
        """
    )
    connection.execute("CREATE INDEX sessions_key ON sessions (key_id)")
    connection.execute("CREATE INDEX sessions_seen ON sessions (last_seen_at)")
    connection.execute(
        """
        CREATE TABLE login_links (
            hash BLOB PRIMARY KEY,
            created_at REAL NOT NULL,
            expires_at REAL NOT NULL
        ) STRICT
        """
    )
    connection.execute(
        """
        CREATE TABLE failed_logins (
            address TEXT PRIMARY KEY,
            num_failures INTEGER NOT NULL,
            last_failure_at REAL NOT NULL
        ) STRICT
        """
    )

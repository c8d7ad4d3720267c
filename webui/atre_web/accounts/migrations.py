# SPDX-License-Identifier: Apache-2.0
"""The schema, as the numbered steps that led to it. A released step never changes: add one.

``PRAGMA user_version`` holds how many were applied. Before a step runs, the database is copied.
"""

import sqlite3
from collections.abc import Callable

from atre.errors import StorageError
from atre_web.accounts.copies import copy_before_upgrade
from atre_web.accounts.database import transaction

Migration = Callable[[sqlite3.Connection], None]

MIGRATIONS: list[Migration] = []


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to this version's schema, wholly or not at all.

    Raises StorageError if a newer Âtre wrote it, if it is damaged, or if it cannot be copied first.
    """
    try:
        if 0 < schema_version(connection) < len(MIGRATIONS):
            copy_before_upgrade(connection, schema_version(connection))
        with transaction(connection):
            applied = schema_version(connection)
            if applied > len(MIGRATIONS):
                raise StorageError(
                    f"The database has schema {applied}, but this version of Âtre knows "
                    f"{len(MIGRATIONS)}. Start the newer version again, or restore a backup.",
                    f"La base de données a le schéma {applied}, mais cette version d’Âtre connaît "
                    f"le {len(MIGRATIONS)}. Redémarrez la version plus récente, ou restaurez une "
                    "sauvegarde.",
                )
            for step in MIGRATIONS[applied:]:
                step(connection)
            _check_references(connection)
            # PRAGMA takes no parameters; the value is a length.
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except sqlite3.Error as error:
        raise StorageError(
            f"The database could not be upgraded ({error}). Nothing was changed; "
            "check the disk, or restore the database from a backup.",
            f"La base de données n’a pas pu être mise à niveau ({error}). Rien n’a "
            "changé\N{NO-BREAK SPACE}; vérifiez le disque, ou restaurez une sauvegarde.",
        ) from error


def schema_version(connection: sqlite3.Connection) -> int:
    """How many migrations this database has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check_references(connection: sqlite3.Connection) -> None:
    row = connection.execute("PRAGMA foreign_key_check").fetchone()
    if row is not None:
        raise sqlite3.IntegrityError(f"a row of {row[0]} names a row of {row[2]} that is not there")


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


@MIGRATIONS.append
def _m002_people(connection: sqlite3.Connection) -> None:
    for statement in _M002.split(";"):
        connection.execute(statement)


# Keys survive, as keys of the box itself; what they open is what programs need. Sessions and links
# of schema 1 belong to nobody who could be named: they end.
_M002 = """
    CREATE TABLE people (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        login TEXT UNIQUE,
        role TEXT NOT NULL CHECK (role IN ('manager', 'member', 'guest')),
        password TEXT,
        locale TEXT,
        tokens_per_day INTEGER CHECK (tokens_per_day >= 0),
        max_concurrent INTEGER CHECK (max_concurrent >= 1),
        created_at REAL NOT NULL,
        disabled_at REAL,
        version INTEGER NOT NULL DEFAULT 1
    ) STRICT;
    INSERT INTO people (id, name, role, created_at) VALUES ('local', 'Âtre', 'manager', 0.0);

    CREATE TABLE groups (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        folded TEXT NOT NULL UNIQUE,
        created_at REAL NOT NULL
    ) STRICT;
    CREATE TABLE memberships (
        group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
        person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        PRIMARY KEY (group_id, person_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX memberships_person ON memberships (person_id);

    CREATE TABLE invitations (
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('manager', 'member', 'guest')),
        resets TEXT REFERENCES people (id) ON DELETE CASCADE,
        created_by TEXT REFERENCES people (id) ON DELETE CASCADE,
        created_at REAL NOT NULL,
        expires_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX invitations_resets ON invitations (resets);
    CREATE INDEX invitations_created_by ON invitations (created_by);
    CREATE TABLE invitation_groups (
        invitation_id TEXT NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
        group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
        PRIMARY KEY (invitation_id, group_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX invitation_groups_group ON invitation_groups (group_id);

    CREATE TABLE recovery_codes (
        hash BLOB PRIMARY KEY,
        person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE
    ) STRICT;
    CREATE INDEX recovery_codes_person ON recovery_codes (person_id);

    DROP TABLE login_links;
    DROP TABLE sessions;
    CREATE TABLE keys_with_owner (
        id TEXT PRIMARY KEY,
        person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        purpose TEXT NOT NULL CHECK (purpose IN ('personal', 'run')),
        scopes TEXT NOT NULL,
        created_at REAL NOT NULL,
        last_used_at REAL,
        revoked_at REAL
    ) STRICT;
    INSERT INTO keys_with_owner
        SELECT id, 'local', name, hash, purpose, 'chat embeddings models',
            created_at, last_used_at, revoked_at
        FROM api_keys;
    DROP TABLE api_keys;
    ALTER TABLE keys_with_owner RENAME TO api_keys;
    CREATE UNIQUE INDEX api_keys_live_name ON api_keys (person_id, name) WHERE revoked_at IS NULL;

    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        device TEXT NOT NULL,
        created_at REAL NOT NULL,
        last_seen_at REAL NOT NULL,
        expires_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX sessions_person ON sessions (person_id);
    CREATE INDEX sessions_seen ON sessions (last_seen_at);

    CREATE TABLE claim (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        code TEXT,
        source TEXT NOT NULL CHECK (source IN ('start', 'label', 'transfer')),
        opened_s REAL,
        claimed_at REAL
    ) STRICT;
    INSERT INTO claim (id, source) VALUES (1, 'start');

    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE usage (
        day TEXT NOT NULL,
        person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        key_id TEXT NOT NULL,
        num_requests INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        PRIMARY KEY (person_id, day, key_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX usage_day ON usage (day);

    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        person_id TEXT REFERENCES people (id) ON DELETE SET NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        address TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_person ON audit (person_id)
"""


@MIGRATIONS.append
def _m003_conversations(connection: sqlite3.Connection) -> None:
    for statement in _M003:
        connection.execute(statement)


# A message's parent has no ON DELETE: a cascade from parent to child would go as deep as the
# conversation is long, and SQLite stops at 1000. They go together, with their conversation.
_M003 = (
    """
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY,
        person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        title TEXT NOT NULL,
        shown_id INTEGER,
        created_at REAL NOT NULL,
        changed_at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX conversations_person ON conversations (person_id, changed_at)",
    # AUTOINCREMENT: an answer that is being written when its conversation is deleted must never
    # find another message under its id.
    """
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        parent_id INTEGER REFERENCES messages (id),
        role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
        state TEXT NOT NULL
            CHECK (state IN ('running', 'done', 'stopped', 'interrupted', 'failed')),
        text TEXT NOT NULL,
        reasoning TEXT NOT NULL DEFAULT '',
        model TEXT,
        finish_reason TEXT,
        prompt_tokens INTEGER,
        completion_tokens INTEGER,
        seconds REAL,
        failure TEXT,
        waiting TEXT,
        extension TEXT,
        beat_s REAL,
        wants_stop INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX messages_conversation ON messages (conversation_id, parent_id)",
    "CREATE INDEX messages_parent ON messages (parent_id)",
    # Two tabs that ask at once: one of them is told.
    """
    CREATE UNIQUE INDEX messages_running ON messages (conversation_id) WHERE state = 'running'
    """,
    """
    CREATE TABLE attachments (
        id INTEGER PRIMARY KEY,
        message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX attachments_message ON attachments (message_id)",
    """
    CREATE VIRTUAL TABLE message_words
        USING fts5 (words, tokenize = "unicode61 remove_diacritics 2")
    """,
    """
    CREATE TRIGGER messages_deleted AFTER DELETE ON messages BEGIN
        DELETE FROM message_words WHERE rowid = old.id;
    END
    """,
    """
    CREATE TABLE prompts (
        id TEXT PRIMARY KEY,
        person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        title TEXT NOT NULL,
        text TEXT NOT NULL,
        is_shared INTEGER NOT NULL CHECK (is_shared IN (0, 1)),
        changed_at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX prompts_person ON prompts (person_id)",
)


@MIGRATIONS.append
def _m004_latency(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE latency (
            person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
            day TEXT NOT NULL,
            measure TEXT NOT NULL,
            bucket INTEGER NOT NULL,
            num INTEGER NOT NULL,
            PRIMARY KEY (person_id, day, measure, bucket)
        ) STRICT, WITHOUT ROWID
        """
    )
    connection.execute("CREATE INDEX latency_day ON latency (day)")


@MIGRATIONS.append
def _m005_energy(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE usage ADD COLUMN energy_j REAL")
    connection.execute("ALTER TABLE usage ADD COLUMN idle_j REAL")
    # JSON, as ``usage.energy`` of the API has it.
    connection.execute("ALTER TABLE messages ADD COLUMN energy TEXT")

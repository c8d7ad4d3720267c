# SPDX-License-Identifier: Apache-2.0
"""One-time login links: whoever holds one may open one session with it, for an hour."""

import sqlite3

from atre_web.accounts.database import transaction
from atre_web.accounts.tokens import digest, new_token

# Long enough to walk from the box's console to a desk; short enough for a photographed screen.
LIFETIME_S = 3600.0


def create(connection: sqlite3.Connection, *, now: float) -> str:
    """Mint a link's token. Links that are still unused stop working: one is valid at a time."""
    token = new_token()
    with transaction(connection):
        connection.execute("DELETE FROM login_links")
        connection.execute(
            "INSERT INTO login_links (hash, created_at, expires_at) VALUES (?, ?, ?)",
            (digest(token), now, now + LIFETIME_S),
        )
    return token


def is_valid(connection: sqlite3.Connection, token: str, *, now: float) -> bool:
    """Whether ``consume`` would accept this token now."""
    row = connection.execute(
        "SELECT 1 FROM login_links WHERE hash = ? AND created_at <= ? AND expires_at > ?",
        (digest(token), now, now),
    ).fetchone()
    return row is not None


def consume(connection: sqlite3.Connection, token: str, *, now: float) -> bool:
    """Use the link up. Of two simultaneous calls, one gets True."""
    cursor = connection.execute(
        "DELETE FROM login_links WHERE hash = ? AND created_at <= ? AND expires_at > ?",
        (digest(token), now, now),
    )
    return cursor.rowcount == 1

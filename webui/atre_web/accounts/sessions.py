# SPDX-License-Identifier: Apache-2.0
"""Panel sessions: a random token in a cookie, its hash in the database."""

import hmac
import sqlite3

import msgspec

from atre_web.accounts.database import transaction
from atre_web.accounts.tokens import digest, new_id, new_token

LIFETIME_S = 30 * 24 * 3600.0
# One write a minute is enough to count who is connected.
_LAST_SEEN_STEP_S = 60.0


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session, named after the key or link that opened it. Times are Unix seconds."""

    id: str
    name: str
    key_id: str | None
    created_at: float
    last_seen_at: float
    expires_at: float


def create(
    connection: sqlite3.Connection, name: str, *, now: float, key_id: str | None = None
) -> str:
    """Open a session and return its token. Sessions that have expired are deleted here."""
    token = new_token()
    with transaction(connection):
        connection.execute("DELETE FROM sessions WHERE expires_at <= ?", (now,))
        connection.execute(
            "INSERT INTO sessions (id, hash, name, key_id, created_at, last_seen_at, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (new_id(), digest(token), name, key_id, now, now, now + LIFETIME_S),
        )
    return token


def verify(connection: sqlite3.Connection, token: str, *, now: float) -> Session | None:
    """The open session of this token, or None."""
    wanted = digest(token)
    row = connection.execute(
        "SELECT * FROM sessions WHERE hash = ? AND revoked_at IS NULL AND expires_at > ?",
        (wanted, now),
    ).fetchone()
    if row is None or not hmac.compare_digest(row["hash"], wanted):
        return None
    if abs(now - row["last_seen_at"]) >= _LAST_SEEN_STEP_S:
        connection.execute("UPDATE sessions SET last_seen_at = ? WHERE id = ?", (now, row["id"]))
    return msgspec.convert({name: row[name] for name in Session.__struct_fields__}, Session)


def revoke(connection: sqlite3.Connection, session_id: str, *, now: float) -> None:
    """Close a session; closing it again changes nothing."""
    connection.execute(
        "UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, session_id)
    )


def num_active(connection: sqlite3.Connection, *, since: float) -> int:
    """How many open sessions made a request at or after ``since``, to the minute."""
    row = connection.execute(
        "SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND last_seen_at >= ?",
        (since - _LAST_SEEN_STEP_S,),
    ).fetchone()
    return int(row[0])

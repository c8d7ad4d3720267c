# SPDX-License-Identifier: Apache-2.0
"""Panel sessions: a random token in a cookie, its hash in the database."""

import contextlib
import hmac
import sqlite3

import msgspec

from atre_web.accounts.principal import Role
from atre_web.accounts.tokens import digest, new_id, new_token

LIFETIME_S = 30 * 24 * 3600.0
# One write a minute is enough to count who is connected.
_LAST_SEEN_STEP_S = 60.0


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session of a person, and the device that opened it. Times are Unix seconds."""

    id: str
    person_id: str
    name: str
    role: Role
    device: str
    created_at: float
    last_seen_at: float
    expires_at: float


_OPEN = (
    "SELECT sessions.*, people.name, people.role FROM sessions"
    " JOIN people ON people.id = person_id AND disabled_at IS NULL"
)


def create(connection: sqlite3.Connection, person_id: str, *, device: str, now: float) -> str:
    """Open a session and return its token. Sessions that have expired are deleted here."""
    token = new_token()
    connection.execute("DELETE FROM sessions WHERE expires_at <= ?", (now,))
    connection.execute(
        "INSERT INTO sessions"
        " (id, hash, person_id, device, created_at, last_seen_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new_id(), digest(token), person_id, device, now, now, now + LIFETIME_S),
    )
    return token


def verify(connection: sqlite3.Connection, token: str, *, now: float) -> Session | None:
    """The open session of this token, or None."""
    wanted = digest(token)
    row = connection.execute(f"{_OPEN} WHERE hash = ? AND expires_at > ?", (wanted, now)).fetchone()
    if row is None or not hmac.compare_digest(row["hash"], wanted):
        return None
    if abs(now - row["last_seen_at"]) >= _LAST_SEEN_STEP_S:
        # To read is possible on a full disk too; who is connected is then not counted.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute(
                "UPDATE sessions SET last_seen_at = ? WHERE id = ?", (now, row["id"])
            )
    return _session(row)


def list_sessions(connection: sqlite3.Connection, person_id: str, *, now: float) -> list[Session]:
    """A person's open sessions, the last used first."""
    rows = connection.execute(
        f"{_OPEN} WHERE person_id = ? AND expires_at > ? ORDER BY last_seen_at DESC, sessions.id",
        (person_id, now),
    )
    return [_session(row) for row in rows]


def revoke(connection: sqlite3.Connection, person_id: str, session_id: str) -> None:
    """Close a session of this person; closing it again changes nothing."""
    connection.execute(
        "DELETE FROM sessions WHERE id = ? AND person_id = ?", (session_id, person_id)
    )


def num_active(connection: sqlite3.Connection, *, since: float) -> int:
    """How many people made a request in a session at or after ``since``, to the minute."""
    row = connection.execute(
        "SELECT count(DISTINCT person_id) FROM sessions WHERE last_seen_at >= ?",
        (since - _LAST_SEEN_STEP_S,),
    ).fetchone()
    return int(row[0])


def _session(row: sqlite3.Row) -> Session:
    return msgspec.convert({name: row[name] for name in Session.__struct_fields__}, Session)

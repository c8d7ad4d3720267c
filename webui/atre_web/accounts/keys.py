# SPDX-License-Identifier: Apache-2.0
"""API keys: shown once, stored as a hash, revocable."""

import hmac
import sqlite3
from typing import Literal

import msgspec

from atre.errors import InvalidRequestError
from atre_web.accounts.database import transaction
from atre_web.accounts.tokens import digest, new_id, new_token

Purpose = Literal["personal", "run"]

PREFIX = "atre-"
_MAX_NAME_CHARS = 64
# One write a minute tells an old key from a live one without a write per request.
_LAST_USED_STEP_S = 60.0
_COLUMNS = "id, name, purpose, created_at, last_used_at, revoked_at"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it may be shown. Times are Unix seconds; a ``run`` key dies at the next start."""

    id: str
    name: str
    purpose: Purpose
    created_at: float
    last_used_at: float | None
    revoked_at: float | None


def create(
    connection: sqlite3.Connection, name: str, *, now: float, purpose: Purpose = "personal"
) -> tuple[ApiKey, str]:
    """Make a key; the second value is the secret itself, which nothing stores.

    Raises InvalidRequestError for a name that is empty, too long, unprintable or taken.
    """
    name = _checked_name(name)
    secret = PREFIX + new_token()
    key = ApiKey(
        id=new_id(), name=name, purpose=purpose, created_at=now, last_used_at=None, revoked_at=None
    )
    with transaction(connection):
        if _live_named(connection, name):
            raise InvalidRequestError(
                f"There is already a key named {name!r}. Choose another name, or revoke that one.",
                param="name",
            )
        connection.execute(
            "INSERT INTO api_keys (id, name, hash, purpose, created_at) VALUES (?, ?, ?, ?, ?)",
            (key.id, name, digest(secret), purpose, now),
        )
    return key, secret


def list_keys(connection: sqlite3.Connection) -> list[ApiKey]:
    """Every key, revoked ones included, oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")  # noqa: S608
    return [_key(row) for row in rows]


def revoke(connection: sqlite3.Connection, name_or_id: str, *, now: float) -> ApiKey:
    """End a key, and every panel session that was opened with it.

    Raises InvalidRequestError if no live key has that name or id.
    """
    with transaction(connection):
        row = _live_named(connection, name_or_id) or _live_by_id(connection, name_or_id)
        if row is None:
            raise InvalidRequestError(
                f"No live key is named {name_or_id!r} or has that id. "
                "`atre key list` shows the keys of this box.",
                param="name",
            )
        connection.execute("UPDATE api_keys SET revoked_at = ? WHERE id = ?", (now, row["id"]))
        connection.execute(
            "UPDATE sessions SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL",
            (now, row["id"]),
        )
    return msgspec.structs.replace(_key(row), revoked_at=now)


def delete_run_keys(connection: sqlite3.Connection) -> None:
    """Forget the keys that earlier runs made for themselves, and the sessions opened with them."""
    run_keys = "SELECT id FROM api_keys WHERE purpose = 'run'"
    with transaction(connection):
        connection.execute(f"DELETE FROM sessions WHERE key_id IN ({run_keys})")  # noqa: S608
        connection.execute("DELETE FROM api_keys WHERE purpose = 'run'")


def verify(connection: sqlite3.Connection, secret: str, *, now: float) -> ApiKey | None:
    """The live key that this secret opens, or None."""
    wanted = digest(secret)
    row = connection.execute(
        f"SELECT {_COLUMNS}, hash FROM api_keys WHERE hash = ? AND revoked_at IS NULL",  # noqa: S608
        (wanted,),
    ).fetchone()
    if row is None or not hmac.compare_digest(row["hash"], wanted):
        return None
    if row["last_used_at"] is None or abs(now - row["last_used_at"]) >= _LAST_USED_STEP_S:
        connection.execute("UPDATE api_keys SET last_used_at = ? WHERE id = ?", (now, row["id"]))
    return _key(row)


def _checked_name(name: str) -> str:
    name = name.strip()
    # isprintable also refuses the bidi controls that make a name read as another.
    if not name or len(name) > _MAX_NAME_CHARS or not name.isprintable():
        raise InvalidRequestError(
            f"A key's name has 1 to {_MAX_NAME_CHARS} printable characters; "
            "for example the program or the person that will use it.",
            param="name",
        )
    return name


def _live_named(connection: sqlite3.Connection, name: str) -> sqlite3.Row | None:
    return _live(connection, "name", name)


def _live_by_id(connection: sqlite3.Connection, key_id: str) -> sqlite3.Row | None:
    return _live(connection, "id", key_id)


def _live(
    connection: sqlite3.Connection, column: Literal["name", "id"], value: str
) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        f"SELECT {_COLUMNS} FROM api_keys WHERE {column} = ? AND revoked_at IS NULL",  # noqa: S608
        (value,),
    ).fetchone()
    return row


def _key(row: sqlite3.Row) -> ApiKey:
    return msgspec.convert({name: row[name] for name in ApiKey.__struct_fields__}, ApiKey)

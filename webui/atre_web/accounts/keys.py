# SPDX-License-Identifier: Apache-2.0
"""API keys: shown once, stored as a hash, revocable."""

import hmac
import sqlite3
from collections.abc import Collection
from typing import Literal

import msgspec

from atre_web.accounts.database import transaction
from atre_web.accounts.people import LOCAL
from atre_web.accounts.principal import SCOPES, SCOPES_OF_ROLE, Role, Scope
from atre_web.accounts.problem import AccountError
from atre_web.accounts.tokens import digest, new_id, new_token
from atre_web.accounts.written import MAX_NAME_CHARS, cleaned_name

Purpose = Literal["personal", "run"]

PREFIX = "atre-"
# What a program needs. Administration by a program is asked for by name.
USUAL_SCOPES: tuple[Scope, ...] = ("chat", "embeddings", "models")
# One write a minute tells an old key from a live one without a write per request.
_LAST_USED_STEP_S = 60.0
_COLUMNS = "id, person_id, name, purpose, scopes, created_at, last_used_at, revoked_at"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it may be shown. Times are Unix seconds; a ``run`` key dies at the next start."""

    id: str
    person_id: str
    name: str
    purpose: Purpose
    scopes: list[Scope]
    created_at: float
    last_used_at: float | None
    revoked_at: float | None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A live key, its person's role, and what it may do now."""

    key: ApiKey
    role: Role
    scopes: frozenset[Scope]


def create(
    connection: sqlite3.Connection,
    name: str,
    *,
    now: float,
    person_id: str = LOCAL,
    scopes: Collection[Scope] = USUAL_SCOPES,
    purpose: Purpose = "personal",
) -> tuple[ApiKey, str]:
    """Make a key of a person; the second value is the secret itself, which nothing stores.

    Raises AccountError for a name that is empty, too long, unprintable or taken, and for scopes
    that the person's role does not have.
    """
    name = _checked_name(name)
    secret = PREFIX + new_token()
    key_id = new_id()
    with transaction(connection):
        _check_scopes(connection, person_id, scopes)
        if _live(connection, person_id, "name", name):
            raise AccountError(
                "key_name_taken",
                f"There is already a key named {name!r}. Choose another name, or revoke that one.",
                f"Il y a déjà une clé nommée {name!r}. Choisissez un autre nom, ou révoquez-la.",
                param="name",
            )
        connection.execute(
            "INSERT INTO api_keys (id, person_id, name, hash, purpose, scopes, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key_id, person_id, name, digest(secret), purpose, _written(scopes), now),
        )
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM api_keys WHERE id = ?",  # noqa: S608
        (key_id,),
    ).fetchone()
    return _key(row), secret


def list_keys(connection: sqlite3.Connection, person_id: str | None = None) -> list[ApiKey]:
    """Every key of a person, or of everybody; revoked ones included, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM api_keys WHERE ? IS NULL OR person_id = ?"  # noqa: S608
        " ORDER BY created_at, id",
        (person_id, person_id),
    )
    return [_key(row) for row in rows]


def revoke(
    connection: sqlite3.Connection, name_or_id: str, *, now: float, person_id: str = LOCAL
) -> ApiKey:
    """End a key of this person. The console, ``LOCAL``, ends anybody's by its id.

    Raises AccountError if no live key has that name or id.
    """
    with transaction(connection):
        owner = None if person_id == LOCAL else person_id
        row = _live(connection, person_id, "name", name_or_id) or _live(
            connection, owner, "id", name_or_id
        )
        if row is None:
            raise AccountError(
                "gone",
                f"No live key is named {name_or_id!r} or has that id. "
                "`atre key list` shows the keys of this box.",
                f"Aucune clé en service ne se nomme {name_or_id!r} ni ne porte cet identifiant. "
                "`atre key list` montre les clés de ce boîtier.",
                param="name",
            )
        connection.execute("UPDATE api_keys SET revoked_at = ? WHERE id = ?", (now, row["id"]))
    return msgspec.structs.replace(_key(row), revoked_at=now)


def delete_run_keys(connection: sqlite3.Connection) -> None:
    """Forget the keys that earlier runs made for themselves."""
    connection.execute("DELETE FROM api_keys WHERE purpose = 'run'")


def verify(connection: sqlite3.Connection, secret: str, *, now: float) -> Verified | None:
    """The live key that this secret opens, or None."""
    wanted = digest(secret)
    row = connection.execute(
        "SELECT api_keys.*, people.role FROM api_keys"
        " JOIN people ON people.id = person_id AND disabled_at IS NULL"
        " WHERE hash = ? AND revoked_at IS NULL",
        (wanted,),
    ).fetchone()
    if row is None or not hmac.compare_digest(row["hash"], wanted):
        return None
    if row["last_used_at"] is None or abs(now - row["last_used_at"]) >= _LAST_USED_STEP_S:
        connection.execute("UPDATE api_keys SET last_used_at = ? WHERE id = ?", (now, row["id"]))
    key = _key(row)
    role: Role = row["role"]
    return Verified(key=key, role=role, scopes=frozenset(key.scopes) & SCOPES_OF_ROLE[role])


def _checked_name(name: str) -> str:
    cleaned = cleaned_name(name)
    if cleaned is None:
        raise AccountError(
            "key_name",
            f"A key's name has 1 to {MAX_NAME_CHARS} printable characters; "
            "for example the program or the person that will use it.",
            f"Le nom d’une clé a de 1 à {MAX_NAME_CHARS} caractères imprimables ; par exemple le "
            "programme ou la personne qui s’en servira.",
            param="name",
        )
    return cleaned


def _check_scopes(
    connection: sqlite3.Connection, person_id: str, scopes: Collection[Scope]
) -> None:
    row = connection.execute("SELECT role FROM people WHERE id = ?", (person_id,)).fetchone()
    allowed = SCOPES_OF_ROLE[row["role"]] if row else frozenset()
    if not scopes or not allowed.issuperset(scopes):
        raise AccountError(
            "key_scopes",
            f"A key of this person is for one or more of: {', '.join(sorted(allowed)) or 'nothing'}"
            f", not {', '.join(sorted(scopes)) or 'nothing'}.",
            f"Une clé de cette personne sert à : {', '.join(sorted(allowed)) or 'rien'}, et non "
            f"à : {', '.join(sorted(scopes)) or 'rien'}.",
            param="scopes",
        )


def _written(scopes: Collection[Scope]) -> str:
    return " ".join(scope for scope in SCOPES if scope in scopes)


def _live(
    connection: sqlite3.Connection,
    person_id: str | None,
    column: Literal["name", "id"],
    value: str,
) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        f"SELECT {_COLUMNS} FROM api_keys WHERE {column} = ? AND revoked_at IS NULL"  # noqa: S608
        " AND (? IS NULL OR person_id = ?)",
        (value, person_id, person_id),
    ).fetchone()
    return row


def _key(row: sqlite3.Row) -> ApiKey:
    fields = {name: row[name] for name in ApiKey.__struct_fields__}
    return msgspec.convert(fields | {"scopes": row["scopes"].split()}, ApiKey)

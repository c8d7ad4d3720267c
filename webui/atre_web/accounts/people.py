# SPDX-License-Identifier: Apache-2.0
"""The people of the office, and the box itself, to which the keys made on its console belong."""

import sqlite3
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from atre_web.accounts import groups, passwords
from atre_web.accounts.database import transaction
from atre_web.accounts.principal import Role
from atre_web.accounts.problem import AccountError, ChangedMeanwhileError
from atre_web.accounts.tokens import new_id
from atre_web.accounts.written import MAX_NAME_CHARS, cleaned_login, cleaned_name, folded

LOCAL = "local"
_COLUMNS = (
    "id, name, login, role, locale, tokens_per_day, max_concurrent, created_at, disabled_at,"
    " version, password IS NOT NULL AS has_password"
)
_MOST_TOKENS = 10**12
_MOST_CONCURRENT = 1000


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One person as they may be shown. Times are Unix seconds; a limit of None is the office's.

    ``locale`` is None until its person chose a language: then the browser's counts. ``version``
    counts the changes that managers made: whoever changes a person says which version
    they saw.
    """

    id: str
    name: str
    login: str | None
    role: Role
    locale: str | None
    tokens_per_day: int | None
    max_concurrent: int | None
    created_at: float
    disabled_at: float | None
    version: int
    has_password: bool


# Run inside the transaction that deletes a person: for what no foreign key can delete, such as
# files. Tables say ON DELETE CASCADE instead.
on_delete: list[Callable[[sqlite3.Connection, str], None]] = []


def create(
    connection: sqlite3.Connection,
    name: str,
    login: str,
    role: Role,
    *,
    password: str | None,
    now: float,
) -> Person:
    """Add a person inside the caller's transaction; ``password`` is a hash, None for none yet.

    Raises AccountError for a name that cannot be one, or a login name that is taken.
    """
    shown, typed = checked_name(name), checked_login(login)
    if by_login(connection, typed) is not None:
        raise AccountError(
            "login_taken", f"The login name {typed!r} is taken. Choose another.", param="login"
        )
    person_id = new_id()
    connection.execute(
        "INSERT INTO people (id, name, login, role, password, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (person_id, shown, typed, role, password, now),
    )
    return get(connection, person_id)


def get(connection: sqlite3.Connection, person_id: str) -> Person:
    """One person. Raises AccountError if there is none of that id, or it is the box itself."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM people WHERE id = ? AND id != ?",  # noqa: S608
        (person_id, LOCAL),
    ).fetchone()
    if row is None:
        raise AccountError("gone", "There is no such person on this box any more.")
    return _person(row)


def by_login(connection: sqlite3.Connection, login: str) -> Person | None:
    """Who signs in under this name, in whichever spelling of it."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM people WHERE login = ?",  # noqa: S608
        (folded(login),),
    ).fetchone()
    return _person(row) if row else None


def list_people(connection: sqlite3.Connection) -> list[Person]:
    """Everybody, by name."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM people WHERE id != ?", (LOCAL,))  # noqa: S608
    return sorted(map(_person, rows), key=lambda person: (folded(person.name), person.id))


def password_of(connection: sqlite3.Connection, person_id: str) -> str | None:
    """The stored hash, for a sign-in to compare."""
    row = connection.execute("SELECT password FROM people WHERE id = ?", (person_id,)).fetchone()
    return row["password"] if row else None


def change(
    connection: sqlite3.Connection,
    person_id: str,
    *,
    version: int,
    role: Role,
    tokens_per_day: int | None,
    max_concurrent: int | None,
    group_ids: Collection[str],
) -> Person:
    """What a manager may change of a person, who is then in exactly these groups.

    Raises ChangedMeanwhileError if ``version`` is old, AccountError for a limit out of range, or
    if no manager would be left.
    """
    _check_limits(tokens_per_day, max_concurrent)
    with transaction(connection):
        before = get(connection, person_id)
        _change(
            connection,
            before,
            version,
            role=role,
            tokens_per_day=tokens_per_day,
            max_concurrent=max_concurrent,
        )
        groups.join(connection, person_id, group_ids)
        check_a_manager_is_left(connection)
        return get(connection, person_id)


def disable(connection: sqlite3.Connection, person_id: str, *, version: int, now: float) -> Person:
    """Close the door to a person, their sessions and keys included; their data stays.

    Raises as ``change`` does.
    """
    with transaction(connection):
        before = get(connection, person_id)
        _change(connection, before, version, disabled_at=before.disabled_at or now)
        connection.execute("DELETE FROM sessions WHERE person_id = ?", (person_id,))
        connection.execute("DELETE FROM invitations WHERE created_by = ?", (person_id,))
        check_a_manager_is_left(connection)
        return get(connection, person_id)


def enable(connection: sqlite3.Connection, person_id: str, *, version: int) -> Person:
    """Let a person in again. Raises as ``change`` does."""
    with transaction(connection):
        _change(connection, get(connection, person_id), version, disabled_at=None)
        return get(connection, person_id)


def delete(connection: sqlite3.Connection, person_id: str, *, version: int) -> Person:
    """Remove a person and everything of theirs. Raises as ``change`` does."""
    with transaction(connection):
        person = get(connection, person_id)
        _change(connection, person, version)
        for hook in on_delete:
            hook(connection, person_id)
        connection.execute("DELETE FROM people WHERE id = ?", (person_id,))
        check_a_manager_is_left(connection)
    return person


def set_password(connection: sqlite3.Connection, person_id: str, password: str) -> None:
    """Store a new password (in clear here), inside the caller's transaction; end all sessions."""
    connection.execute(
        "UPDATE people SET password = ? WHERE id = ?", (passwords.hashed(password), person_id)
    )
    connection.execute("DELETE FROM sessions WHERE person_id = ?", (person_id,))


def set_own(connection: sqlite3.Connection, person_id: str, *, name: str, locale: str) -> None:
    """What people change themselves. Raises AccountError for a name that cannot be one."""
    connection.execute(
        "UPDATE people SET name = ?, locale = ? WHERE id = ?",
        (checked_name(name), locale, person_id),
    )


def checked_name(name: str) -> str:
    """A display name, cleaned. Raises AccountError."""
    cleaned = cleaned_name(name)
    if cleaned is None:
        raise AccountError(
            "name",
            f"A name has 1 to {MAX_NAME_CHARS} printable characters.",
            f"Un nom a de 1 à {MAX_NAME_CHARS} caractères imprimables.",
            param="name",
        )
    return cleaned


def checked_login(login: str) -> str:
    """A login name in the form that is stored. Raises AccountError."""
    cleaned = cleaned_login(login)
    if cleaned is None:
        raise AccountError(
            "login",
            f"A login name has 1 to {MAX_NAME_CHARS} characters without spaces, such as marie.roy.",
            param="login",
        )
    return cleaned


def check_a_manager_is_left(connection: sqlite3.Connection) -> None:
    """Raises AccountError inside a transaction that would lock everybody out of administration."""
    row = connection.execute(
        "SELECT 1 FROM people WHERE role = 'manager' AND disabled_at IS NULL AND id != ?"
        " AND password IS NOT NULL",
        (LOCAL,),
    ).fetchone()
    if row is None:
        raise AccountError(
            "last_manager",
            "Nobody would be left to look after the box. Make somebody else a manager first.",
        )


def _change(connection: sqlite3.Connection, before: Person, version: int, **columns: Any) -> None:
    if before.version != version:
        raise ChangedMeanwhileError
    assignments = "".join(f"{name} = ?, " for name in columns)
    connection.execute(
        f"UPDATE people SET {assignments}version = version + 1 WHERE id = ?",  # noqa: S608
        (*columns.values(), before.id),
    )


def _check_limits(tokens_per_day: int | None, max_concurrent: int | None) -> None:
    if not 0 <= (tokens_per_day or 0) <= _MOST_TOKENS or not (
        1 <= (1 if max_concurrent is None else max_concurrent) <= _MOST_CONCURRENT
    ):
        raise AccountError(
            "quota",
            "A limit is a whole number: 0 or more tokens a day, 1 or more requests at once.",
            param="tokens_per_day",
        )


def _person(row: sqlite3.Row) -> Person:
    return msgspec.convert(
        {name: row[name] for name in Person.__struct_fields__}, Person, strict=False
    )

# SPDX-License-Identifier: Apache-2.0
"""Single-use links: to join the office, or to set a new password."""

import sqlite3
from collections.abc import Collection

import msgspec

from atre_web.accounts import groups, people
from atre_web.accounts.database import transaction
from atre_web.accounts.people import Person
from atre_web.accounts.principal import Role
from atre_web.accounts.problem import AccountError
from atre_web.accounts.tokens import digest, new_id, new_token

# A long week-end.
LIFETIME_S = 72 * 3600.0
PATH = "/invitation/"


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A link that waits. ``resets`` is the person whose password it sets, None if it invites."""

    id: str
    name: str
    role: Role
    resets: str | None
    created_by: str | None
    created_at: float
    expires_at: float


_COLUMNS = "id, name, role, resets, created_by, created_at, expires_at"
# A link from the future was made before the clock was set back; nobody knows how old it is.
_VALID = "created_at <= ? AND expires_at > ?"


def invite(
    connection: sqlite3.Connection,
    name: str,
    role: Role,
    *,
    created_by: str | None,
    group_ids: Collection[str] = (),
    now: float,
) -> tuple[Invitation, str]:
    """Make an invitation and its token. ``name`` is who it is meant for. Raises AccountError."""
    return _create(connection, people.checked_name(name), role, None, created_by, group_ids, now)


def reset(
    connection: sqlite3.Connection, person: Person, *, created_by: str | None, now: float
) -> tuple[Invitation, str]:
    """Make a link that sets this person's password anew. Earlier ones stop working."""
    connection.execute("DELETE FROM invitations WHERE resets = ?", (person.id,))
    return _create(connection, person.name, person.role, person.id, created_by, (), now)


def find(connection: sqlite3.Connection, token: str, *, now: float) -> Invitation:
    """What this token is good for. Raises AccountError if it was used, revoked or has expired."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM invitations WHERE hash = ? AND {_VALID}",  # noqa: S608
        (digest(token), now, now),
    ).fetchone()
    if row is None:
        raise AccountError(
            "link",
            "This link was already used or has expired. Ask whoever looks after the box for "
            "another.",
        )
    return _invitation(row)


def waiting(connection: sqlite3.Connection, *, now: float) -> list[Invitation]:
    """The invitations that still work, oldest first; links for a password are not among them."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM invitations WHERE resets IS NULL AND {_VALID}"  # noqa: S608
        " ORDER BY created_at, id",
        (now, now),
    )
    return [_invitation(row) for row in rows]


def revoke(connection: sqlite3.Connection, invitation_id: str) -> None:
    """Take an invitation back; again changes nothing."""
    connection.execute("DELETE FROM invitations WHERE id = ?", (invitation_id,))


def accept(
    connection: sqlite3.Connection,
    token: str,
    *,
    name: str,
    login: str,
    password: str,
    now: float,
) -> Person:
    """Use an invitation up: its person, added with a password hash that the caller computed.

    Raises AccountError; the invitation then stays good. Of two simultaneous calls, one succeeds.
    """
    with transaction(connection):
        invitation = find(connection, token, now=now)
        person = people.create(connection, name, login, invitation.role, password=password, now=now)
        given = connection.execute(
            "SELECT group_id FROM invitation_groups WHERE invitation_id = ?", (invitation.id,)
        )
        groups.join(connection, person.id, [row["group_id"] for row in given])
        revoke(connection, invitation.id)
    return person


def _create(
    connection: sqlite3.Connection,
    name: str,
    role: Role,
    resets: str | None,
    created_by: str | None,
    group_ids: Collection[str],
    now: float,
) -> tuple[Invitation, str]:
    token = new_token()
    made = Invitation(
        id=new_id(),
        name=name,
        role=role,
        resets=resets,
        created_by=created_by,
        created_at=now,
        expires_at=now + LIFETIME_S,
    )
    with transaction(connection):
        connection.execute("DELETE FROM invitations WHERE expires_at <= ?", (now,))
        connection.execute(
            f"INSERT INTO invitations ({_COLUMNS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (*msgspec.structs.astuple(made), digest(token)),
        )
        connection.executemany(
            "INSERT INTO invitation_groups SELECT ?, id FROM groups WHERE id = ?",
            [(made.id, group_id) for group_id in set(group_ids)],
        )
    return made, token


def _invitation(row: sqlite3.Row) -> Invitation:
    return msgspec.convert({name: row[name] for name in Invitation.__struct_fields__}, Invitation)

# SPDX-License-Identifier: Apache-2.0
"""Groups of people, to which documents and models can be given."""

import sqlite3
from collections.abc import Collection

import msgspec

from atre_web.accounts.database import transaction
from atre_web.accounts.problem import AccountError
from atre_web.accounts.tokens import new_id
from atre_web.accounts.written import MAX_NAME_CHARS, cleaned_name, folded


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group and the ids of its people."""

    id: str
    name: str
    members: list[str]


def create(connection: sqlite3.Connection, name: str, *, now: float) -> Group:
    """Make an empty group. Raises AccountError for a name that is taken or cannot be one."""
    cleaned = _checked(name)
    group = Group(id=new_id(), name=cleaned, members=[])
    try:
        connection.execute(
            "INSERT INTO groups (id, name, folded, created_at) VALUES (?, ?, ?, ?)",
            (group.id, cleaned, folded(cleaned), now),
        )
    except sqlite3.IntegrityError as error:
        raise _taken(cleaned) from error
    return group


def rename(connection: sqlite3.Connection, group_id: str, name: str) -> None:
    """Give a group another name. Raises AccountError as ``create`` does, and if it is gone."""
    cleaned = _checked(name)
    try:
        changed = connection.execute(
            "UPDATE groups SET name = ?, folded = ? WHERE id = ?",
            (cleaned, folded(cleaned), group_id),
        )
    except sqlite3.IntegrityError as error:
        raise _taken(cleaned) from error
    if changed.rowcount == 0:
        raise _gone()


def list_groups(connection: sqlite3.Connection) -> list[Group]:
    """Every group, by name."""
    members: dict[str, list[str]] = {}
    for row in connection.execute("SELECT group_id, person_id FROM memberships"):
        members.setdefault(row["group_id"], []).append(row["person_id"])
    rows = connection.execute("SELECT id, name FROM groups ORDER BY folded")
    return [
        Group(id=row["id"], name=row["name"], members=members.get(row["id"], [])) for row in rows
    ]


def groups_of(connection: sqlite3.Connection, person_id: str) -> frozenset[str]:
    """The ids of the groups that a person is in."""
    rows = connection.execute("SELECT group_id FROM memberships WHERE person_id = ?", (person_id,))
    return frozenset(row["group_id"] for row in rows)


def join(connection: sqlite3.Connection, person_id: str, group_ids: Collection[str]) -> None:
    """Put a person into exactly these groups, inside the caller's transaction.

    Groups that are no longer there are left out.
    """
    connection.execute("DELETE FROM memberships WHERE person_id = ?", (person_id,))
    connection.executemany(
        "INSERT INTO memberships (group_id, person_id) SELECT id, ? FROM groups WHERE id = ?",
        [(person_id, group_id) for group_id in set(group_ids)],
    )


def delete(connection: sqlite3.Connection, group_id: str) -> None:
    """Remove a group, not its people. Raises AccountError if there is none of that id."""
    with transaction(connection):
        if connection.execute("DELETE FROM groups WHERE id = ?", (group_id,)).rowcount == 0:
            raise _gone()


def _checked(name: str) -> str:
    cleaned = cleaned_name(name)
    if cleaned is None:
        raise AccountError(
            "group_name",
            f"A group's name has 1 to {MAX_NAME_CHARS} printable characters.",
            param="name",
        )
    return cleaned


def _taken(name: str) -> AccountError:
    return AccountError(
        "group_name_taken", f"There is already a group named {name!r}.", param="name"
    )


def _gone() -> AccountError:
    return AccountError("gone", "There is no such group on this box any more.")

# SPDX-License-Identifier: Apache-2.0
"""Who did what to the accounts, when, from which address: never what anybody asked or wrote."""

import sqlite3

import msgspec

_NUM_KEPT = 20_000


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line, newest first; ``person`` and ``subject_name`` are None once those are deleted."""

    at: float
    person: str | None
    action: str
    subject: str
    subject_name: str | None
    address: str


def record(
    connection: sqlite3.Connection,
    action: str,
    *,
    person_id: str | None,
    subject: str = "",
    address: str,
    now: float,
) -> None:
    """Write one line. ``subject`` is an id: names go away with their person."""
    cursor = connection.execute(
        "INSERT INTO audit (at, person_id, action, subject, address) VALUES (?, ?, ?, ?, ?)",
        (now, person_id, action, subject, address),
    )
    connection.execute("DELETE FROM audit WHERE id <= ?", ((cursor.lastrowid or 0) - _NUM_KEPT,))


def latest(connection: sqlite3.Connection, *, limit: int) -> list[Entry]:
    """The last lines."""
    rows = connection.execute(
        "SELECT at, actor.name AS person, action, subject, about.name AS subject_name, address"
        " FROM audit LEFT JOIN people AS actor ON actor.id = person_id"
        " LEFT JOIN people AS about ON about.id = subject ORDER BY audit.id DESC LIMIT ?",
        (limit,),
    )
    return [
        msgspec.convert({name: row[name] for name in Entry.__struct_fields__}, Entry)
        for row in rows
    ]

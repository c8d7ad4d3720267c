# SPDX-License-Identifier: Apache-2.0
"""Who used how much, by day of the box's own time zone: one write a request, none a token."""

import sqlite3
from datetime import datetime, timedelta

import msgspec

from atre_web.accounts.principal import Principal


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What one person did on one day (ISO 8601) with one key, or in the panel (``key_id`` "")."""

    day: str
    person_id: str
    key_id: str
    num_requests: int
    prompt_tokens: int
    completion_tokens: int


def add(
    connection: sqlite3.Connection,
    principal: Principal,
    *,
    prompt_tokens: int,
    completion_tokens: int,
    now: float,
) -> None:
    """Count one request. A person who was deleted meanwhile is not counted."""
    connection.execute(
        "INSERT INTO usage SELECT ?, id, ?, 1, ?, ? FROM people WHERE id = ?"
        " ON CONFLICT (person_id, day, key_id) DO UPDATE SET num_requests = num_requests + 1,"
        " prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
        " completion_tokens = completion_tokens + excluded.completion_tokens",
        (
            day_of(now),
            principal.id if principal.kind == "key" else "",
            prompt_tokens,
            completion_tokens,
            principal.person_id,
        ),
    )


def tokens_today(connection: sqlite3.Connection, person_id: str, *, now: float) -> int:
    """Every token that a person had read or written today."""
    row = connection.execute(
        "SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM usage"
        " WHERE person_id = ? AND day = ?",
        (person_id, day_of(now)),
    ).fetchone()
    return int(row[0])


def since(connection: sqlite3.Connection, day: str) -> list[Day]:
    """Everything from ``day`` on, oldest first."""
    rows = connection.execute(
        "SELECT day, person_id, key_id, num_requests, prompt_tokens, completion_tokens"
        " FROM usage WHERE day >= ? ORDER BY day, person_id, key_id",
        (day,),
    )
    return [msgspec.convert(dict(row), Day) for row in rows]


def day_of(now: float) -> str:
    """The day in the box's time zone."""
    return datetime.fromtimestamp(now).astimezone().date().isoformat()


def seconds_left(now: float) -> int:
    """Until the next day begins, at least 1."""
    here = datetime.fromtimestamp(now).astimezone()
    midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, int((midnight - here).total_seconds()) + 1)

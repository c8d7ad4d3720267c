# SPDX-License-Identifier: Apache-2.0
"""Who used how much, by day of the office's time zone: one write a request, none a token."""

import sqlite3
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import msgspec

from atre.ipc.energy_messages import RequestEnergy
from atre_web.accounts import latency, settings
from atre_web.accounts.database import transaction
from atre_web.accounts.latency import Measured
from atre_web.accounts.principal import Principal

_UNKNOWN = RequestEnergy()


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
    measures: Collection[Measured] = (),
    energy: RequestEnergy = _UNKNOWN,
    now: float,
) -> None:
    """Count one request. A person who was deleted meanwhile is not counted."""
    day = day_of(connection, now)
    with transaction(connection):
        _add_tokens(connection, principal, day, prompt_tokens, completion_tokens)
        if energy.j is not None:
            _add_energy(connection, principal, day, energy.j, energy.j_idle_share)
        latency.add(connection, principal.person_id, day, measures)


def _add_tokens(
    connection: sqlite3.Connection,
    principal: Principal,
    day: str,
    prompt_tokens: int,
    completion_tokens: int,
) -> None:
    connection.execute(
        "INSERT INTO usage (day, person_id, key_id, num_requests, prompt_tokens, completion_tokens)"
        " SELECT ?, id, ?, 1, ?, ? FROM people WHERE id = ?"
        " ON CONFLICT (person_id, day, key_id) DO UPDATE SET num_requests = num_requests + 1,"
        " prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
        " completion_tokens = completion_tokens + excluded.completion_tokens",
        (
            day,
            _key_id(principal),
            prompt_tokens,
            completion_tokens,
            principal.person_id,
        ),
    )


def _add_energy(
    connection: sqlite3.Connection,
    principal: Principal,
    day: str,
    j: float,
    idle_j: float | None,
) -> None:
    """To the row of the request; where nothing was ever known it stays NULL, which is not 0."""
    connection.execute(
        "UPDATE usage SET energy_j = coalesce(energy_j, 0) + ?,"
        " idle_j = CASE WHEN ?2 IS NULL THEN idle_j ELSE coalesce(idle_j, 0) + ?2 END"
        " WHERE day = ?3 AND person_id = ?4 AND key_id = ?5",
        (j, idle_j, day, principal.person_id, _key_id(principal)),
    )


def _key_id(principal: Principal) -> str:
    return principal.id if principal.kind == "key" else ""


def tokens_today(connection: sqlite3.Connection, person_id: str, *, now: float) -> int:
    """Every token that a person had read or written today."""
    row = connection.execute(
        "SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM usage"
        " WHERE person_id = ? AND day = ?",
        (person_id, day_of(connection, now)),
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


def day_of(connection: sqlite3.Connection, now: float) -> str:
    """The day in the office's time zone."""
    return local_time(connection, now).date().isoformat()


def local_time(connection: sqlite3.Connection, now: float) -> datetime:
    """The moment in the office's time zone."""
    return datetime.fromtimestamp(now, UTC).astimezone(settings.zone(connection))


def seconds_left(connection: sqlite3.Connection, now: float) -> int:
    """Until the next day begins, at least 1."""
    here = local_time(connection, now)
    midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, int((midnight - here).total_seconds()) + 1)

# SPDX-License-Identifier: Apache-2.0
"""What each person may have: tokens a day, and requests at once."""

import sqlite3
from dataclasses import dataclass

from atre.errors import QuotaError
from atre_web.accounts import settings, usage
from atre_web.accounts.people import LOCAL
from atre_web.accounts.principal import Principal


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits of one person; None is none."""

    tokens_per_day: int | None
    max_concurrent: int | None


def quota_of(connection: sqlite3.Connection, person_id: str) -> Quota:
    """A person's own limits, else the office's, else none."""
    row = connection.execute(
        "SELECT tokens_per_day, max_concurrent FROM people WHERE id = ?", (person_id,)
    ).fetchone()
    tokens, concurrent = (row[0], row[1]) if row else (None, None)
    return Quota(
        tokens if tokens is not None else _office(connection, settings.TOKENS_PER_DAY),
        concurrent if concurrent is not None else _office(connection, settings.MAX_CONCURRENT),
    )


def check_tokens(connection: sqlite3.Connection, principal: Principal, *, now: float) -> None:
    """Raises QuotaError for somebody who had today's tokens. What is running counts when it ends.

    The box's own keys have a quota as a person does: the office's.
    """
    limit = quota_of(connection, principal.person_id).tokens_per_day
    if limit is None:
        return
    used = usage.tokens_today(connection, principal.person_id, now=now)
    if used >= limit:
        raise QuotaError(
            f"Today's {limit} tokens are used up ({used}). They start afresh at midnight, the "
            "box's time; whoever looks after the box can raise the limit.",
            retry_after_s=usage.seconds_left(connection, now),
        )


def payer(principal: Principal) -> str:
    """Who shares one fair share: a person with all their keys, or one key of the box itself."""
    if principal.person_id == LOCAL:
        return f"{principal.kind}:{principal.id}"
    return f"person:{principal.person_id}"


def _office(connection: sqlite3.Connection, name: str) -> int | None:
    value = settings.get(connection, name)
    return int(value) if value is not None and value.isdecimal() else None

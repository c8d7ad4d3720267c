# SPDX-License-Identifier: Apache-2.0
"""What each person may have: tokens a day, and requests at once."""

import sqlite3
import threading
from collections import Counter
from dataclasses import dataclass

from atre.errors import QuotaError
from atre_web.accounts import settings, usage
from atre_web.accounts.people import LOCAL
from atre_web.accounts.principal import Principal

_RETRY_AFTER_S = 5  # an answer of usual length ends by then


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
            retry_after_s=usage.seconds_left(now),
        )


class Running:
    """How many requests each person has at once, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num: Counter[str] = Counter()

    def enter(self, principal: Principal, limit: int | None) -> None:
        """Count one more. Raises QuotaError, and counts nothing, if that would be over the limit.

        The keys of the box itself are counted each for itself: they are different programs.
        """
        who = payer(principal)
        with self._lock:
            if limit is not None and self._num[who] >= limit:
                raise QuotaError(
                    f"You already have {self._num[who]} requests running, and {limit} are allowed "
                    "at once. Wait for one to end.",
                    retry_after_s=_RETRY_AFTER_S,
                )
            self._num[who] += 1

    def leave(self, principal: Principal) -> None:
        """Count one less."""
        who = payer(principal)
        with self._lock:
            self._num[who] -= 1
            if self._num[who] <= 0:
                del self._num[who]


def payer(principal: Principal) -> str:
    """Who shares one fair share: a person with all their keys, or one key of the box itself."""
    if principal.person_id == LOCAL:
        return f"{principal.kind}:{principal.id}"
    return f"person:{principal.person_id}"


def _office(connection: sqlite3.Connection, name: str) -> int | None:
    value = settings.get(connection, name)
    return int(value) if value is not None and value.isdecimal() else None

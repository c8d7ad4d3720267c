# SPDX-License-Identifier: Apache-2.0
"""Usage as people look at it: by day or month, by person, with the waits and speeds of answers."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from atre_web.accounts import latency
from atre_web.accounts.latency import Measure

By = Literal["day", "month"]

_NUM_PERIODS: dict[By, int] = {"day": 30, "month": 12}
_PERIOD_CHARS: dict[By, int] = {"day": len("2026-11-22"), "month": len("2026-11")}


@dataclass(slots=True)
class Sums:
    """What was used, of one person in one period or of many. Times are counts in buckets.

    ``energy_j`` is of the answers of which it is known, above the machine's idle; ``idle_j`` is
    their share of that. None is not known.
    """

    num_requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    energy_j: float | None = None
    idle_j: float | None = None
    counts: dict[Measure, Counter[int]] = field(default_factory=dict)

    def add(self, other: "Sums") -> None:
        self.num_requests += other.num_requests
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.energy_j = _sum(self.energy_j, other.energy_j)
        self.idle_j = _sum(self.idle_j, other.idle_j)
        for measure, counts in other.counts.items():
            self.counts.setdefault(measure, Counter()).update(counts)

    def quantile(self, measure: Measure, share: float) -> float | None:
        """See ``latency.quantile``; None where nothing was measured."""
        return latency.quantile(self.counts.get(measure, {}), share)

    @property
    def wait_s(self) -> float | None:
        """Half of the answers began within it."""
        return _seconds(self.quantile("first_token_ms", 0.5))

    @property
    def long_wait_s(self) -> float | None:
        """19 of 20 answers began within it."""
        return _seconds(self.quantile("first_token_ms", 0.95))

    @property
    def tokens_per_s(self) -> float | None:
        """Half of the answers were written faster."""
        return self.quantile("tokens_per_s", 0.5)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one person used in one period: a day or a month, ISO 8601."""

    period: str
    person_id: str
    person: str
    sums: Sums


def entries(
    connection: sqlite3.Connection, by: By, today: date, person_id: str | None = None
) -> list[Entry]:
    """The last 30 days or 12 months, of everybody or one person; the newest first."""
    since = periods(by, today)[0]
    chars = _PERIOD_CHARS[by]
    found: dict[tuple[str, str], Entry] = {}
    for row in connection.execute(
        "SELECT substr(day, 1, ?) AS period, person_id, name, sum(num_requests),"
        " sum(prompt_tokens), sum(completion_tokens), sum(energy_j), sum(idle_j)"
        " FROM usage JOIN people ON id = person_id"
        " WHERE person_id = coalesce(?, person_id) AND day >= ?"
        " GROUP BY period, person_id ORDER BY period DESC, name, person_id",
        (chars, person_id, since),
    ):
        period, whom, name, *sums = tuple(row)
        found[period, whom] = Entry(period, whom, name, Sums(*sums))
    for row in connection.execute(
        "SELECT substr(day, 1, ?) AS period, person_id, measure, bucket, sum(num) FROM latency"
        " WHERE person_id = coalesce(?, person_id) AND day >= ?"
        " GROUP BY period, person_id, measure, bucket",
        (chars, person_id, since),
    ):
        period, whom, measure, bucket, num = tuple(row)
        if (period, whom) in found:
            found[period, whom].sums.counts.setdefault(measure, Counter())[bucket] += num
    return list(found.values())


def periods(by: By, today: date) -> list[str]:
    """The days or months that a report covers, oldest first, quiet ones too."""
    if by == "day":
        return [
            (today - timedelta(days=back)).isoformat()
            for back in range(_NUM_PERIODS["day"] - 1, -1, -1)
        ]
    months = today.year * 12 + today.month - 1
    return [
        f"{month // 12:04}-{month % 12 + 1:02}"
        for month in range(months - _NUM_PERIODS["month"] + 1, months + 1)
    ]


def summed(found: Iterable[Entry], key: Callable[[Entry], str]) -> dict[str, Sums]:
    """The entries that have one key in common as one."""
    totals: dict[str, Sums] = {}
    for entry in found:
        totals.setdefault(key(entry), Sums()).add(entry.sums)
    return totals


def _sum(one: float | None, other: float | None) -> float | None:
    """Of what is known; None where nothing is."""
    return (one or 0.0) + (other or 0.0) if one is not None or other is not None else None


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000

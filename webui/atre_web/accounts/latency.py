# SPDX-License-Identifier: Apache-2.0
"""How long people waited and how fast they were answered: counts in buckets, by day and person.

A bucket is a quarter of a doubling wide, so a value read back is right within 9 %. A year of fifty
people takes some hundred thousand small rows, whatever the number of requests.
"""

import math
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Measure = Literal["first_token_ms", "tokens_per_s"]
MEASURES: tuple[Measure, ...] = ("first_token_ms", "tokens_per_s")

_PER_DOUBLING = 4
# A page shows twelve months at most, the one that is not over included.
_DAYS_KEPT = 400
_MOST = 2.0**30  # milliseconds: twelve days

Counts = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Measured:
    """One value of one answer."""

    measure: Measure
    value: float


def bucket_of(value: float) -> int:
    """The bucket of a value; everything up to 1 is in the first."""
    if not value > 1.0:
        return 0
    return round(math.log2(min(value, _MOST)) * _PER_DOUBLING)


def quantile(counts: Counts, share: float) -> float | None:
    """The value that ``share`` of the values do not exceed; None of nothing."""
    total = sum(counts.values())
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= share * total:
            return float(2.0 ** (bucket / _PER_DOUBLING))
    return None


def add(
    connection: sqlite3.Connection, person_id: str, day: str, measures: Collection[Measured]
) -> None:
    """Count the values; part of the caller's transaction."""
    counts = Counter((each.measure, bucket_of(each.value)) for each in measures)
    connection.executemany(
        "INSERT INTO latency SELECT id, ?, ?, ?, ? FROM people WHERE id = ?"
        " ON CONFLICT (person_id, day, measure, bucket) DO UPDATE SET num = num + excluded.num",
        [(day, measure, bucket, num, person_id) for (measure, bucket), num in counts.items()],
    )


def prune(connection: sqlite3.Connection, today: str) -> None:
    """Remove what is older than any page shows."""
    oldest = date.fromisoformat(today) - timedelta(days=_DAYS_KEPT)
    connection.execute("DELETE FROM latency WHERE day < ?", (oldest.isoformat(),))

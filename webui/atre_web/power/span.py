# SPDX-License-Identifier: Apache-2.0
"""The times that the power page shows: a day by hours, a month by days, a year by months."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, get_args

import msgspec

from atre.ipc.power_messages import Resolution

By = Literal["day", "month", "year"]

_RESOLUTIONS = {"day": Resolution.HOUR, "month": Resolution.DAY, "year": Resolution.MONTH}
_NUM_HOURS, _NUM_DAYS, _NUM_MONTHS = 24, 31, 12


class Shown(msgspec.Struct, frozen=True):
    """A time up to now, cut into pieces; ``begins`` are the pieces' own, in the office's zone."""

    by: By
    resolution: Resolution
    begins: list[datetime]

    @property
    def from_s(self) -> float:
        return self.begins[0].timestamp()

    @property
    def to_s(self) -> float:
        """Just past the beginning of the last piece."""
        return self.begins[-1].timestamp() + 1


def read_by(text: str | None) -> By:
    """What an address asks for; the last day where it asks for nothing known."""
    return next((by for by in get_args(By) if by == text), "day")


def shown(by: By, now: datetime) -> Shown:
    """The last 24 hours, 31 days or 12 months, that of ``now`` included."""
    begins = {"day": _hours, "month": _days, "year": _months}[by](now)
    return Shown(by, _RESOLUTIONS[by], sorted(begins))


def _hours(now: datetime) -> Iterator[datetime]:
    # By the absolute clock: on the days when the clocks change an hour is missing, or there twice.
    hour_s = now.timestamp() // 3600 * 3600
    for back in range(_NUM_HOURS):
        yield datetime.fromtimestamp(hour_s - 3600 * back, now.tzinfo)


def _days(now: datetime) -> Iterator[datetime]:
    for back in range(_NUM_DAYS):
        yield _midnight(now - timedelta(days=back))


def _months(now: datetime) -> Iterator[datetime]:
    month = _midnight(now).replace(day=1)
    for _ in range(_NUM_MONTHS):
        yield month
        month = _midnight(month - timedelta(days=1)).replace(day=1)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)

# SPDX-License-Identifier: Apache-2.0
"""The week as a form: for each day, the one period of sleep that begins on it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from atre.choices.sleep_rules import read_periods
from atre.errors import ConfigError

# As a calendar writes them; Monday first.
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Day:
    """What is in the form for one day: hours as HH:MM or empty, or the whole day."""

    start: str = ""
    end: str = ""
    is_whole: bool = False


class WrongDayError(ValueError):
    """A day that cannot be read; ``day`` is its place in ``DAYS``."""

    def __init__(self, day: int) -> None:
        super().__init__(f"{DAYS[day]}: both hours are needed, and two different ones")
        self.day = day


def from_form(field: Callable[[str], str]) -> list[Day]:
    """The seven days as they were typed."""
    return [
        Day(
            start=field(f"{day}_start").strip()[:5],
            end=field(f"{day}_end").strip()[:5],
            is_whole=field(f"{day}_whole") == "yes",
        )
        for day in DAYS
    ]


def written(week: list[Day]) -> str:
    """The calendar of a week, empty for one without sleep. Raises WrongDayError."""
    periods = []
    for number, (name, day) in enumerate(zip(DAYS, week, strict=True)):
        if day.is_whole:
            periods.append(name)
        elif day.start or day.end:
            period = f"{name} {day.start}-{day.end}"
            try:
                read_periods(period)
            except ConfigError as error:
                raise WrongDayError(number) from error
            periods.append(period)
    return ", ".join(periods)


def read(calendar: str) -> list[Day]:
    """The week of a calendar that ``written`` made."""
    week = [Day()] * len(DAYS)
    for period in read_periods(calendar):
        length = period.end_minute - period.start_minute
        shown = (
            Day(is_whole=True)
            if length == _DAY_MINUTES and not period.start_minute
            else Day(_clock(period.start_minute), _clock(period.end_minute))
        )
        for number in period.days:
            week[number] = shown
    return week


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"

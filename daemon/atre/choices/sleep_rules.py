# SPDX-License-Identifier: Apache-2.0
"""When the model may leave memory: after idle time, and in periods of the week. Pure.

A calendar is written as periods with commas between, ``mon-fri 19:00-07:00, sat-sun``: days, then
hours. Without hours a period lasts all day, without days it is every day's; hours that end before
they begin end on the next day. Days may be French: ``lun-ven``.
"""

import datetime as dt
import re

import msgspec

from atre.errors import ConfigError

# In sleep time, too, whoever woke the model goes on talking with it.
_LINGER_S = 300.0
# Long enough to read an answer and ask again; a model of 4 GB is back within seconds.
ECO_UNLOAD_S = 300.0

_DAYS = {
    name: number
    for names in ("mon tue wed thu fri sat sun", "lun mar mer jeu ven sam dim")
    for number, name in enumerate(names.split())
}
_DAY_MINUTES = 24 * 60
_DAY = r"[a-zé]{3}"
_PERIOD = re.compile(
    rf"(?:(?P<first>{_DAY})(?:-(?P<last>{_DAY}))?)?"
    r"(?:(?:^|\s+)(?P<start>\d{1,2}:\d{2})-(?P<end>\d{1,2}:\d{2}))?"
)


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A time of the week; it begins on ``days``, Monday is 0.

    Minutes count from midnight; ``end_minute`` above a day's is on the next one.
    """

    days: frozenset[int]
    start_minute: int = 0
    end_minute: int = _DAY_MINUTES

    def covers(self, now: dt.datetime) -> bool:
        """Whether it lasts at ``now``, whose zone's hours it means.

        Compared as instants: an hour that a zone skips or repeats neither ends nor begins it twice.
        """
        today = now.date()
        return any(
            day.weekday() in self.days
            and _instant(day, self.start_minute, now) <= now.astimezone(dt.UTC)
            and now.astimezone(dt.UTC) < _instant(day, self.end_minute, now)
            for day in (today, today - dt.timedelta(days=1))
        )


class SleepRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the box was told: seconds without a request, and the periods to sleep in."""

    unload_after_s: float | None = None
    periods: tuple[Period, ...] = ()

    def __bool__(self) -> bool:
        """Whether the model may ever leave memory."""
        return self.unload_after_s is not None or bool(self.periods)

    def in_eco(self) -> "SleepRules":
        """The same while the box saves power: an idle model leaves sooner."""
        idle_s = ECO_UNLOAD_S if self.unload_after_s is None else self.unload_after_s
        return msgspec.structs.replace(self, unload_after_s=min(idle_s, ECO_UNLOAD_S))

    def is_sleep_time(self, now: dt.datetime) -> bool:
        """Whether the calendar says so at ``now``, in the zone of the calendar."""
        return any(period.covers(now) for period in self.periods)

    def idle_limit_s(self, *, is_sleep_time: bool) -> float | None:
        """How long the model stays without a request, None for ever."""
        limits = [self.unload_after_s] if self.unload_after_s is not None else []
        return min(limits + [_LINGER_S] * is_sleep_time, default=None)


def should_be_loaded(
    rules: SleepRules,
    *,
    is_loaded: bool,
    idle_s: float,
    is_sleep_time: bool,
    was_sleep_time: bool,
) -> bool:
    """Whether the model belongs in memory, whoever asks for it aside.

    ``idle_s`` is from a clock that is never set; ``was_sleep_time`` is what was true when somebody
    last looked. So a clock that is set wakes the model once too often at worst.
    """
    if not rules:  # somebody changed their mind while it slept
        return True
    if is_loaded:
        limit_s = rules.idle_limit_s(is_sleep_time=is_sleep_time)
        return limit_s is None or idle_s < limit_s
    # The office opens: nobody shall wait for the first answer of the day.
    return was_sleep_time and not is_sleep_time


def read_periods(calendar: str) -> tuple[Period, ...]:
    """The periods of a calendar, none for an empty one. Raises ConfigError."""
    return tuple(_read_period(part) for part in map(str.strip, calendar.split(",")) if part)


def _read_period(written: str) -> Period:
    found = _PERIOD.fullmatch(written.lower())
    if not found:
        raise _unreadable(written)
    first, last = found["first"], found["last"] or found["first"]
    if not {first, last} <= {None, *_DAYS}:
        raise _unreadable(written)
    days = range(7) if first is None else range(_DAYS[first], _DAYS[last] + 1)
    if first and _DAYS[last] < _DAYS[first]:
        days = range(_DAYS[first], _DAYS[last] + 8)
    if found["start"] is None:
        return Period(days=frozenset(day % 7 for day in days))
    start, end = _minute(found["start"], written), _minute(found["end"], written)
    if start in {end, _DAY_MINUTES}:
        raise _unreadable(written)
    return Period(
        days=frozenset(day % 7 for day in days),
        start_minute=start,
        end_minute=end if end > start else end + _DAY_MINUTES,
    )


def _minute(clock: str, written: str) -> int:
    hours, minutes = map(int, clock.split(":"))
    if minutes >= 60 or hours * 60 + minutes > _DAY_MINUTES:  # noqa: PLR2004
        raise _unreadable(written)
    return hours * 60 + minutes


def _unreadable(written: str) -> ConfigError:
    return ConfigError(
        f"{written!r} is no time to sleep. Write days and hours, such as "
        "'mon-fri 19:00-07:00, sat-sun'.",
        f"{written!r} ne dit pas quand dormir. Écrivez des jours et des heures, comme "
        "'lun-ven 19:00-07:00, sam-dim'.",
    )


def _instant(day: dt.date, minute: int, like: dt.datetime) -> dt.datetime:
    midnight = dt.datetime.combine(day, dt.time(), like.tzinfo)
    # In one zone Python adds on the clock's face, which is what a calendar means.
    return (midnight + dt.timedelta(minutes=minute)).astimezone(dt.UTC)

# SPDX-License-Identifier: Apache-2.0
"""What a calendar means, on days with 23, 24 and 25 hours, and what follows for the model."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from atre.choices.sleep_rules import SleepRules, read_periods, should_be_loaded
from atre.errors import ConfigError
from atre.system.local_time import local_now

_PARIS = ZoneInfo("Europe/Paris")
_OFFICE = SleepRules(periods=read_periods("mon-fri 19:00-07:00, sat-sun"))


def sleeps(calendar: str, at: str, *, fold: int = 0, zone: ZoneInfo = _PARIS) -> bool:
    now = dt.datetime.fromisoformat(at).replace(tzinfo=zone, fold=fold)
    return SleepRules(periods=read_periods(calendar)).is_sleep_time(now)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-16T06:59", False),  # a Monday: the weekend ended with Sunday
        ("2026-11-16T18:59", False),
        ("2026-11-16T19:00", True),
        ("2026-11-17T06:59", True),
        ("2026-11-17T07:00", False),
        ("2026-11-20T23:00", True),  # Friday
        ("2026-11-21T12:00", True),
        ("2026-11-22T23:59", True),
        ("2026-11-23T00:00", False),
    ],
)
def test_an_offices_week(at: str, expected: bool) -> None:  # noqa: FBT001
    assert sleeps("mon-fri 19:00-07:00, sat-sun", at) is expected
    assert sleeps("lun-ven 19:00-07:00, sam-dim", at) is expected


@pytest.mark.parametrize(
    ("calendar", "at", "expected"),
    [
        ("12:00-13:30", "2026-11-18T12:30", True),
        ("12:00-13:30", "2026-11-18T13:30", False),
        ("fri-mon", "2026-11-23T12:00", True),  # Monday
        ("fri-mon", "2026-11-24T12:00", False),
        ("sun 20:00-24:00", "2026-11-22T23:59", True),
        ("sun 20:00-24:00", "2026-11-23T00:00", False),
        ("WED 08:00-09:00", "2026-11-18T08:30", True),
        ("", "2026-11-18T03:00", False),
    ],
)
def test_other_calendars(calendar: str, at: str, expected: bool) -> None:  # noqa: FBT001
    assert sleeps(calendar, at) is expected


@pytest.mark.parametrize(
    "calendar",
    ["xyz", "mon-xyz", "mon 19:00", "19:00-19:00", "25:00-26:00", "12:60-13:00", "mon 7-9", "-",
     "mon-fri-sun", "24:00-07:00", "mon19:00-20:00"],
)  # fmt: skip
def test_a_calendar_that_makes_no_sense_is_refused(calendar: str) -> None:
    with pytest.raises(ConfigError, match="no time to sleep"):
        read_periods(calendar)


def test_the_hour_that_spring_skips() -> None:
    """On 29 March 2026 it is 3:00 right after 1:59 in Paris."""
    assert sleeps("01:00-02:30", "2026-03-29T01:59")
    assert sleeps("01:00-02:30", "2026-03-29T03:00")  # half an hour of it is left
    assert not sleeps("01:00-02:30", "2026-03-29T03:30")
    assert sleeps("02:30-05:00", "2026-03-29T03:30")
    assert not sleeps("19:00-07:00", "2026-03-29T07:00")


def test_the_hour_that_autumn_repeats() -> None:
    """On 25 October 2026 2:00 to 3:00 comes twice in Paris: nothing begins or ends twice."""
    for fold in (0, 1):
        assert sleeps("01:00-07:00", "2026-10-25T02:30", fold=fold)
    assert sleeps("01:00-02:30", "2026-10-25T02:29", fold=0)
    assert not sleeps("01:00-02:30", "2026-10-25T02:29", fold=1)
    assert not sleeps("02:30-07:00", "2026-10-25T02:29", fold=0)
    assert sleeps("02:30-07:00", "2026-10-25T02:15", fold=1)


def test_the_zone_of_the_office_counts() -> None:
    now = dt.datetime(2026, 11, 18, 18, 30, tzinfo=dt.UTC)
    assert _OFFICE.is_sleep_time(now.astimezone(_PARIS))
    assert not _OFFICE.is_sleep_time(now.astimezone(ZoneInfo("America/Montreal")))


def test_the_machines_zone_has_its_rules_not_only_todays_offset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Europe/Paris")
    zone = local_now().tzinfo
    offsets = {dt.datetime(2026, month, 1, tzinfo=zone).utcoffset() for month in (1, 7)}
    assert offsets == {dt.timedelta(hours=1), dt.timedelta(hours=2)}
    monkeypatch.setenv("TZ", "Nowhere/AtAll")
    assert local_now().utcoffset() is not None


def loaded(rules: SleepRules, **facts: object) -> bool:
    known = {"is_loaded": True, "idle_s": 0.0, "is_sleep_time": False, "was_sleep_time": False}
    return should_be_loaded(rules, **(known | facts))  # type: ignore[arg-type]


def test_without_rules_the_model_stays() -> None:
    assert not SleepRules()
    assert loaded(SleepRules(), idle_s=1e9)


def test_it_leaves_after_idle_time_and_comes_back_for_questions_alone() -> None:
    rules = SleepRules(unload_after_s=600)
    assert loaded(rules, idle_s=599.9)
    assert not loaded(rules, idle_s=600)
    assert not loaded(rules, is_loaded=False)


def test_in_sleep_time_it_stays_for_a_conversation() -> None:
    assert loaded(_OFFICE, idle_s=299, is_sleep_time=True)
    assert not loaded(_OFFICE, idle_s=300, is_sleep_time=True)
    assert loaded(_OFFICE, idle_s=1e9)
    both = SleepRules(unload_after_s=60, periods=_OFFICE.periods)
    assert not loaded(both, idle_s=60, is_sleep_time=True)
    assert not loaded(both, idle_s=60)


def test_it_is_loaded_when_the_office_opens() -> None:
    asleep = {"is_loaded": False}
    assert not loaded(_OFFICE, **asleep, was_sleep_time=True, is_sleep_time=True)
    assert loaded(_OFFICE, **asleep, was_sleep_time=True)
    assert not loaded(_OFFICE, **asleep)  # somebody let it sleep in the daytime


def test_a_clock_set_back_wakes_it_once_too_often_at_worst() -> None:
    """07:00 comes, the clock is set back to 06:30, and 07:00 comes again."""
    days = [
        dt.datetime(2026, 11, 18, *clock, tzinfo=_PARIS)
        for clock in ((6, 59), (7, 0), (6, 30), (6, 59), (7, 0), (7, 1))
    ]
    was, loads = True, 0
    for now in days:
        is_sleep_time = _OFFICE.is_sleep_time(now)
        loads += loaded(_OFFICE, is_loaded=False, is_sleep_time=is_sleep_time, was_sleep_time=was)
        was = is_sleep_time
    assert loads == 2

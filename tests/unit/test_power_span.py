# SPDX-License-Identifier: Apache-2.0
"""The pieces of the power page's times, on the days when clocks change and months end."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre_web.power.span import read_by, shown

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(
    ["Europe/Paris", "America/Toronto", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2035, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)


@pytest.mark.parametrize(
    ("text", "by"), [(None, "day"), ("", "day"), ("month", "month"), ("year", "year"), ("<", "day")]
)
def test_an_address_asks_for_a_time_or_gets_the_day(text: str | None, by: str) -> None:
    assert read_by(text) == by


def test_the_hour_that_comes_twice_is_two_pieces() -> None:
    begins = shown("day", datetime(2026, 10, 25, 12, tzinfo=PARIS)).begins
    assert [each.hour for each in begins if each.hour == 2] == [2, 2]
    assert len({each.timestamp() for each in begins}) == 24


def test_the_hour_that_is_missing_is_no_piece() -> None:
    begins = shown("day", datetime(2026, 3, 29, 12, tzinfo=PARIS)).begins
    assert 2 not in [each.hour for each in begins if each.day == 29]


@pytest.mark.parametrize(
    "now", [datetime(2026, 3, 31, tzinfo=PARIS), datetime(2028, 2, 29, tzinfo=PARIS)]
)
def test_twelve_months_are_twelve_also_from_a_months_last_day(now: datetime) -> None:
    begins = shown("year", now).begins
    assert len({(each.year, each.month) for each in begins}) == 12
    assert (begins[-1].year, begins[-1].month, begins[-1].day) == (now.year, now.month, 1)


@given(MOMENTS, ZONES)
def test_every_time_ends_with_now_and_has_all_its_pieces(moment: datetime, zone: str) -> None:
    now = moment.astimezone(ZoneInfo(zone))
    for by, number in (("day", 24), ("month", 31), ("year", 12)):
        span = shown(read_by(by), now)
        assert len({each.timestamp() for each in span.begins}) == number
        assert span.begins == sorted(span.begins)
        assert span.begins[-1] <= now
        assert span.from_s < span.to_s
        if by == "month":
            days = [each.date() for each in span.begins]
            assert days == [days[0] + timedelta(days=n) for n in range(number)]

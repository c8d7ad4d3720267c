# SPDX-License-Identifier: Apache-2.0
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from atre.ipc.power_messages import PowerBucket, PowerSettings, Resolution
from atre.power import history as module
from atre.power.history import HOUR_S, MINUTE_S, Amount, PowerHistory
from atre.power.reading import Basis
from atre.power.tariff import tariff_of
from atre.power.totals import J_PER_KWH, Pricing, buckets, whole

PARIS = ZoneInfo("Europe/Paris")
KWH = J_PER_KWH


@pytest.fixture
def history(tmp_path: Path) -> Iterator[PowerHistory]:
    history = PowerHistory(tmp_path / "power.db")
    assert history._database is not None
    history._database.execute("PRAGMA synchronous = OFF")  # months are filled, minute by minute
    yield history
    history.close()


def at(*moment: int) -> dt.datetime:
    return dt.datetime(*moment, tzinfo=PARIS)  # type: ignore[misc,arg-type]


def fill(history: PowerHistory, begins: dt.datetime, hours: int, **amount: object) -> None:
    """One kilowatt-hour each hour, unless told otherwise, in its first minute."""
    figures = {"energy_j": KWH, "covered_s": 3600, "expected_s": 3600} | amount
    for number in range(hours):
        taken = Amount(basis=Basis.COUNTER, **figures)  # type: ignore[arg-type]
        history.add(begins.timestamp() + HOUR_S * number, [taken])


def days(history: PowerHistory, first: dt.datetime, last: dt.datetime) -> list[PowerBucket]:
    interval = first.timestamp(), last.timestamp()
    return buckets(history, Resolution.DAY, *interval, PARIS, Pricing())


def test_local_days_have_23_24_and_25_hours(history: PowerHistory) -> None:
    for month, day, expected in ((3, 29, 23), (6, 10, 24), (10, 25, 25)):
        begins = at(2026, month, day)
        fill(history, begins - dt.timedelta(hours=5), 40)
        (bucket,) = days(history, begins, begins + dt.timedelta(days=1))
        assert bucket.energy_j == pytest.approx(expected * KWH)
        assert bucket.end_s - bucket.start_s == expected * HOUR_S
        assert bucket.start_s == begins.timestamp()


def test_all_days_of_a_month_make_the_month(history: PowerHistory) -> None:
    fill(history, at(2026, 9, 29), 34 * 24)
    interval = at(2026, 10, 1).timestamp(), at(2026, 11, 1).timestamp()
    (month,) = buckets(history, Resolution.MONTH, *interval, PARIS, Pricing())
    single = days(history, at(2026, 10, 1), at(2026, 11, 1))
    assert len(single) == 31
    assert month.energy_j == pytest.approx(sum(day.energy_j or 0.0 for day in single))
    assert month.energy_j == pytest.approx((31 * 24 + 1) * KWH)


def test_gaps_are_told_and_time_when_the_box_was_off_is_none(history: PowerHistory) -> None:
    fill(history, at(2026, 11, 20, 8), 2, covered_s=1800, energy_j=KWH / 2)
    (day,) = days(history, at(2026, 11, 20), at(2026, 11, 21))
    assert (day.covered_s, day.expected_s) == (3600, 7200)
    unknown = Amount(basis=Basis.UNKNOWN, expected_s=60)
    history.add(at(2026, 11, 21, 8).timestamp(), [unknown])
    (blind,) = days(history, at(2026, 11, 21), at(2026, 11, 22))
    assert blind.energy_j is None
    assert blind.basis is Basis.UNKNOWN
    assert days(history, at(2026, 11, 22), at(2026, 11, 23)) == []


def test_the_worst_basis_names_a_bucket_unless_it_held_for_a_moment(history: PowerHistory) -> None:
    begins = at(2026, 11, 20, 8).timestamp()
    for basis, seconds in ((Basis.PLUG, 3000), (Basis.ESTIMATE, 20)):
        taken = Amount(basis=basis, energy_j=1.0, covered_s=seconds, expected_s=seconds)
        history.add(begins, [taken])
    (day,) = days(history, at(2026, 11, 20), at(2026, 11, 21))
    assert day.basis is Basis.PLUG
    history.add(begins, [Amount(basis=Basis.ESTIMATE, energy_j=1.0, covered_s=60, expected_s=60)])
    (day,) = days(history, at(2026, 11, 20), at(2026, 11, 21))
    assert day.basis is Basis.ESTIMATE


def test_idle_energy_is_told_only_where_it_is_known_of_nearly_all(history: PowerHistory) -> None:
    begins = at(2026, 11, 20, 8)
    fill(history, begins, 1, idle_j=KWH / 4)
    (day,) = days(history, at(2026, 11, 20), at(2026, 11, 21))
    assert day.idle_j == pytest.approx(KWH / 4)
    fill(history, begins, 1, unsplit_j=KWH)
    (day,) = days(history, at(2026, 11, 20), at(2026, 11, 21))
    assert day.idle_j is None


def test_money_and_co2_of_a_day_are_those_of_its_hours(history: PowerHistory) -> None:
    fill(history, at(2026, 11, 20), 24)
    settings = PowerSettings(tariff="fr-bleu-hphc", co2_g_kwh=56.0, co2_source="Ember")
    pricing = Pricing(tariff=tariff_of(settings), co2_g_kwh=settings.co2_g_kwh)
    day = whole(history, Resolution.DAY, at(2026, 11, 20, 23, 30), pricing)
    assert day.cost == pytest.approx(8 * 0.1579 + 16 * 0.2065)
    assert day.co2_g == pytest.approx(24 * 56)
    interval = at(2026, 11, 20).timestamp(), at(2026, 11, 21).timestamp()
    hours = buckets(history, Resolution.HOUR, *interval, PARIS, pricing)
    assert sum(hour.cost or 0.0 for hour in hours) == pytest.approx(day.cost or 0.0)
    minutes = buckets(history, Resolution.MINUTE, *interval, PARIS, pricing)
    assert {minute.cost for minute in minutes} == {None}


def test_a_day_without_a_minute_has_bounds_and_no_figure(history: PowerHistory) -> None:
    today = whole(history, Resolution.DAY, at(2026, 11, 22, 9), Pricing())
    assert today.energy_j is None
    assert today.cost is None
    assert today.start_s == at(2026, 11, 22).timestamp()
    assert today.end_s == at(2026, 11, 23).timestamp()


def test_days_whose_hours_are_gone_are_still_there_once(
    history: PowerHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT", {MINUTE_S: 10, HOUR_S: 48})
    fill(history, dt.datetime(2026, 6, 1, tzinfo=dt.UTC), 240)
    found = days(history, at(2026, 5, 30), at(2026, 6, 30))
    assert len(found) == 11  # in Paris the ten days of UTC begin and end at two in the morning
    assert sum(day.energy_j or 0.0 for day in found) == pytest.approx(240 * KWH)


def test_times_before_there_were_calendars_are_answered(history: PowerHistory) -> None:
    for resolution in Resolution:
        assert buckets(history, resolution, -1e11, 1e11, PARIS, Pricing()) == []

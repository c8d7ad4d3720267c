# SPDX-License-Identifier: Apache-2.0
import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from atre.errors import InvalidRequestError
from atre.ipc.power_messages import CustomPeriod, CustomTariff, PowerSettings
from atre.power.tariff import Tariff, co2_examples, tariff_of, tariff_offers

PARIS, MONTREAL = ZoneInfo("Europe/Paris"), ZoneInfo("America/Toronto")


def chosen(**settings: object) -> Tariff:
    tariff = tariff_of(PowerSettings(**settings))  # type: ignore[arg-type]
    assert tariff is not None
    return tariff


def cost(tariff: Tariff, *moment: int, zone: ZoneInfo = PARIS, kwh: float = 1.0) -> float:
    return tariff.costs([(dt.datetime(*moment, tzinfo=zone), kwh)])[0]  # type: ignore[misc,arg-type]


def test_no_tariff_is_no_cost() -> None:
    assert tariff_of(PowerSettings()) is None


def test_off_peak_hours_are_the_offices_own_to_the_half_hour() -> None:
    usual = chosen(tariff="fr-bleu-hphc")
    assert cost(usual, 2026, 11, 20, 23) == pytest.approx(0.1579)
    assert cost(usual, 2026, 11, 20, 12) == pytest.approx(0.2065)
    own = chosen(tariff="fr-bleu-hphc", off_peak="12:30-15:30, 02:00-07:00")
    assert cost(own, 2026, 11, 20, 23) == pytest.approx(0.2065)
    assert cost(own, 2026, 11, 20, 12) == pytest.approx((0.2065 + 0.1579) / 2)


def test_on_the_night_without_an_hour_each_hour_has_its_price() -> None:
    tariff = chosen(tariff="fr-bleu-hphc")
    utc = dt.datetime(2026, 3, 28, 23, tzinfo=dt.UTC)  # midnight in Paris; two becomes three
    hours = [((utc + dt.timedelta(hours=n)).astimezone(PARIS), 1.0) for n in range(23)]
    costs = tariff.costs(hours)
    assert [hour.hour for hour, _ in hours][:4] == [0, 1, 3, 4]
    assert sum(costs) == pytest.approx(7 * 0.1579 + 16 * 0.2065)


def test_two_tiers_are_taken_from_midnight_on_beneath_what_the_office_takes() -> None:
    hours = [(dt.datetime(2026, 7, 1, hour, tzinfo=MONTREAL), 2.0) for hour in range(24)]
    alone = chosen(tariff="ca-quebec-d", other_kwh_day=0.0).costs(hours)
    assert sum(alone) == pytest.approx(40 * 0.06905 + 8 * 0.10652)
    assert alone[0] < alone[-1]
    shared = chosen(tariff="ca-quebec-d", other_kwh_day=38.0).costs(hours)
    assert sum(shared) == pytest.approx(2 * 0.06905 + 46 * 0.10652)
    on_top = chosen(tariff="ca-quebec-d").costs(hours)
    assert sum(on_top) == pytest.approx(48 * 0.10652)


def test_flex_d_is_cheap_in_winter_but_on_the_mornings_that_were_announced() -> None:
    tariff = chosen(tariff="ca-quebec-flex-d", peak_days=["2027-01-14"])
    winter, peak, summer = (2027, 1, 15, 7), (2027, 1, 14, 7), (2027, 7, 14, 7)
    assert cost(tariff, *winter, zone=MONTREAL) == pytest.approx(0.08699)
    assert cost(tariff, *peak, zone=MONTREAL) == pytest.approx(0.45088)
    assert cost(tariff, *summer, zone=MONTREAL) == pytest.approx(0.10652)
    assert cost(tariff, 2027, 1, 14, 12, zone=MONTREAL) == pytest.approx(0.08699)


def test_prices_of_ones_own() -> None:
    week = CustomPeriod(calendar="lun-ven 08:00-18:00", cents_kwh=30.0, months=[11])
    custom = CustomTariff(currency="USD", cents_kwh=10.0, periods=[week])
    tariff = chosen(tariff="custom", custom=custom)
    assert tariff.currency == "USD"
    assert cost(tariff, 2026, 11, 20, 10) == pytest.approx(0.30)
    assert cost(tariff, 2026, 11, 21, 10) == pytest.approx(0.10)  # a Saturday
    assert cost(tariff, 2026, 12, 18, 10) == pytest.approx(0.10)


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"tariff": "none-such"}, "tariff"),
        ({"tariff": "custom"}, "custom"),
        ({"tariff": "fr-bleu-hphc", "off_peak": "at night"}, "off_peak"),
        ({"tariff": "ca-quebec-flex-d", "peak_days": ["14/01/2027"]}, "peak_days"),
        (
            {
                "tariff": "custom",
                "custom": CustomTariff(
                    currency="EUR",
                    cents_kwh=1.0,
                    periods=[CustomPeriod(calendar="", cents_kwh=2.0)],
                ),
            },
            "custom",
        ),
    ],
)
def test_what_makes_no_sense_is_told_by_its_field(settings: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        tariff_of(PowerSettings(**settings))  # type: ignore[arg-type]
    assert caught.value.param == param


def test_each_example_names_its_source_and_can_be_chosen() -> None:
    for offer in tariff_offers():
        assert offer.source.startswith("https://")
        assert dt.date.fromisoformat(offer.date) <= dt.date(2026, 11, 22)
        assert offer.title.text_fr
        assert chosen(tariff=offer.id).currency == offer.currency
    for example in co2_examples():
        assert "https://" in example.source
        assert 2020 < example.year < 2027

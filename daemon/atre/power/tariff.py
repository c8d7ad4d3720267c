# SPDX-License-Identifier: Apache-2.0
"""What a kilowatt-hour costs, hour by hour. Pure, but for the examples' files.

A tariff has a price, periods with others (the first that covers a moment counts), and perhaps two
tiers: so many kilowatt-hours of a day at a lower price. The daily subscription is left out: the
office pays it without the box too.
"""

import datetime as dt
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from atre.choices.sleep_rules import Period, read_periods
from atre.errors import ConfigError, InvalidRequestError
from atre.ipc.power_messages import (
    CUSTOM_TARIFF,
    Co2Example,
    Currency,
    CustomTariff,
    PowerSettings,
    TariffOffer,
)
from atre.sentence import Sentence

_TARIFFS = Path(__file__).parent / "tariffs"
_CO2 = Path(__file__).parent / "co2.toml"
_MINUTES = (7, 22, 37, 52)  # the middles of an hour's quarters: 22:30 is a usual time of change


class _WrittenPeriod(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    calendar: str
    cents_kwh: float
    first_tier_cents_kwh: float | None = None
    months: frozenset[int] = frozenset(range(1, 13))
    is_off_peak: bool = False
    on_peak_days: bool = False


class _Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of ``tariffs/``. Prices are in hundredths of the currency."""

    id: str
    title: str
    title_fr: str
    currency: Currency
    source: str
    date: str
    is_verified: bool
    note: str
    note_fr: str
    cents_kwh: float
    first_tier_cents_kwh: float | None = None
    tier_kwh_day: float = 0.0
    period: tuple[_WrittenPeriod, ...] = ()


class _Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    title: str
    title_fr: str
    g_kwh: float
    source: str
    year: int
    is_verified: bool


class Price(msgspec.Struct, frozen=True):
    """Cents for a kilowatt-hour, in the first tier and beyond it."""

    first_cents: float
    cents: float


class PricePeriod(msgspec.Struct, frozen=True, kw_only=True):
    """When ``price`` holds; ``days`` None is every day, else only these."""

    times: tuple[Period, ...]
    months: frozenset[int]
    price: Price
    days: frozenset[dt.date] | None = None

    def covers(self, moment: dt.datetime) -> bool:
        if moment.month not in self.months:
            return False
        if self.days is not None and moment.date() not in self.days:
            return False
        return any(time.covers(moment) for time in self.times)


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """The prices of one contract; ``tier_left_kwh_day`` is what the box has of the first tier."""

    currency: Currency
    price: Price
    periods: tuple[PricePeriod, ...] = ()
    tier_left_kwh_day: float = 0.0

    def price_at(self, moment: dt.datetime) -> Price:
        """The price at a moment in the box's own zone."""
        return next((each.price for each in self.periods if each.covers(moment)), self.price)

    def costs(self, hours: Sequence[tuple[dt.datetime, float]]) -> list[float]:
        """What each hour of one local day costs, in the currency.

        An hour is when it begins, in the box's zone, and its kilowatt-hours. The box takes its part
        of the first tier from midnight on.
        """
        left_kwh, costs = self.tier_left_kwh_day, []
        for begins, kwh in hours:
            first_kwh = min(left_kwh, kwh)
            left_kwh -= first_kwh
            prices = [self.price_at(begins + dt.timedelta(minutes=each)) for each in _MINUTES]
            first_cents = sum(price.first_cents for price in prices) / len(prices)
            cents = sum(price.cents for price in prices) / len(prices)
            costs.append((first_cents * first_kwh + cents * (kwh - first_kwh)) / 100)
        return costs


def tariff_of(settings: PowerSettings) -> Tariff | None:
    """The tariff that the settings choose, None for none. Raises InvalidRequestError."""
    if not settings.tariff:
        return None
    if settings.tariff == CUSTOM_TARIFF:
        if settings.custom is None:
            raise InvalidRequestError("Enter a price for your own tariff.", param="custom")
        return _custom(settings.custom)
    written = next((each for each in _written() if each.id == settings.tariff), None)
    if written is None:
        raise InvalidRequestError(f"There is no tariff {settings.tariff!r}.", param="tariff")
    days = _dates(settings.peak_days)
    other_kwh = written.tier_kwh_day if settings.other_kwh_day is None else settings.other_kwh_day
    return Tariff(
        currency=written.currency,
        price=_price(written),
        periods=tuple(
            PricePeriod(
                times=_times(
                    settings.off_peak if each.is_off_peak and settings.off_peak else each.calendar,
                    "off_peak",
                ),
                months=each.months,
                price=_price(each),
                days=days if each.on_peak_days else None,
            )
            for each in written.period
        ),
        tier_left_kwh_day=max(0.0, written.tier_kwh_day - other_kwh),
    )


def tariff_offers() -> list[TariffOffer]:
    """The examples that come with the box."""
    return [
        TariffOffer(
            id=each.id,
            title=Sentence(each.title, each.title_fr),
            currency=each.currency,
            note=Sentence(each.note, each.note_fr),
            source=each.source,
            date=each.date,
            is_verified=each.is_verified,
            has_off_peak=any(period.is_off_peak for period in each.period),
            has_tiers=each.tier_kwh_day > 0,
            has_peak_days=any(period.on_peak_days for period in each.period),
        )
        for each in _written()
    ]


@cache
def co2_examples() -> tuple[Co2Example, ...]:
    """What a kilowatt-hour emits in some places, each with who says so."""
    found = msgspec.convert(tomllib.loads(_CO2.read_text())["example"], tuple[_Example, ...])
    return tuple(
        Co2Example(
            id=each.id,
            title=Sentence(each.title, each.title_fr),
            g_kwh=each.g_kwh,
            source=each.source,
            year=each.year,
            is_verified=each.is_verified,
        )
        for each in found
    )


def _custom(custom: CustomTariff) -> Tariff:
    return Tariff(
        currency=custom.currency,
        price=Price(custom.cents_kwh, custom.cents_kwh),
        periods=tuple(
            PricePeriod(
                times=_times(each.calendar, "custom"),
                months=frozenset(each.months if each.months is not None else range(1, 13)),
                price=Price(each.cents_kwh, each.cents_kwh),
            )
            for each in custom.periods
        ),
    )


def _price(written: _Written | _WrittenPeriod) -> Price:
    first = written.first_tier_cents_kwh
    return Price(written.cents_kwh if first is None else first, written.cents_kwh)


def _times(calendar: str, param: str) -> tuple[Period, ...]:
    try:
        times = read_periods(calendar)
    except ConfigError:
        times = ()
    if not times:
        raise InvalidRequestError(
            f"{calendar!r} is no time of the week. Write days and hours, such as "
            "'mon-fri 22:00-06:00, sat-sun'.",
            param=param,
        )
    return times


def _dates(written: Iterable[str]) -> frozenset[dt.date]:
    try:
        return frozenset(map(dt.date.fromisoformat, written))
    except ValueError as error:
        raise InvalidRequestError(
            "Write each peak day as year-month-day, such as 2027-01-14.", param="peak_days"
        ) from error


@cache
def _written() -> tuple[_Written, ...]:
    return tuple(
        msgspec.convert(tomllib.loads(path.read_text()), _Written)
        for path in sorted(_TARIFFS.glob("*.toml"))
    )

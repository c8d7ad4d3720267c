# SPDX-License-Identifier: Apache-2.0
"""Energy, cost and CO₂ by minute, hour, day and month of the box's own zone.

The history's buckets begin by UTC. An hour counts to the local day in which it begins, which is
exact but in zones half an hour off. Days whose hours are not kept any more are those of UTC, spread
evenly over their hours.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import msgspec

from atre.ipc.power_basis import Basis
from atre.ipc.power_messages import PowerBucket, Resolution
from atre.power.history import DAY_S, HOUR_S, MINUTE_S, Amount, PowerHistory, Stored
from atre.power.tariff import Tariff

J_PER_KWH = 3.6e6
_HOURS_A_DAY = 24
_COUNTS = 0.01  # a basis that holds for less of the time does not name the whole
_MONTH_S = 31 * DAY_S


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    """What turns energy into money and CO₂, where that is known."""

    tariff: Tariff | None = None
    co2_g_kwh: float | None = None


class _Hour(msgspec.Struct, frozen=True):
    begins: dt.datetime
    amounts: list[Amount]
    length_s: int = HOUR_S

    @property
    def kwh(self) -> float:
        return sum(amount.energy_j for amount in self.amounts) / J_PER_KWH


class _Cost(msgspec.Struct, frozen=True):
    hour: _Hour
    cost: float | None


def buckets(
    history: PowerHistory,
    resolution: Resolution,
    from_s: float,
    to_s: float,
    zone: dt.tzinfo,
    pricing: Pricing,
) -> list[PowerBucket]:
    """The buckets that begin in the interval and in which the box ran; minutes have no cost."""
    from_s, to_s = max(0.0, from_s), max(0.0, to_s)
    if resolution is Resolution.MINUTE:
        minutes = [
            _Hour(_local(start_s, zone), amounts, MINUTE_S)
            for start_s, amounts in _grouped(history.read(MINUTE_S, from_s, to_s))
        ]
        return [_bucket([_Cost(each, None)], *_ends(each), pricing) for each in minutes]
    reach_s = {Resolution.HOUR: DAY_S, Resolution.DAY: DAY_S, Resolution.MONTH: _MONTH_S}[
        resolution
    ]
    hours = _hours(history, from_s - reach_s, to_s + reach_s, zone)
    priced = _priced(hours, pricing.tariff)
    begins_of = _BEGINS[resolution]
    found = []
    for begins, group in groupby(priced, key=lambda each: begins_of(each.hour.begins)):
        if from_s <= begins.timestamp() < to_s:
            ends_s = _next(resolution, begins)
            found.append(_bucket(list(group), begins.timestamp(), ends_s, pricing))
    return found


def whole(
    history: PowerHistory, resolution: Resolution, now: dt.datetime, pricing: Pricing
) -> PowerBucket:
    """The day or month of ``now``, in its zone, as far as it has come."""
    begins = _BEGINS[resolution](now)
    begins_s = begins.timestamp()
    zone = now.tzinfo or dt.UTC
    found = buckets(history, resolution, begins_s, begins_s + 1, zone, pricing)
    return found[0] if found else _bucket([], begins_s, _next(resolution, begins), pricing)


def _hours(history: PowerHistory, from_s: float, to_s: float, zone: dt.tzinfo) -> list[_Hour]:
    hours = [
        _Hour(_local(start_s, zone), amounts)
        for start_s, amounts in _grouped(history.read(HOUR_S, from_s, to_s))
    ]
    oldest_s, days_s = history.begins_s(HOUR_S), history.begins_s(DAY_S)
    if oldest_s is None or days_s is None or oldest_s // DAY_S * DAY_S == days_s:
        return hours
    until_s = min(to_s, oldest_s // DAY_S * DAY_S)
    spread = [
        _Hour(_local(start_s + HOUR_S * number, zone), [_part(each) for each in amounts])
        for start_s, amounts in _grouped(history.read(DAY_S, from_s - DAY_S, until_s))
        for number in range(_HOURS_A_DAY)
    ]
    return [*(hour for hour in spread if hour.begins.timestamp() >= from_s), *hours]


def _part(day: Amount) -> Amount:
    figures = {
        name: getattr(day, name) / _HOURS_A_DAY
        for name in Amount.__struct_fields__
        if name != "basis"
    }
    return Amount(basis=day.basis, **figures)


def _grouped(stored: Iterable[Stored]) -> list[tuple[int, list[Amount]]]:
    groups = groupby(stored, key=lambda each: each.start_s)
    return [(start_s, [each.amount for each in group]) for start_s, group in groups]


def _priced(hours: Sequence[_Hour], tariff: Tariff | None) -> list[_Cost]:
    if tariff is None:
        return [_Cost(hour, None) for hour in hours]
    priced: list[_Cost] = []
    for _, group in groupby(hours, key=lambda hour: hour.begins.date()):
        day = list(group)
        costs = tariff.costs([(hour.begins, hour.kwh) for hour in day])
        priced += [_Cost(hour, cost) for hour, cost in zip(day, costs, strict=True)]
    return priced


def _bucket(
    priced: Sequence[_Cost], begins_s: float, ends_s: float, pricing: Pricing
) -> PowerBucket:
    amounts = [amount for each in priced for amount in each.hour.amounts]
    covered_s = sum(amount.covered_s for amount in amounts)
    expected_s = sum(amount.expected_s for amount in amounts)
    energy_j = sum(amount.energy_j for amount in amounts) if covered_s else None
    unsplit_j = sum(amount.unsplit_j for amount in amounts)
    costs = [each.cost for each in priced if each.cost is not None]
    is_split = energy_j is not None and unsplit_j <= _COUNTS * energy_j
    return PowerBucket(
        start_s=begins_s,
        end_s=ends_s,
        energy_j=energy_j,
        idle_j=sum(amount.idle_j for amount in amounts) if is_split else None,
        # A plug's clock may be a second ahead of the box's.
        covered_s=min(covered_s, expected_s),
        expected_s=expected_s,
        basis=_worst(amounts, covered_s),
        cost=sum(costs) if costs and energy_j is not None else None,
        co2_g=(
            None
            if energy_j is None or pricing.co2_g_kwh is None
            else energy_j / J_PER_KWH * pricing.co2_g_kwh
        ),
    )


def _worst(amounts: Sequence[Amount], covered_s: float) -> Basis:
    worst = Basis.UNKNOWN
    for basis in Basis:
        seconds = sum(amount.covered_s for amount in amounts if amount.basis is basis)
        if covered_s and seconds >= _COUNTS * covered_s:
            worst = basis
    return worst


def _local(start_s: float, zone: dt.tzinfo) -> dt.datetime:
    return dt.datetime.fromtimestamp(start_s, zone)


def _ends(hour: _Hour) -> tuple[float, float]:
    begins_s = hour.begins.timestamp()
    return begins_s, begins_s + hour.length_s


def _hour_begin(moment: dt.datetime) -> dt.datetime:
    return moment


def _day_begin(moment: dt.datetime) -> dt.datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _month_begin(moment: dt.datetime) -> dt.datetime:
    return _day_begin(moment).replace(day=1)


_BEGINS: dict[Resolution, Callable[[dt.datetime], dt.datetime]] = {
    Resolution.HOUR: _hour_begin,
    Resolution.DAY: _day_begin,
    Resolution.MONTH: _month_begin,
}


def _next(resolution: Resolution, begins: dt.datetime) -> float:
    """When the next bucket begins; days of 23 and 25 hours are what they are."""
    if resolution is Resolution.HOUR:
        return begins.timestamp() + HOUR_S
    days = 1 if resolution is Resolution.DAY else 32
    later = begins + dt.timedelta(days=days)
    return (later if resolution is Resolution.DAY else _month_begin(later)).timestamp()

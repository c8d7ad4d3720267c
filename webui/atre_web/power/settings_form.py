# SPDX-License-Identifier: Apache-2.0
"""The form of the electricity settings: what a browser sent as ``PowerSettings``."""

from collections.abc import Callable
from typing import Any

import msgspec

from atre.ipc.power_messages import (
    CUSTOM_TARIFF,
    Co2Example,
    CustomPeriod,
    CustomTariff,
    PlugSettings,
    PowerSettings,
    UpsSettings,
)

NUM_PERIODS = 4
_MOST_DIGITS = 12


class FormError(Exception):
    """A field holds what it cannot; ``param`` is the field."""

    def __init__(self, param: str) -> None:
        super().__init__(param)
        self.param = param


def read(field: Callable[[str], str], examples: list[Co2Example]) -> PowerSettings:
    """The settings in a form whose fields ``field`` tells. Raises FormError."""
    tariff = field("tariff")
    g_kwh, source = _co2(field, examples)
    typed = {
        "tariff": tariff,
        "custom": _custom(field) if tariff == CUSTOM_TARIFF else None,
        "off_peak": field("off_peak").strip(),
        "peak_days": field("peak_days").split(),
        "other_kwh_day": _number(field, "other_kwh_day"),
        "co2_g_kwh": g_kwh,
        "co2_source": source,
        "plug": _plug(field),
        "ups": _ups(field),
    }
    try:
        # By way of plain values: what is a Struct already is not looked into again.
        return msgspec.convert(msgspec.to_builtins(typed), PowerSettings)
    except msgspec.ValidationError as error:
        raise FormError(_param(str(error))) from error


def _co2(field: Callable[[str], str], examples: list[Co2Example]) -> tuple[float | None, str]:
    chosen = field("co2")
    example = next((each for each in examples if each.id == chosen), None)
    if example is not None:
        return example.g_kwh, f"{example.source} ({example.year})"
    if chosen != "own":
        return None, ""
    g_kwh = _number(field, "co2_g_kwh")
    if g_kwh is None:
        raise FormError("co2_g_kwh")
    return g_kwh, " ".join(field("co2_source").split())


def _custom(field: Callable[[str], str]) -> CustomTariff:
    cents = _number(field, "cents_kwh")
    if cents is None:
        raise FormError("cents_kwh")
    periods: list[CustomPeriod] = []
    for index in range(NUM_PERIODS):
        calendar = " ".join(field(f"calendar_{index}").split())
        price = _number(field, f"cents_{index}")
        if bool(calendar) != (price is not None):
            raise FormError(f"cents_{index}" if calendar else f"calendar_{index}")
        if calendar and price is not None:
            periods.append(CustomPeriod(calendar=calendar, cents_kwh=price))
    currency: Any = field("currency")
    return CustomTariff(currency=currency, cents_kwh=cents, periods=periods)


def _plug(field: Callable[[str], str]) -> PlugSettings | None:
    address = field("plug_address").strip()
    kind: Any = field("plug_kind")
    if not kind:
        return None
    if not address:
        raise FormError("plug_address")
    return PlugSettings(kind=kind, address=address, user=field("plug_user").strip())


def _ups(field: Callable[[str], str]) -> UpsSettings | None:
    name = field("ups_name").strip()
    if not name:
        return None
    address = field("ups_address").strip() or UpsSettings(name=name).address
    return UpsSettings(name=name, address=address, nominal_w=_number(field, "ups_nominal"))


def _number(field: Callable[[str], str], name: str) -> float | None:
    """A number with a comma or a point; None for an empty field."""
    text = field(name).strip().replace(",", ".").replace("\N{NO-BREAK SPACE}", "")
    if not text:
        return None
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    plain = digits.replace(".", "", 1)
    if not (plain.isascii() and plain.isdecimal() and len(plain) <= _MOST_DIGITS):
        raise FormError(name)
    return sign * float(digits)


# What msgspec calls a part of the settings, and the field of the form that holds it.
_FIELDS = {
    "custom.cents_kwh": "cents_kwh",
    "custom.currency": "currency",
    "custom.periods": "calendar_0",
    "off_peak": "off_peak",
    "peak_days": "peak_days",
    "other_kwh_day": "other_kwh_day",
    "co2_g_kwh": "co2_g_kwh",
    "co2_source": "co2_source",
    "plug.kind": "plug_kind",
    "plug.user": "plug_user",
    "plug": "plug_address",
    "ups.nominal_w": "ups_nominal",
    "ups.address": "ups_address",
    "ups": "ups_name",
}


def _param(error: str) -> str:
    path = error.rpartition("$.")[2]
    return next((name for part, name in _FIELDS.items() if path.startswith(part)), "tariff")

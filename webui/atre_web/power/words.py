# SPDX-License-Identifier: Apache-2.0
"""Electricity in the reader's language. What nobody knows is —, never 0."""

import flask_babel
from babel.numbers import format_currency

from atre.ipc.power_basis import Basis, Scope
from atre_web.panel.snapshot import UNKNOWN
from atre_web.panel.wording import decimal, gettext

_J_PER_WH = 3600.0
_WH_PER_KWH = 1000.0
_GRAMS_PER_KG = 1000.0
_FEW_WH = 100.0
_LITTLE_MONEY = 0.1


def watts(power_w: float | None) -> str:
    """Power."""
    return UNKNOWN if power_w is None else gettext("%(n)s W", n=decimal(power_w))


def energy(energy_j: float | None) -> str:
    """Watt-hours, in thousands of them from a tenth of a kilowatt-hour on."""
    if energy_j is None:
        return UNKNOWN
    watt_hours = energy_j / _J_PER_WH
    if watt_hours < _FEW_WH:
        return gettext("%(n)s Wh", n=decimal(watt_hours))
    return gettext("%(n)s kWh", n=_exact(watt_hours / _WH_PER_KWH))


def cost(amount: float | None, currency: str | None) -> str:
    """Money, as the reader's language writes that currency; an hour's, to a hundredth of a cent."""
    if amount is None or currency is None:
        return UNKNOWN
    if 0 < abs(amount) < _LITTLE_MONEY:
        locale = flask_babel.get_locale()
        few = round(amount, 4)
        return str(format_currency(few, currency, locale=locale, decimal_quantization=False))
    return str(flask_babel.format_currency(amount, currency))


def co2(grams: float | None) -> str:
    """A mass of carbon dioxide."""
    if grams is None:
        return UNKNOWN
    if grams < _GRAMS_PER_KG:
        return gettext("%(n)s g", n=decimal(grams))
    return gettext("%(n)s kg", n=decimal(grams / _GRAMS_PER_KG))


def source(name: str) -> str:
    """What measures; what only a kernel has a name for keeps that one."""
    kind, _, rest = name.partition(":")
    kinds = {
        "battery": gettext("Batterie"),
        "plug": gettext("Prise de mesure"),
        "ups": gettext("Onduleur"),
    }
    return f"{kinds[kind]} {rest.partition(':')[2] or rest}".strip() if kind in kinds else name


def basis(how: Basis) -> str:
    """Where a figure comes from, in a word or two."""
    return {
        Basis.PLUG: gettext("prise de mesure"),
        Basis.COUNTER: gettext("compteur de la machine"),
        Basis.SENSOR: gettext("capteur de la machine"),
        Basis.ESTIMATE: gettext("estimation"),
        Basis.UNKNOWN: gettext("inconnu"),
    }[how]


def scope(what: Scope) -> str:
    """How much of the machine a source covers."""
    return {
        Scope.WALL: gettext("tout ce qui est branché"),
        Scope.PLATFORM: gettext("toute la machine"),
        Scope.PACKAGE: gettext("processeur"),
        Scope.CARD: gettext("carte graphique"),
    }[what]


def _exact(value: float) -> str:
    """Two decimals below ten: a box takes about half a kilowatt-hour a day."""
    return str(flask_babel.format_decimal(round(value, 2 if value < 10 else 1)))  # noqa: PLR2004

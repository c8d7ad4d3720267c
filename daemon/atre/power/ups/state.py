# SPDX-License-Identifier: Apache-2.0
"""What the variables of a UPS say, less what cannot be true.

Names and units: RFC 9271 (UPS Management Protocol), appendix A, and NUT's ``nut-names.txt``.
Recordings of real units show constants in place of measures: a charge of 255, a run time of -1.
"""

import math
from collections.abc import Mapping

import msgspec

from atre.power.reading import Basis

_PERCENT = 100.0
_MAX_RUNTIME_S = 48 * 3600.0
_MAX_POWER_W = 20_000.0  # what three phases of 32 A give: no office UPS feeds more


class UpsState(msgspec.Struct, frozen=True, kw_only=True):
    """A UPS at one moment; what it does not say, or cannot mean, is None.

    ``is_on_battery`` is None where it says neither that it is nor that it is not. ``charge`` and
    ``load`` are parts of 1. ``is_ending`` is the word of the UPS's own master that all who hang on
    it must stop now (FSD). ``power_basis`` says whether the watts are its meter's or its load in
    whole percents times what it may bear.
    """

    name: str
    model: str = ""
    is_on_battery: bool | None = None
    is_low: bool = False
    is_ending: bool = False
    is_testing: bool = False
    needs_battery: bool = False
    charge: float | None = None
    runtime_s: float | None = None
    load: float | None = None
    power_w: float | None = None
    power_basis: Basis = Basis.UNKNOWN
    nominal_w: float | None = None


def read_state(
    name: str, variables: Mapping[str, str], *, nominal_w: float | None = None
) -> UpsState:
    """The state in the variables of ``LIST VAR``; ``nominal_w`` is for a UPS that hides its own."""
    flags = set(variables.get("ups.status", "").split())
    # A unit that tests its battery, or learns how long it lasts, runs on it by its own will.
    is_testing = bool(flags & {"CAL", "TEST"})
    is_on_battery = True if "OB" in flags else False if flags & {"OL", "BYPASS"} else None
    load = _share(variables.get("ups.load"))
    nominal_w = _number(variables.get("ups.realpower.nominal"), 1, _MAX_POWER_W) or nominal_w
    power_w = _number(variables.get("ups.realpower"), 0, _MAX_POWER_W)
    basis = Basis.SENSOR if power_w is not None else Basis.UNKNOWN
    if power_w is None and load is not None and nominal_w is not None:
        power_w, basis = load * nominal_w, Basis.ESTIMATE
    if not power_w:
        # Our own machine hangs on it and takes something: 0 means that it does not measure.
        power_w, basis = None, Basis.UNKNOWN
    return UpsState(
        name=name,
        model=_model(variables),
        is_on_battery=is_on_battery,
        is_low="LB" in flags,
        is_ending="FSD" in flags,
        is_testing=is_testing,
        needs_battery="RB" in flags,
        charge=_share(variables.get("battery.charge")),
        runtime_s=_number(variables.get("battery.runtime"), 0, _MAX_RUNTIME_S),
        load=load,
        power_w=power_w,
        power_basis=basis,
        nominal_w=nominal_w,
    )


def _model(variables: Mapping[str, str]) -> str:
    words = [variables.get(key, "").strip() for key in ("ups.mfr", "ups.model")]
    text = " ".join(word for word in words if word)
    return "".join(letter for letter in text if letter.isprintable())[:80]


def _share(text: str | None) -> float | None:
    percent = _number(text, 0, _PERCENT)
    return None if percent is None else percent / _PERCENT


def _number(text: str | None, low: float, high: float) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and low <= number <= high else None

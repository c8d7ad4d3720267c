# SPDX-License-Identifier: Apache-2.0
"""Plugs with Tasmota's firmware, by its local commands.

Source: tasmota.github.io/docs/Commands, ``Status 8`` and ``Status 10``.
"""

from collections.abc import Callable
from urllib.parse import quote

import msgspec

from atre.power.samplers.lan_http import DeviceError, Reply
from atre.power.samplers.plug_words import NOT_A_METER, NOT_THIS_KIND, WRONG_PASSWORD, Metered

_COMMANDS = ("Status 10", "Status 8")  # older firmware knows the second, under the other name
_OK, _UNAUTHORISED = 200, 401
_J_PER_KWH = 3.6e6


class _Energy(msgspec.Struct, rename="pascal"):
    # A plug with several outlets tells a list of powers.
    power: float | list[float] | None = None
    total: float | list[float] | None = None


class _Sensors(msgspec.Struct):
    energy: _Energy | None = msgspec.field(default=None, name="ENERGY")


class _Status(msgspec.Struct):
    sensors: _Sensors | None = msgspec.field(default=None, name="StatusSNS")
    older: _Energy | None = msgspec.field(default=None, name="StatusPWR")
    warning: str | None = msgspec.field(default=None, name="WARNING")


def read_tasmota(ask: Callable[[str, str], Reply], password: str = "") -> Metered:
    """Watts and joules that the plug tells; ``ask`` takes a target and an authorization."""
    credentials = f"user=admin&password={quote(password, safe='')}&" if password else ""
    told = Metered(reason=NOT_THIS_KIND)
    for command in _COMMANDS:
        reply = ask(f"/cm?{credentials}cmnd={quote(command)}", "")
        if reply.status == _UNAUTHORISED:
            return Metered(reason=WRONG_PASSWORD)
        if reply.status != _OK:
            raise DeviceError(f"HTTP status {reply.status}", f"état HTTP {reply.status}")
        told = parse_tasmota(reply.body)
        if told.reason is None or told.reason is WRONG_PASSWORD:
            return told
    return told


def parse_tasmota(body: bytes) -> Metered:
    """What one status says."""
    try:
        status = msgspec.json.decode(body, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Metered(reason=NOT_THIS_KIND)
    if status.warning is not None:  # it answers 200 even where it wants a password
        return Metered(reason=WRONG_PASSWORD)
    energy = status.older or (status.sensors.energy if status.sensors else None)
    if energy is None and status.sensors is None:
        return Metered(reason=NOT_THIS_KIND)
    if energy is None or not isinstance(energy.power, float):
        return Metered(reason=NOT_A_METER)
    total_kwh = energy.total if isinstance(energy.total, float) else None
    return Metered(
        power_w=energy.power, energy_j=None if total_kwh is None else total_kwh * _J_PER_KWH
    )

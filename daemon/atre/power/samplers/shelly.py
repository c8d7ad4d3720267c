# SPDX-License-Identifier: Apache-2.0
"""Shelly plugs of the second generation and later, by their local RPC.

Source: shelly-api-docs.shelly.cloud, Gen2 components Switch and PM1, and Authentication.
"""

from collections.abc import Callable

import msgspec

from atre.power.samplers.lan_http import DeviceError, Reply, digest_authorization
from atre.power.samplers.plug_words import NOT_A_METER, NOT_THIS_KIND, WRONG_PASSWORD, Metered

_TARGETS = ("/rpc/Switch.GetStatus?id=0", "/rpc/PM1.GetStatus?id=0")
_USER = "admin"  # always, says its documentation
_OK, _UNAUTHORISED, _MISSING = 200, 401, {404, 500}  # an RPC method that a model lacks
_J_PER_WH = 3600.0


class _Energy(msgspec.Struct):
    total: float | None = None


class _Status(msgspec.Struct):
    id: int
    apower: float | None = None
    aenergy: _Energy | None = None


def read_shelly(ask: Callable[[str, str], Reply], password: str = "") -> Metered:
    """Watts and joules that the plug tells; ``ask`` takes a target and an authorization.

    Raises DeviceError and what it means for a person as ``Metered.reason``.
    """
    for target in _TARGETS:
        reply = ask(target, "")
        if reply.status == _UNAUTHORISED and password:
            reply = ask(target, digest_authorization(reply.challenge, _USER, password, target))
        if reply.status == _UNAUTHORISED:
            return Metered(reason=WRONG_PASSWORD)
        if reply.status == _OK:
            return parse_shelly(reply.body)
        if reply.status not in _MISSING:
            raise DeviceError(f"HTTP status {reply.status}", f"état HTTP {reply.status}")
    return Metered(reason=NOT_THIS_KIND)


def parse_shelly(body: bytes) -> Metered:
    """What one status says. A relay without a meter has no ``apower``."""
    try:
        status = msgspec.json.decode(body, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Metered(reason=NOT_THIS_KIND)
    if status.apower is None:
        return Metered(reason=NOT_A_METER)
    total_wh = status.aenergy.total if status.aenergy else None
    return Metered(
        power_w=status.apower, energy_j=None if total_wh is None else total_wh * _J_PER_WH
    )

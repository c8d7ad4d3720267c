# SPDX-License-Identifier: Apache-2.0
"""From what the manager told of the office's electricity to the samplers, and to their words."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from atre.errors import InvalidRequestError
from atre.ipc.power_messages import PlugSettings, PowerSettings, PowerSource
from atre.power.reading import Reading
from atre.power.sampler import Sampler
from atre.power.samplers import plug
from atre.power.samplers.found import found_samplers

_PLUG_USER = "admin"  # the only one of Shelly's, and what Tasmota's is unless built otherwise
_HTTP = 80


def samplers_of(settings: PowerSettings, plug_password: str) -> list[Sampler]:
    """The samplers of this machine, and of the plug that the manager named.

    Settings of an earlier version that cannot be meant any more leave the plug out.
    """
    try:
        plugs = [plug_of(settings.plug, plug_password)] if settings.plug else []
    except InvalidRequestError:
        plugs = []
    return found_samplers(plugs=plugs)


def plug_of(written: PlugSettings, password: str) -> plug.PlugSettings:
    """The plug that is meant. Raises InvalidRequestError for what is no address."""
    if written.user not in {"", _PLUG_USER}:
        raise InvalidRequestError(
            "These plugs know one user, admin: leave the name empty.", param="plug"
        )
    host, port = address_of(written.address, param="plug", default_port=_HTTP)
    return plug.PlugSettings(
        kind=plug.PlugKind(written.kind), host=host, port=port, password=password
    )


def address_of(written: str, *, param: str, default_port: int) -> tuple[str, int]:
    """Host and port of ``192.0.2.7``, ``plug.lan:8080`` or ``[fd00::7]:80``.

    Raises InvalidRequestError for anything else.
    """
    try:
        parts = urlsplit(f"//{written}")
        port = parts.port
    except ValueError:
        parts, port = None, None
    is_plain = written.isascii() and all(each.isalnum() or each in ".-_:[]%" for each in written)
    if parts is None or not is_plain or not parts.hostname:
        raise InvalidRequestError(
            "Write a host name or an IP address, perhaps with a port, such as 192.0.2.7.",
            param=param,
        )
    return parts.hostname, default_port if port is None else port


def told_sources(readings: Sequence[Reading]) -> list[PowerSource]:
    """Readings as a message tells them."""
    return [
        PowerSource(
            source=each.source,
            scope=each.scope,
            basis=each.basis,
            power_w=each.power_w,
            reason=each.reason,
        )
        for each in readings
    ]

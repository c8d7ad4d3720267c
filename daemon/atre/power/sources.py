# SPDX-License-Identifier: Apache-2.0
"""From what the manager told of the office's electricity to the samplers, and to their words."""

import contextlib
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from atre.errors import InvalidRequestError
from atre.ipc.power_messages import PlugSettings, PowerSettings, PowerSource, UpsSettings
from atre.power.reading import Reading
from atre.power.sampler import Sampler
from atre.power.samplers import plug
from atre.power.samplers.found import found_samplers
from atre.power.samplers.ups import UpsSampler
from atre.power.ups.watch import DEFAULT_PORT, Heard, UpsAddress, UpsWatch

_PLUG_USER = "admin"  # the only one of Shelly's, and what Tasmota's is unless built otherwise
_HTTP = 80


def samplers_of(
    settings: PowerSettings, plug_password: str, *, on_ups: Callable[[Heard], None] = lambda _: None
) -> list[Sampler]:
    """The samplers of this machine, and of the plug and the UPS that the manager named.

    ``on_ups`` is told every word of the UPS, on its own thread. What settings of an earlier version
    cannot mean any more is left out.
    """
    plugs, upses = [], list[Sampler]()
    if settings.plug is not None:
        with contextlib.suppress(InvalidRequestError):
            plugs.append(plug_of(settings.plug, plug_password))
    if settings.ups is not None:
        with contextlib.suppress(InvalidRequestError):
            upses.append(_WatchedUps(ups_of(settings.ups), on_ups))
    return [*found_samplers(plugs=plugs), *upses]


class _WatchedUps(UpsSampler):
    """A UPS and the thread that asks it."""

    def __init__(self, address: UpsAddress, on_heard: Callable[[Heard], None]) -> None:
        self._watch = UpsWatch(address, on_heard)
        super().__init__(lambda: self._watch.heard)
        self._watch.start()

    def close(self) -> None:
        self._watch.close()


def ups_of(written: UpsSettings) -> UpsAddress:
    """The UPS that is meant. Raises InvalidRequestError for what is no address."""
    host, port = address_of(written.address, param="ups", default_port=DEFAULT_PORT)
    return UpsAddress(host=host, port=port, ups=written.name, nominal_w=written.nominal_w)


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

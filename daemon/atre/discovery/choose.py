# SPDX-License-Identifier: Apache-2.0
import logging
import sys
from typing import Protocol

from atre.discovery.responder import Advertisement, Event, OnEvent, Outcome, Responder
from atre.discovery.zeroconf_responder import ZeroconfResponder
from atre.errors import DiscoveryError

_log = logging.getLogger(__name__)


async def choose_responder(on_event: OnEvent, bus_address: str | None = None) -> Responder:
    """Avahi where it owns mDNS on this host, our own responder otherwise, until Avahi starts.

    Two mDNS responders on one host take each other's unicast answers, and each other for
    neighbours: one is enough. ``bus_address`` is the system bus unless given.
    """
    if sys.platform != "linux":
        return ZeroconfResponder(on_event)
    # dbus-fast is installed on Linux only.
    from atre.discovery.avahi_bus import AvahiBus  # noqa: PLC0415
    from atre.discovery.avahi_responder import AvahiResponder  # noqa: PLC0415

    bus = AvahiBus(
        on_group_state=lambda _path, _state: None, on_owner_change=lambda: on_event(Event.LOST)
    )
    try:
        await bus.connect(bus_address)
        avahi_runs = await bus.avahi_runs()
    except DiscoveryError as error:
        _log.debug("No Avahi: %s", error)
        await bus.close()
        return ZeroconfResponder(on_event)
    if not avahi_runs:
        return _UntilAvahi(ZeroconfResponder(on_event), bus)
    await bus.close()
    return AvahiResponder(on_event, bus_address)


class _Closable(Protocol):
    async def close(self) -> None: ...


class _UntilAvahi:
    """Our own responder and the connection that tells when Avahi starts."""

    def __init__(self, responder: Responder, watch: _Closable) -> None:
        self.name = responder.name
        self._responder = responder
        self._watch = watch

    async def announce(self, advertisement: Advertisement) -> Outcome:
        return await self._responder.announce(advertisement)

    async def close(self) -> None:
        await self._watch.close()
        await self._responder.close()

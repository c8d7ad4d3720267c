# SPDX-License-Identifier: Apache-2.0
import logging
import sys

from atre.discovery.responder import OnEvent, Responder
from atre.discovery.zeroconf_responder import ZeroconfResponder
from atre.errors import DiscoveryError

_log = logging.getLogger(__name__)


async def choose_responder(on_event: OnEvent, bus_address: str | None = None) -> Responder:
    """Avahi where it owns mDNS on this host, our own responder otherwise.

    Two mDNS responders on one host take each other's unicast answers, and each other for
    neighbours: one is enough. ``bus_address`` is the system bus unless given.
    """
    if await _avahi_owns_host(bus_address):
        # dbus-fast is installed on Linux only.
        from atre.discovery.avahi_responder import AvahiResponder  # noqa: PLC0415

        return AvahiResponder(on_event, bus_address)
    return ZeroconfResponder(on_event)


async def _avahi_owns_host(bus_address: str | None) -> bool:
    if sys.platform != "linux":
        return False
    from atre.discovery.avahi_bus import AvahiBus  # noqa: PLC0415

    bus = AvahiBus(on_group_state=lambda _path, _state: None, on_lost=lambda: None)
    try:
        await bus.connect(bus_address)
        return await bus.avahi_runs()
    except DiscoveryError as error:
        _log.debug("No Avahi: %s", error)
        return False
    finally:
        await bus.close()

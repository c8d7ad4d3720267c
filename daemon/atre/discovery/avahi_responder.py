# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextlib

from atre.discovery.avahi_bus import AvahiBus, CollisionError, GroupState
from atre.discovery.interfaces import LanInterface
from atre.discovery.responder import Advertisement, Event, OnEvent, Outcome
from atre.discovery.service import Service, txt_entries
from atre.errors import DiscoveryError

# avahi-common/defs.h and address.h
_NO_FLAGS = 0
# The host's own name already owns the addresses' reverse records; ours would collide with them.
_PUBLISH_NO_REVERSE = 16
_ANY_PROTOCOL = -1
_DOMAIN = "local"

_CLAIM_S = 15.0  # Avahi probes and announces in two to three seconds, more after ties

_SETTLED = {GroupState.ESTABLISHED, GroupState.COLLISION, GroupState.FAILURE}


class AvahiResponder:
    """Announces through the avahi-daemon that owns mDNS on this host, over D-Bus, without root.

    The host keeps its own name; the box's is one more, for the same addresses. Avahi does the
    probing, the goodbyes and the watching, and publishes subtypes.
    """

    name = "avahi"

    def __init__(self, on_event: OnEvent, bus_address: str | None = None) -> None:
        """Connect to ``bus_address``, by default the system bus, at the first announcement."""
        self._on_event = on_event
        self._bus_address = bus_address
        self._bus: AvahiBus | None = None
        self._groups: dict[str, GroupState] = {}
        self._service_groups: dict[Service, str] = {}
        self._host_group = ""
        self._changed = asyncio.Event()
        self._announced: Advertisement | None = None

    async def announce(self, advertisement: Advertisement) -> Outcome:
        before, self._announced = self._announced, None
        if self._bus is None or before is None or not _same_place(before, advertisement):
            await self.close()
            outcome = await self._announce(advertisement)
        else:
            outcome = await self._update(self._bus, before, advertisement)
        if outcome is Outcome.ANNOUNCED:
            self._announced = advertisement
        else:
            await self.close()
        return outcome

    async def close(self) -> None:
        self._announced = None
        bus, self._bus = self._bus, None
        if bus is not None:
            # Closing the connection would do, but only the answers tell that goodbyes went out.
            with contextlib.suppress(DiscoveryError):
                for path in self._groups:
                    await bus.group(path, "Free")
            await bus.close()
        self._groups.clear()
        self._service_groups.clear()

    async def _announce(self, advertisement: Advertisement) -> Outcome:
        self._bus = bus = AvahiBus(self._note_state, lambda: self._on_event(Event.LOST))
        await bus.connect(self._bus_address)
        if not await bus.avahi_runs():
            raise DiscoveryError(
                "avahi-daemon is not running; start it, or disable it for good.",
                "avahi-daemon ne tourne pas\N{NO-BREAK SPACE}; démarrez-le, ou désactivez-le pour "
                "de bon.",
            )
        self._host_group = await self._new_group(bus)
        outcome = await self._claim_host(bus, advertisement)
        if outcome is not Outcome.ANNOUNCED:
            return outcome
        try:
            for service in advertisement.services:
                # A group each: one may go while the others stay.
                path = self._service_groups[service] = await self._new_group(bus)
                for interface in advertisement.interfaces:
                    await _add_service(bus, path, interface, service, advertisement.host_name)
            claimed = await self._commit(bus, *self._service_groups.values())
        except CollisionError:
            claimed = False
        return Outcome.ANNOUNCED if claimed else Outcome.INSTANCE_TAKEN

    async def _update(
        self, bus: AvahiBus, before: Advertisement, advertisement: Advertisement
    ) -> Outcome:
        """Withdraw the services that are gone, and follow the addresses."""
        for service in set(before.services) - set(advertisement.services):
            path = self._service_groups.pop(service)
            del self._groups[path]
            await bus.group(path, "Free")
        if before.interfaces == advertisement.interfaces:
            return Outcome.ANNOUNCED
        return await self._claim_host(bus, advertisement)

    async def _claim_host(self, bus: AvahiBus, advertisement: Advertisement) -> Outcome:
        """Announce the host name for the addresses of today, and no longer those of before."""
        await bus.group(self._host_group, "Reset")
        try:
            for interface in advertisement.interfaces:
                await _add_host(bus, self._host_group, interface, advertisement)
            claimed = await self._commit(bus, self._host_group)
        except CollisionError:
            claimed = False
        return Outcome.ANNOUNCED if claimed else Outcome.HOST_TAKEN

    async def _new_group(self, bus: AvahiBus) -> str:
        path = await bus.new_group()
        self._groups[path] = GroupState.UNCOMMITTED
        return path

    async def _commit(self, bus: AvahiBus, *paths: str) -> bool:
        """Commit groups and wait for Avahi's probes: True once announced, False if one is taken."""
        for path in paths:
            self._groups[path] = GroupState.UNCOMMITTED
            await bus.group(path, "Commit")
        try:
            async with asyncio.timeout(_CLAIM_S):
                while not all(self._groups[path] in _SETTLED for path in paths):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise DiscoveryError(
                "Avahi did not finish announcing; see its log.",
                "Avahi n’a pas terminé l’annonce\N{NO-BREAK SPACE}; voyez son journal.",
            ) from None
        states = {self._groups[path] for path in paths}
        if GroupState.FAILURE in states:
            raise DiscoveryError(
                "Avahi failed to announce; see its log.",
                "Avahi n’a pas réussi à annoncer le boîtier\N{NO-BREAK SPACE}; voyez son journal.",
            )
        return states == {GroupState.ESTABLISHED}

    def _note_state(self, path: str, state: GroupState) -> None:
        if path not in self._groups:
            return
        self._groups[path] = state
        self._changed.set()
        if self._announced is None:
            return
        if state is GroupState.COLLISION:
            self._on_event(Event.CONFLICT)
        elif state is GroupState.FAILURE:
            self._on_event(Event.LOST)


def _same_place(one: Advertisement, other: Advertisement) -> bool:
    """Whether only addresses differ, or services are gone: services are announced by interface."""
    return (
        one.host_label == other.host_label
        and set(other.services) <= set(one.services)
        and [i.index for i in one.interfaces] == [i.index for i in other.interfaces]
    )


async def _add_host(
    bus: AvahiBus, group: str, interface: LanInterface, advertisement: Advertisement
) -> None:
    for ip in (str(address.ip) for address in interface.addresses):
        if ip in advertisement.addresses:
            await bus.group(
                group,
                "AddAddress",
                "iiuss",
                interface.index,
                _ANY_PROTOCOL,
                _PUBLISH_NO_REVERSE,
                advertisement.host_name,
                ip,
            )


async def _add_service(
    bus: AvahiBus, group: str, interface: LanInterface, service: Service, host_name: str
) -> None:
    place = (interface.index, _ANY_PROTOCOL, _NO_FLAGS, service.instance, service.type, _DOMAIN)
    await bus.group(
        group, "AddService", "iiussssqaay", *place, host_name, service.port,
        txt_entries(service.txt),
    )  # fmt: skip
    for subtype in service.subtypes:
        name = f"{subtype}._sub.{service.type}"
        await bus.group(group, "AddServiceSubtype", "iiussss", *place, name)

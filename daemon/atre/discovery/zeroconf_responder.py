# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextlib

from zeroconf import Error as ZeroconfError
from zeroconf import NonUniqueNameException, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from atre.discovery.contest import Claim, packed
from atre.discovery.interfaces import LanInterface
from atre.discovery.multicast import MulticastChannel
from atre.discovery.probe import NameWatch
from atre.discovery.responder import Advertisement, Event, OnEvent, Outcome
from atre.discovery.service import Service, encode_txt
from atre.errors import DiscoveryError

_IPV6 = 6


class ZeroconfResponder:
    """Answers by python-zeroconf, on the LAN interfaces only, for a name that it probed itself.

    python-zeroconf publishes no subtypes: a browser of ``_chat-completions`` needs Avahi here.
    """

    name = "zeroconf"

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._watch = NameWatch(lambda: on_event(Event.CONFLICT))
        self._channel: MulticastChannel | None = None
        self._zeroconf: AsyncZeroconf | None = None
        self._announced: Advertisement | None = None

    async def announce(self, advertisement: Advertisement) -> Outcome:
        if self._announced is not None and not _same_claim(self._announced, advertisement):
            await self.close()
        try:
            outcome = await self._announce(advertisement)
        except (OSError, ZeroconfError, RuntimeError) as error:
            await self.close()
            raise DiscoveryError(
                f"The network refused the announcement: {error}.",
                f"Le réseau a refusé l’annonce\N{NO-BREAK SPACE}: {error}.",
            ) from error
        if outcome is not Outcome.ANNOUNCED:
            await self.close()
        return outcome

    async def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._zeroconf is not None:
            zeroconf, self._zeroconf = self._zeroconf, None
            # The network may have gone: goodbyes are then nobody's to hear.
            with contextlib.suppress(OSError, ZeroconfError):
                await zeroconf.async_close()
        self._announced = None

    def _left_out(self, advertisement: Advertisement) -> list[Service]:
        before = self._announced.services if self._announced else ()
        return [service for service in before if service not in advertisement.services]

    async def _announce(self, advertisement: Advertisement) -> Outcome:
        if self._channel is not None:
            self._channel.close()
        self._channel = MulticastChannel(advertisement.interfaces, self._watch.hear)
        claim = _claim(advertisement, self._announced)
        infos = [_info(service, advertisement) for service in advertisement.services]
        sockets = socket_choices(advertisement.interfaces)
        if self._zeroconf is not None:
            self._watch.update(claim, self._channel)
            await self._zeroconf.async_update_interfaces(sockets)
            registering = [self._zeroconf.async_update_service(info) for info in infos]
            registering += [
                self._zeroconf.async_unregister_service(_info(service, advertisement))
                for service in self._left_out(advertisement)
            ]
        elif await self._watch.probe(claim, self._channel):
            self._zeroconf = AsyncZeroconf(interfaces=sockets)
            registering = [self._zeroconf.async_register_service(info) for info in infos]
        else:
            return Outcome.HOST_TAKEN
        try:
            await asyncio.gather(*await asyncio.gather(*registering))
        except NonUniqueNameException:
            return Outcome.INSTANCE_TAKEN
        self._announced = advertisement
        return Outcome.ANNOUNCED


def _same_claim(one: Advertisement, other: Advertisement) -> bool:
    """Whether ``other`` needs no probing after ``one``: no new name, and nobody new to ask."""
    return (
        one.host_label == other.host_label
        and set(other.services) <= set(one.services)
        and _networks(other) <= _networks(one)
    )


def _networks(advertisement: Advertisement) -> set[object]:
    return {
        (interface.index, address.network)
        for interface in advertisement.interfaces
        for address in interface.addresses
        if not address.ip.is_link_local
    }


def _claim(advertisement: Advertisement, before: Advertisement | None) -> Claim:
    proposed = packed(advertisement.addresses)
    previous = packed(before.addresses) if before is not None else frozenset()
    return Claim(
        host=f"{advertisement.host_name}.",
        proposed=proposed,
        own=proposed | previous,
        instances={
            f"{service.instance}.{service.type}.local.".lower(): service.port
            for service in advertisement.services
        },
    )


def _info(service: Service, advertisement: Advertisement) -> ServiceInfo:
    return ServiceInfo(
        f"{service.type}.local.",
        f"{service.instance}.{service.type}.local.",
        port=service.port,
        properties=encode_txt(service.txt),
        server=f"{advertisement.host_name}.",
        parsed_addresses=list(advertisement.addresses),
    )


def socket_choices(interfaces: tuple[LanInterface, ...]) -> list[str | int]:
    """How python-zeroconf wants its interfaces: IPv4 addresses, and indexes for IPv6."""
    chosen: list[str | int] = []
    for interface in interfaces:
        versions = {address.version for address in interface.addresses}
        chosen += [str(a.ip) for a in interface.addresses if a.version != _IPV6]
        if _IPV6 in versions:
            chosen.append(interface.index)
    return chosen

# SPDX-License-Identifier: Apache-2.0
"""Find the boxes on the LAN. What mDNS says is advisory, so each box is also tried.

This asks and listens beside whatever answers mDNS on this host, Avahi included: its questions
leave from the host's own addresses, where the answers to them come back.
"""

import asyncio
from collections.abc import Callable

import msgspec
from zeroconf import (  # type: ignore[attr-defined]
    AddressResolverIPv4,
    AddressResolverIPv6,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf import Error as ZeroconfError
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from atre.discovery.found import Found, Record, decode_txt, found, is_lan_address
from atre.discovery.interfaces import LanInterface, lan_interfaces
from atre.discovery.service import GATEWAY_TYPE, SETUP_TYPE
from atre.discovery.verify import verify_record
from atre.discovery.zeroconf_responder import socket_choices
from atre.errors import DiscoveryError
from atre.sentence import Sentence

Looks = list[tuple[str, asyncio.Task[Found]]]

_TYPE = f"{GATEWAY_TYPE}.local."
_SETUP_TYPE = f"{SETUP_TYPE}.local."
_NOT_TRIED = Sentence("It was not tried (--no-verify).", "Il n’a pas été essayé (--no-verify).")
_MAX_FOUND = 64  # an office has a few boxes; more is somebody filling the list
_MAX_TIMEOUT_S = 120.0
_RESOLVE_MS = 3000
_OTHER_FAMILY_MS = 500  # a host that lacks it mostly says so at once (NSEC, RFC 6762 §6.1)


def discover(
    timeout_s: float = 3.0,
    *,
    verify: bool = True,
    interfaces: Callable[[], tuple[LanInterface, ...]] = lan_interfaces,
) -> list[Found]:
    """Browse the LAN for ``timeout_s`` seconds, then return what was found, by name.

    With ``verify`` each box is tried as it is found, which may add a few seconds for those that
    do not answer. Raises DiscoveryError without a network, or on a timeout that makes no sense.
    """
    if not 0 < timeout_s <= _MAX_TIMEOUT_S:
        raise DiscoveryError(
            f"The timeout must be between 0 and {_MAX_TIMEOUT_S:g} seconds, not {timeout_s:g}.",
            f"Le délai doit être entre 0 et {_MAX_TIMEOUT_S:g} secondes, et non {timeout_s:g}.",
        )
    lan = interfaces()
    if not lan:
        raise DiscoveryError(
            "This machine is on no LAN: plug in a network cable or join a Wi-Fi network.",
            "Cette machine n’est sur aucun réseau local : branchez un câble ou joignez un Wi-Fi.",
        )
    return asyncio.run(_discover(lan, timeout_s, verify=verify))


async def _discover(
    lan: tuple[LanInterface, ...], timeout_s: float, *, verify: bool
) -> list[Found]:
    try:
        zeroconf = AsyncZeroconf(interfaces=socket_choices(lan))
    except (OSError, RuntimeError) as error:
        raise _unbrowsable(error) from error
    try:
        looks, waiting = await _browse(zeroconf.zeroconf, timeout_s, lan, verify=verify)
        entries = await asyncio.gather(*(_marked(look, name in waiting) for name, look in looks))
    except ZeroconfError as error:
        raise _unbrowsable(error) from error
    finally:
        await zeroconf.async_close()
    return sorted(entries, key=lambda entry: (entry.name, entry.host))


def _unbrowsable(error: Exception) -> DiscoveryError:
    return DiscoveryError(
        f"The network cannot be browsed ({error}).", f"Le réseau est inexplorable ({error})."
    )


async def _browse(
    zeroconf: Zeroconf, timeout_s: float, lan: tuple[LanInterface, ...], *, verify: bool
) -> tuple[Looks, set[str]]:
    """Look at every instance as it appears; one that says goodbye meanwhile is forgotten.

    Returns the looks by instance name, and the names of those that wait for an owner.
    """
    looks: dict[str, asyncio.Task[Found]] = {}
    waiting: set[str] = set()

    def on_change(
        zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        instance = name.removesuffix(f".{service_type}")
        is_gone = state_change is ServiceStateChange.Removed
        if service_type == _SETUP_TYPE:
            if is_gone:
                waiting.discard(instance)
            elif len(waiting) < _MAX_FOUND:
                waiting.add(instance)
        elif is_gone:
            if instance in looks:
                looks.pop(instance).cancel()
        elif instance not in looks and len(looks) < _MAX_FOUND:
            look = _look_at(zeroconf, service_type, name, lan, verify=verify)
            looks[instance] = asyncio.create_task(look)

    browser = AsyncServiceBrowser(zeroconf, [_TYPE, _SETUP_TYPE], handlers=[on_change])
    await asyncio.sleep(timeout_s)
    await browser.async_cancel()
    return list(looks.items()), waiting


async def _marked(look: asyncio.Task[Found], waits_for_owner: bool) -> Found:  # noqa: FBT001
    return msgspec.structs.replace(await look, waits_for_owner=waits_for_owner)


async def _look_at(
    zeroconf: Zeroconf,
    service_type: str,
    name: str,
    lan: tuple[LanInterface, ...],
    *,
    verify: bool,
) -> Found:
    info = AsyncServiceInfo(service_type, name)
    await info.async_request(zeroconf, _RESOLVE_MS)
    record = Record(
        name=name.removesuffix(f".{service_type}"),
        host=info.server or "",
        addresses=await _addresses(zeroconf, info),
        port=info.port or 0,
        txt=decode_txt(info.properties),
    )
    if not verify:
        return found(record, verified=False, reason=_NOT_TRIED)
    networks = tuple(address.network for interface in lan for address in interface.addresses)
    return await verify_record(
        record, tuple(a for a in record.addresses if is_lan_address(a, networks))
    )


async def _addresses(zeroconf: Zeroconf, info: AsyncServiceInfo) -> tuple[str, ...]:
    """All addresses of the host, IPv4 first.

    A resolved service may have come with one family only: Avahi sends each in its own packet.
    """
    try:
        hosts = (AddressResolverIPv4(info.server or ""), AddressResolverIPv6(info.server or ""))
    except ZeroconfError:  # not a name under .local
        return tuple(info.parsed_scoped_addresses())
    await asyncio.gather(*(host.async_request(zeroconf, _OTHER_FAMILY_MS) for host in hosts))
    # Each collects whatever came for the host, of either family.
    every = [address for host in hosts for address in host.parsed_scoped_addresses()]
    return tuple(sorted(dict.fromkeys(every), key=lambda address: ":" in address))

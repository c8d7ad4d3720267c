# SPDX-License-Identifier: Apache-2.0
import ipaddress
from collections.abc import Iterable

import psutil

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_on_link(peer: str, networks: Iterable[Network]) -> bool:
    """Whether the peer of a connection is this machine, or on a network that it is plugged into.

    ``peer`` is the address of the TCP connection; what a header says of it is never asked.
    """
    address = _address(peer)
    if address is None:
        return False
    if address.is_loopback or address.is_link_local:
        return True
    return any(address in network for network in networks if network.version == address.version)


def own_networks() -> list[Network]:
    """The networks of this machine's interfaces that are up."""
    stats = psutil.net_if_stats()
    found = []
    for name, addresses in psutil.net_if_addrs().items():
        if name not in stats or not stats[name].isup:
            continue
        for each in addresses:
            network = _network(each.address, each.netmask)
            if network is not None:
                found.append(network)
    return found


def _network(address: str, netmask: str | None) -> Network | None:
    parsed = _address(address)
    if parsed is None or netmask is None:
        return None
    mask = _address(netmask)
    if mask is None or mask.version != parsed.version:
        return None
    # A peer-to-peer link's mask is all ones; a mask of zeros would be the whole internet.
    length = int(mask).bit_count()
    return ipaddress.ip_network((parsed, length), strict=False) if length else None


def _address(text: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed

# SPDX-License-Identifier: Apache-2.0
"""Which network interfaces are the office's LAN.

On Linux an interface counts when it is up, can multicast, is Ethernet or Wi-Fi, is no port of a
bridge, and rests on hardware: it has a ``device`` in sysfs, or one of its lower interfaces has
(a bridge, bond or VLAN over a network card). That leaves out loopback, docker0, virbr0, tunnels
and VPNs by what they are rather than by their names. Where nothing rests on hardware, in a
container or a network namespace, the namespace's own virtual Ethernet is its uplink and counts.
"""

import ipaddress
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

IpInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

# include/uapi/linux/if.h
_IFF_UP = 0x1
_IFF_LOOPBACK = 0x8
_IFF_POINTOPOINT = 0x10
_IFF_MULTICAST = 0x1000
_ARPHRD_ETHER = 1  # include/uapi/linux/if_arp.h; Wi-Fi says the same
# include/uapi/linux/if_addr.h: temporary (RFC 8981), failed, deprecated and tentative addresses.
_IFA_F_UNFIT = 0x01 | 0x08 | 0x20 | 0x40

# macOS tells only names: AirDrop links, VM and VPN bridges, the hotspot, tethered accessories.
_MACOS_VIRTUAL = ("awdl", "llw", "bridge", "utun", "ap", "anpi", "vmenet", "vmnet", "gif", "stf")


@dataclass(frozen=True, slots=True, kw_only=True)
class LanInterface:
    """A LAN interface and its addresses with their prefixes, IPv4 first."""

    name: str
    index: int
    addresses: tuple[IpInterface, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What sysfs says about one interface."""

    name: str
    usable: bool
    on_hardware: bool


def lan_interfaces(root: Path = Path("/")) -> tuple[LanInterface, ...]:
    """The LAN interfaces that have an address, by name."""
    addresses = _addresses(root)
    if sys.platform == "linux":
        names = lan_links(_links(root))
    else:
        names = _names_by_psutil()
    return tuple(
        LanInterface(name=name, index=socket.if_nametoindex(name), addresses=addresses[name])
        for name in sorted(names)
        if addresses.get(name)
    )


def lan_links(links: Iterable[Link]) -> set[str]:
    """Names of the links that are the LAN: those on hardware or, without any, the virtual ones.

    A machine whose network card is down has no LAN, whatever virtual links it has.
    """
    links = list(links)
    hardware_only = any(link.on_hardware for link in links)
    return {link.name for link in links if link.usable and (link.on_hardware or not hardware_only)}


def advertised_addresses(interfaces: Iterable[LanInterface]) -> tuple[str, ...]:
    """What the host name should resolve to, IPv4 first.

    Link-local IPv6 only where there is nothing else: it means nothing without its interface, and
    one record goes out on all of them.
    """
    ips = [address.ip for interface in interfaces for address in interface.addresses]
    routable = [ip for ip in ips if ip.version == 4 or not ip.is_link_local]  # noqa: PLR2004
    chosen = dict.fromkeys(routable or ips)
    return tuple(str(ip) for ip in sorted(chosen, key=lambda ip: ip.version))


def _links(root: Path) -> list[Link]:
    directory = root / "sys/class/net"
    if not directory.is_dir():
        return []
    # bonding_masters is a file among the interfaces.
    return [read_link(path) for path in sorted(directory.iterdir()) if path.is_dir()]


def read_link(path: Path) -> Link:
    """Read one directory of ``/sys/class/net`` (kernel Documentation/ABI/testing/sysfs-class-net).

    An interface that vanishes while it is read is not usable.
    """
    try:
        flags = int((path / "flags").read_text(), 16)
        link_type = int((path / "type").read_text())
    except (OSError, ValueError):
        return Link(name=path.name, usable=False, on_hardware=False)
    usable = (
        link_type == _ARPHRD_ETHER
        and flags & _IFF_UP != 0
        and flags & _IFF_MULTICAST != 0
        and flags & (_IFF_LOOPBACK | _IFF_POINTOPOINT) == 0
        and not (path / "brport").exists()
        and not (path / "tun_flags").exists()
        and not _is_empty_bridge(path)
    )
    return Link(name=path.name, usable=usable, on_hardware=_on_hardware(path))


def _is_empty_bridge(path: Path) -> bool:
    # A bridge of containers or virtual machines leads to no LAN even when it is all there is.
    return (path / "bridge").exists() and not _on_hardware(path)


def _on_hardware(path: Path, depth: int = 0) -> bool:
    if (path / "device").exists():
        return True
    deepest = 4  # VLAN on bridge on bond on card
    return depth < deepest and any(_on_hardware(lower, depth + 1) for lower in path.glob("lower_*"))


def _addresses(root: Path) -> Mapping[str, tuple[IpInterface, ...]]:
    unfit = _unfit_ipv6(root)
    found: dict[str, tuple[IpInterface, ...]] = {}
    for name, entries in psutil.net_if_addrs().items():
        ips: list[IpInterface] = []
        for family, address, netmask in ((e.family, e.address, e.netmask) for e in entries):
            if family == socket.AF_INET:
                ips.append(ipaddress.IPv4Interface(f"{address}/{netmask or 32}"))
            elif family == socket.AF_INET6:
                ip = ipaddress.IPv6Address(address.partition("%")[0])
                if ip not in unfit:
                    ips.append(ipaddress.IPv6Interface((ip, _prefix_length(netmask))))
        found[name] = tuple(sorted(ips, key=lambda ip: ip.version))
    return found


def _prefix_length(netmask: str | None) -> int:
    if not netmask:
        return 128
    return int(ipaddress.IPv6Address(netmask)).bit_count()


def _unfit_ipv6(root: Path) -> set[ipaddress.IPv6Address]:
    """Addresses not to tell others: they are about to change or not yet ours.

    Source: net/ipv6/addrconf.c, if6_seq_show: address, index, prefix length, scope, flags, name.
    """
    try:
        # thread-self: a thread may have its own network namespace.
        text = (root / "proc/thread-self/net/if_inet6").read_text()
    except OSError:
        return set()
    rows = (line.split() for line in text.splitlines())
    return {
        ipaddress.IPv6Address(int(row[0], 16)) for row in rows if int(row[4], 16) & _IFA_F_UNFIT
    }


def _names_by_psutil() -> set[str]:
    names = set()
    for name, stats in psutil.net_if_stats().items():
        flags = set(stats.flags.split(","))
        unfit = flags & {"loopback", "pointopoint"} or name.startswith(_MACOS_VIRTUAL)
        if stats.isup and "multicast" in flags and not unfit:
            names.add(name)
    return names

# SPDX-License-Identifier: Apache-2.0
"""Under which names and addresses the LAN reaches the box."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxNames:
    """The name that the box gave itself, those its owner gave it, and its LAN addresses."""

    host_name: str
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def host_names(self) -> list[str]:
        """Every name, the box's own first, each once."""
        return list(dict.fromkeys([self.host_name.lower(), *self.aliases]))

    @property
    def ip_addresses(self) -> list[IpAddress]:
        """Every LAN address, sorted, each once."""
        return sorted(set(parsed(self.addresses)), key=str)


def parsed(addresses: Iterable[str]) -> Iterable[IpAddress]:
    """The addresses without their zones (``fe80::1%eth0``)."""
    return (ipaddress.ip_address(address.partition("%")[0]) for address in addresses)


def covers(pattern: str, name: str) -> bool:
    """Whether a certificate's DNS name stands for ``name``; ``*`` is one label (RFC 6125 §6.4)."""
    pattern, name = pattern.lower(), name.lower()
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name

# SPDX-License-Identifier: Apache-2.0
"""What an office may choose for its wired network, and the file in which systemd-networkd reads it.

File format: systemd.network(5).
"""

import ipaddress
import re

from atre.errors import InvalidRequestError
from atre.ipc.appliance_messages import AddressMethod, NetworkSettings

# No address of a network that people could reach: loopback, link-local, multicast, none at all.
_Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_INTERFACE = re.compile(r"[a-z0-9][a-z0-9._-]{0,14}")
_MIN_HOST_BITS = 1


def check(settings: NetworkSettings) -> None:
    """Raises InvalidRequestError, whose ``param`` is the field at fault."""
    if settings.method is AddressMethod.DHCP:
        _check_dhcp(settings)
        return
    if not _INTERFACE.fullmatch(settings.interface):
        raise InvalidRequestError(
            "A fixed address belongs to one port: say which, such as enp1s0.",
            "Une adresse fixe appartient à un port : dites lequel, par exemple enp1s0.",
            param="interface",
        )
    address = _address(settings.address)
    if settings.gateway:
        _check_gateway(settings.gateway, address)
    for server in settings.dns:
        _check_server(server)


def network_file(settings: NetworkSettings) -> bytes:
    """The whole of ``50-atre-office.network``, empty for DHCP, which the image's own file does."""
    if settings.method is AddressMethod.DHCP:
        return b""
    lines = [
        "# Written by the box; changed in its panel.",
        "[Match]",
        f"Name={settings.interface}",
        "",
        "[Network]",
        "DHCP=no",
        f"Address={_address(settings.address)}",
        *([f"Gateway={settings.gateway}"] if settings.gateway else []),
        *(f"DNS={server}" for server in settings.dns),
        "IPv6AcceptRA=yes",
        # A cable to a laptop reaches the box whatever was typed here.
        "LinkLocalAddressing=yes",
        "MulticastDNS=no",
        "LLMNR=no",
        "",
        "[Link]",
        "RequiredForOnline=no",
    ]
    return ("\n".join(lines) + "\n").encode()


def _check_dhcp(settings: NetworkSettings) -> None:
    for name in ("address", "gateway", "dns", "interface"):
        if getattr(settings, name):
            raise InvalidRequestError(
                "With DHCP the router gives the address: leave this empty.",
                "Avec DHCP, c’est le routeur qui donne l’adresse : laissez ce champ vide.",
                param=name,
            )


def _address(text: str) -> _Interface:
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        found = None
    if found is None or "/" not in text:
        raise InvalidRequestError(
            "Give the address with the length of its network, such as 192.168.1.50/24.",
            "Donnez l’adresse avec la longueur de son réseau, par exemple 192.168.1.50/24.",
            param="address",
        )
    ip, network = found.ip, found.network
    is_edge = network.num_addresses > 2 and ip in {  # noqa: PLR2004 -- a /31 has no such addresses
        network.network_address, network.broadcast_address,
    }  # fmt: skip
    if (
        ip.is_loopback
        or ip.is_link_local
        or ip.is_multicast
        or ip.is_unspecified
        or ip.is_reserved
        or (is_edge and ip.version == 4)  # noqa: PLR2004
        or network.prefixlen > network.max_prefixlen - _MIN_HOST_BITS
    ):
        raise InvalidRequestError(
            f"{text} is no address that a PC of the office could have. Choose one of your network "
            "that nobody uses, such as 192.168.1.50/24.",
            f"{text} n’est pas une adresse qu’un poste du bureau pourrait avoir. Choisissez-en une "
            "de votre réseau que personne n’utilise, par exemple 192.168.1.50/24.",
            param="address",
        )
    return found


def _check_gateway(text: str, address: _Interface) -> None:
    gateway = _ip(text, "gateway")
    is_neighbour = gateway in address.network or gateway.is_link_local
    if not is_neighbour or gateway == address.ip or gateway.version != address.version:
        raise InvalidRequestError(
            f"The router {text} is not in the network {address.network}, or is the box itself.",
            f"Le routeur {text} n’est pas dans le réseau {address.network}, ou c’est le boîtier "
            "lui-même.",
            param="gateway",
        )


def _check_server(text: str) -> None:
    server = _ip(text, "dns")
    if server.is_multicast or server.is_unspecified:
        raise InvalidRequestError(
            f"{text} is no address of a name server.",
            f"{text} n’est pas l’adresse d’un serveur de noms.",
            param="dns",
        )


def _ip(text: str, param: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        if "%" not in text:
            return ipaddress.ip_address(text)
    except ValueError:
        pass
    raise InvalidRequestError(
        f"{text[:50]!r} is no IP address; write one such as 192.168.1.1.",
        f"« {text[:50]} » n’est pas une adresse IP ; écrivez par exemple 192.168.1.1.",
        param=param,
    )

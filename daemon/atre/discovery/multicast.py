# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextlib
import ipaddress
import socket
import sys
from collections.abc import Callable

from atre.discovery.interfaces import LanInterface
from atre.errors import DiscoveryError

_PORT = 5353  # RFC 6762 §3
_GROUP_IPV4 = "224.0.0.251"
_GROUP_IPV6 = "ff02::fb"
_TTL = 255  # RFC 6762 §11
_MAX_PACKET_BYTES = 9000  # RFC 6762 §17
# include/uapi/linux/in.h; without it a socket also hears groups that other sockets joined.
_IP_MULTICAST_ALL = 49


class MulticastChannel:
    """mDNS packets on the LAN interfaces, beside whatever else uses port 5353 on this host.

    It listens on the group's own address, so that answers sent to one host never come here
    instead of going to the responder that asked for them.
    """

    def __init__(
        self, interfaces: tuple[LanInterface, ...], on_packet: Callable[[bytes], None]
    ) -> None:
        """Open the sockets. Raises DiscoveryError when none can be opened."""
        self._interfaces = interfaces
        self._on_packet = on_packet
        self._loop = asyncio.get_running_loop()
        self._listeners = _open_listeners(interfaces)
        for listener in self._listeners:
            self._loop.add_reader(listener, self._read, listener)

    def send(self, packet: bytes) -> None:
        """Send to the group on every interface; one that refuses is left out."""
        for interface in self._interfaces:
            for address in interface.addresses:
                with contextlib.suppress(OSError), _open_sender(interface, address.ip) as sender:
                    group = _GROUP_IPV4 if address.version == 4 else _GROUP_IPV6  # noqa: PLR2004
                    sender.sendto(packet, (group, _PORT))

    def close(self) -> None:
        """Close every socket. May be called twice."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners = []

    def _read(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._on_packet(listener.recv(_MAX_PACKET_BYTES))


def _open_listeners(interfaces: tuple[LanInterface, ...]) -> list[socket.socket]:
    listeners = []
    failure: OSError | None = None
    for interface in interfaces:
        for version in sorted({address.version for address in interface.addresses}):
            try:
                listeners.append(_open_listener(interface, version))
            except OSError as error:
                failure = error
    if not listeners:
        raise DiscoveryError(
            f"UDP port {_PORT} cannot be opened for discovery ({failure}). Another program may "
            "hold it without sharing: stop it, or let it share the port.",
            f"Le port UDP {_PORT} ne peut pas être ouvert pour la découverte ({failure}). Un "
            "autre programme l’occupe peut-être sans le partager\N{NO-BREAK SPACE}: arrêtez-le, "
            "ou faites-le partager.",
        )
    return listeners


def _open_listener(interface: LanInterface, version: int) -> socket.socket:
    is_ipv4 = version == 4  # noqa: PLR2004
    listener = socket.socket(socket.AF_INET if is_ipv4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        _share_port(listener)
        listener.setblocking(False)
        if is_ipv4:
            _join_ipv4(listener, interface)
        else:
            _join_ipv6(listener, interface)
    except OSError:
        listener.close()
        raise
    return listener


def _join_ipv4(listener: socket.socket, interface: LanInterface) -> None:
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
    listener.bind((_GROUP_IPV4, _PORT))
    for address in interface.addresses:
        if address.version == 4:  # noqa: PLR2004
            membership = socket.inet_aton(_GROUP_IPV4) + address.ip.packed
            # Two addresses on one interface: the second membership exists already.
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)


def _join_ipv6(listener: socket.socket, interface: LanInterface) -> None:
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((_GROUP_IPV6, _PORT, 0, interface.index))
    group = socket.inet_pton(socket.AF_INET6, _GROUP_IPV6)
    index = interface.index.to_bytes(4, sys.byteorder)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + index)


def _open_sender(
    interface: LanInterface, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> socket.socket:
    # Port 5353 as source: an answer to any other port would be a legacy one (RFC 6762 §6.7).
    is_ipv4 = isinstance(address, ipaddress.IPv4Address)
    sender = socket.socket(socket.AF_INET if is_ipv4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        _share_port(sender)
        sender.setblocking(False)
        if is_ipv4:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address.packed)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _TTL)
            sender.bind((str(address), _PORT))
        else:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _TTL)
            scope = interface.index if address.is_link_local else 0
            sender.bind((str(address), _PORT, 0, scope))
    except OSError:
        sender.close()
        raise
    return sender


def _share_port(channel: socket.socket) -> None:
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

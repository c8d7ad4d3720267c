# SPDX-License-Identifier: Apache-2.0
"""What crosses a cable, read from the end of it that the box does not have (packet(7))."""

import ipaddress
import socket
import struct
from dataclasses import dataclass

_ETH_P_ALL = 0x0003
_SOL_PACKET, _PACKET_STATISTICS = 263, 6  # <linux/if_packet.h>
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 64 * 1024 * 1024  # a whole test's traffic waits here

_ARP, _IPV4, _IPV6 = 0x0806, 0x0800, 0x86DD
_ICMP, _IGMP, _TCP, _UDP, _ICMPV6, _HOP_BY_HOP = 1, 2, 6, 17, 58, 0
_MDNS_PORT = 5353
_MDNS_GROUPS = {"224.0.0.251", "ff02::fb"}
_SYN, _ACK = 0x02, 0x10


@dataclass(frozen=True, slots=True)
class Packet:
    """One frame that the box sent; ``kind`` says what it is for."""

    kind: str
    to: str


class Wire:
    """Open it in the peer's namespace before the box starts."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._socket.bind((interface, 0))
        self._socket.setblocking(False)

    def sent(self, lan_port: int) -> set[Packet]:
        """Every kind of packet that came from the box until now; fails if one was missed."""
        found = set()
        while True:
            try:
                frame, (_, _, direction, *_) = self._socket.recvfrom(65536)
            except BlockingIOError:
                break
            if direction != socket.PACKET_OUTGOING:
                found.add(_read(frame, lan_port))
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        _, num_dropped = struct.unpack("II", statistics)
        assert num_dropped == 0
        return found

    def close(self) -> None:
        self._socket.close()


def _read(frame: bytes, lan_port: int) -> Packet:
    (ethertype,) = struct.unpack_from(">H", frame, 12)
    if ethertype == _ARP:
        return Packet("neighbour", "link")
    if ethertype == _IPV4:
        header_bytes = (frame[14] & 0x0F) * 4
        to = str(ipaddress.ip_address(frame[30:34]))
        return Packet(_kind(frame[23], frame[14 + header_bytes :], to, lan_port), to)
    if ethertype == _IPV6:
        to = str(ipaddress.ip_address(frame[38:54]))
        protocol, payload = frame[20], frame[54:]
        if protocol == _HOP_BY_HOP:  # the router alert of RFC 3810
            protocol, payload = payload[0], payload[8 * (payload[1] + 1) :]
        return Packet(_kind(protocol, payload, to, lan_port), to)
    return Packet(f"ethertype {ethertype:#x}", "")


def _kind(protocol: int, payload: bytes, to: str, lan_port: int) -> str:
    if protocol in {_IGMP, _ICMPV6}:
        return "neighbour"
    source, destination = struct.unpack_from(">HH", payload)
    if protocol == _TCP:
        is_opening = payload[13] & (_SYN | _ACK) == _SYN
        return "answer" if source == lan_port and not is_opening else f"tcp {destination}"
    if protocol == _UDP and source == destination == _MDNS_PORT and to in _MDNS_GROUPS:
        return "mdns"
    return f"protocol {protocol} port {destination}"

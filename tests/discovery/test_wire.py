# SPDX-License-Identifier: Apache-2.0
"""What a box puts on the wire from start to stop, as heard by another machine."""

import ipaddress
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from zeroconf import DNSAddress, DNSIncoming  # type: ignore[attr-defined]

from atre.discovery.interfaces import LanInterface
from atre.discovery.multicast import MulticastChannel

if TYPE_CHECKING:
    from tests.discovery.lan_namespaces import Lan

pytestmark = pytest.mark.namespaces

PROCESS = str(Path(__file__).with_name("box_process.py"))
HOST = "atre-7f3a.local."


def kind_of(packet: bytes, address: bytes) -> str:
    """A letter for what the packet says of the host: Probe, Announcement, Goodbye, or other."""
    message = DNSIncoming(packet)
    if message.is_query():
        return "P" if message.num_authorities and message.questions[0].name == HOST else "."
    records = [r for r in message.answers() if isinstance(r, DNSAddress) and r.address == address]
    if not records:
        return "."
    return "A" if all(record.ttl == 120 for record in records) else "G"


def test_three_probes_then_announcements_then_goodbyes(
    lan: "Lan", lan_tools: ModuleType, tmp_path: Path
) -> None:
    box, listener = lan.machine(link_local=False), lan.machine()
    (tmp_path / "box-id").write_text("7f3a09bc\n")
    heard: list[bytes] = []

    def listen() -> MulticastChannel:
        address = ipaddress.ip_interface(f"{listener.address}/24")
        index = socket.if_nametoindex("eth0")
        interface = LanInterface(name="eth0", index=index, addresses=(address,))
        return MulticastChannel((interface,), heard.append)

    with lan_tools.NamespaceLoop(listener.namespace) as loop:
        channel = loop.call(listen)
        process = box.start(sys.executable, PROCESS, str(tmp_path), "8443")
        process.wait_for(lambda line: '"announced"' in line)
        process.stop()
        loop.call(channel.close)
    address = ipaddress.ip_address(box.address).packed
    story = "".join(kind_of(packet, address) for packet in heard)
    on_the_host = story.replace(".", "")
    assert on_the_host.startswith("PPPA")
    assert on_the_host.count("P") == 3
    assert on_the_host.count("A") >= 2  # RFC 6762 §8.3
    assert on_the_host.endswith("AGGG")

# SPDX-License-Identifier: Apache-2.0
"""``discover`` run on another machine of the LAN, with and without Avahi there."""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atre.certificate import ensure_certificate
from atre.choices.owner_mark import set_mark

if TYPE_CHECKING:
    from tests.discovery.lan_namespaces import Lan, Machine

pytestmark = pytest.mark.namespaces

BOX = str(Path(__file__).with_name("box_process.py"))
GATEWAY = str(Path(__file__).with_name("tls_gateway.py"))
DISCOVER = """
import msgspec, sys
from atre.discovery.browse import discover
sys.stdout.buffer.write(msgspec.json.encode(discover(1.5, verify=sys.argv[1] == "verify")) + b"\\n")
"""


def discover(machine: "Machine", *, verify: bool = True) -> list[dict[str, Any]]:
    argument = "verify" if verify else "no-verify"
    browser = machine.start(sys.executable, "-c", DISCOVER, argument)
    entries: list[dict[str, Any]] = json.loads(browser.wait_for(lambda line: line.startswith("[")))
    return entries


def start_box(machine: "Machine", *, waits_for_owner: bool = False) -> None:
    state_dir = machine.directory / "state"
    state_dir.mkdir()
    (state_dir / "box-id").write_text("7f3a09bc\n")
    set_mark(state_dir, waits=waits_for_owner)
    box = machine.start(sys.executable, BOX, str(state_dir), "8443")
    box.wait_for(lambda line: '"announced"' in line)


def start_gateway(machine: "Machine") -> str:
    """A door on port 8443; returns the SHA-256 of its certificate."""
    sha256 = ensure_certificate(
        machine.directory,
        host_name="atre-7f3a.local",
        addresses=[machine.address],
        now=dt.datetime.now(dt.UTC),
    )
    files = [str(machine.directory / name) for name in ("leaf.crt", "leaf.key")]
    gateway = machine.start(sys.executable, GATEWAY, machine.address, "8443", *files)
    gateway.wait_for(lambda line: line == "listening")
    return sha256


def verified(machine: "Machine", sha256: str, *, waits_for_owner: bool = False) -> dict[str, Any]:
    return {
        "name": "Âtre 7F3A",
        "host": "atre-7f3a.local",
        "addresses": [machine.address, f"fd77::{machine.address[-1]}"],
        "port": 8443,
        "url": "https://atre-7f3a.local:8443",
        "id": "7f3a09bc",
        "tls": True,
        "auth": True,
        "verified": True,
        "reason": "",
        "certificate_sha256": sha256,
        "waits_for_owner": waits_for_owner,
        "reason_fr": "",
    }


def test_a_box_is_found_and_verified(lan: "Lan") -> None:
    box, laptop = lan.machine(), lan.machine()
    sha256 = start_gateway(box)
    start_box(box)
    assert discover(laptop) == [verified(box, sha256)]
    # From the box itself too, and where Avahi holds the same port.
    assert discover(box) == [verified(box, sha256)]
    laptop.start_avahi("laptop")
    assert discover(laptop) == [verified(box, sha256)]


def test_a_box_announced_by_avahi_is_found_on_its_own_host(lan: "Lan") -> None:
    box = lan.machine()
    box.start_avahi("office-pc")
    sha256 = start_gateway(box)
    start_box(box, waits_for_owner=True)
    assert discover(box) == [verified(box, sha256, waits_for_owner=True)]


def test_what_does_not_answer_or_hides_its_name_is_said(lan: "Lan") -> None:
    peer, laptop = lan.machine(), lan.machine()
    peer.start_avahi("peer")
    stale = peer.start(
        "avahi-publish-service", "Gone\u202egnp", "_ai-gateway._tcp", "8443", "txtvers=1", "tls=1"
    )
    stale.wait_for(lambda line: line.startswith("Established"))
    (entry,) = discover(laptop)
    assert entry["name"] == "Gonegnp"
    assert not entry["verified"]
    assert entry["reason"] == (
        f"{peer.address} port 8443 cannot be reached (Connection refused). "
        "The box may be off or have moved."
    )
    (entry,) = discover(laptop, verify=False)
    assert not entry["verified"]
    assert entry["reason"].startswith("It was not tried")


def test_a_record_that_points_outside_the_lan_is_not_followed(lan: "Lan") -> None:
    peer, laptop = lan.machine(), lan.machine()
    peer.start_avahi("peer")
    host = peer.start("avahi-publish-address", "-R", "lure.local", "8.8.8.8")
    host.wait_for(lambda line: line.startswith("Established"))
    service = peer.start(
        "avahi-publish-service", "-H", "lure.local", "Lure", "_ai-gateway._tcp", "443", "tls=1"
    )
    service.wait_for(lambda line: line.startswith("Established"))
    (entry,) = discover(laptop)
    assert entry["addresses"] == ["8.8.8.8"]
    assert not entry["verified"]
    assert "no address on this LAN" in entry["reason"]


def test_nobody_there(lan: "Lan") -> None:
    assert discover(lan.machine()) == []

# SPDX-License-Identifier: Apache-2.0
"""A box as a process in its namespace, as real Avahi peers on the same LAN see it."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atre.choices.owner_mark import set_mark

if TYPE_CHECKING:
    from tests.discovery.lan_namespaces import Lan, Lines, Machine

pytestmark = pytest.mark.namespaces

PROCESS = str(Path(__file__).with_name("box_process.py"))
RUDE_NEIGHBOUR = str(Path(__file__).with_name("rude_neighbour.py"))

Start = Callable[..., "Box"]


class Box:
    """A running box; ``waits_for`` follows its status."""

    def __init__(self, machine: "Machine", state_dir: Path) -> None:
        self.state_dir = state_dir
        self.lines: Lines = machine.start(sys.executable, PROCESS, str(state_dir), "8443")

    def waits_for(self, **fields: Any) -> dict[str, Any]:
        """Wait for a status with these fields."""

        def wanted(line: str) -> bool:
            return line.startswith("{") and fields.items() <= json.loads(line).items()

        status: dict[str, Any] = json.loads(self.lines.wait_for(wanted))
        return status


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def start_box(
        machine: "Machine", *, box_id: str = "7f3a09bc", waits_for_owner: bool = False
    ) -> Box:
        state_dir = tmp_path / f"state-{machine.namespace}"
        state_dir.mkdir()
        (state_dir / "box-id").write_text(f"{box_id}\n")
        set_mark(state_dir, waits=waits_for_owner)
        return Box(machine, state_dir)

    return start_box


@pytest.fixture
def peer(lan: "Lan") -> "Machine":
    machine = lan.machine()
    machine.start_avahi("peer")
    return machine


@pytest.mark.parametrize("responder", ["zeroconf", "avahi"])
def test_a_peer_finds_the_box_with_all_it_says(
    lan: "Lan", peer: "Machine", start: Start, responder: str
) -> None:
    machine = lan.machine()
    if responder == "avahi":
        machine.start_avahi("office-pc")
    box = start(machine)
    status = box.waits_for(state="announced", responder=responder)
    assert status["addresses"] == [machine.address, f"fd77::{machine.address[-1]}"]
    gateway = peer.browse()
    fields = gateway.appears("Âtre 7F3A")
    assert fields[4:9] == ["_ai-gateway._tcp", "local", "atre-7f3a.local", machine.address, "8443"]
    # avahi-browse lists the entries from the last to the first.
    assert fields[9].replace('"', "").split()[::-1] == [
        "txtvers=1", "path=/", "tls=1", "auth=1", "protocols=chat-completions",
        "auth_type=bearer", "product=atre", "id=7f3a09bc", "role=standalone",
    ]  # fmt: skip
    assert peer.browse("_https._tcp").appears("Âtre 7F3A")[8] == "8443"
    peer.resolves("atre-7f3a.local", machine.address)
    peer.resolves("atre-7f3a.local", f"fd77::{machine.address[-1]}")
    box.lines.stop()
    gateway.disappears("Âtre 7F3A")


@pytest.mark.parametrize("responder", ["zeroconf", "avahi"])
def test_a_box_waits_for_its_owner_until_the_claim(
    lan: "Lan", peer: "Machine", start: Start, responder: str
) -> None:
    machine = lan.machine()
    if responder == "avahi":
        machine.start_avahi("office-pc")
    gateway, setup = peer.browse(), peer.browse("_atre-setup._tcp")
    box = start(machine, waits_for_owner=True)
    box.waits_for(state="announced", responder=responder)
    fields = setup.appears("Âtre 7F3A")
    assert fields[6:9] == ["atre-7f3a.local", machine.address, "8443"]
    assert set(fields[9].replace('"', "").split()) == {"txtvers=1", "path=/claim", "id=7f3a09bc"}
    gateway.appears("Âtre 7F3A")
    box.lines.process.send_signal(signal.SIGUSR1)
    setup.disappears("Âtre 7F3A")
    # The goodbye is for that service alone: the box answers under its name all the while.
    box.waits_for(state="announced", responder=responder)
    peer.resolves("atre-7f3a.local", machine.address)
    peer.start("avahi-publish-service", "Later", "_ai-gateway._tcp", "8443")
    gateway.appears("Later")
    assert not gateway.lost("Âtre 7F3A")
    assert peer.browse("_https._tcp").appears("Âtre 7F3A")[8] == "8443"


def test_avahi_also_publishes_the_subtype(lan: "Lan", peer: "Machine", start: Start) -> None:
    machine = lan.machine()
    machine.start_avahi("office-pc")
    start(machine).waits_for(state="announced", responder="avahi")
    fields = peer.browse("_chat-completions._sub._ai-gateway._tcp").appears("Âtre 7F3A")
    assert fields[6] == "atre-7f3a.local"
    # The host keeps its own name.
    peer.resolves("office-pc.local", machine.address)


def test_a_name_that_a_peer_owns_is_changed_and_kept(lan: "Lan", start: Start) -> None:
    owner, machine = lan.machine(), lan.machine()
    owner.start_avahi("atre-7f3a")
    box = start(machine)
    box.waits_for(state="announced", host_name="atre-7f3a-2.local")
    owner.resolves("atre-7f3a-2.local", machine.address)
    owner.resolves("atre-7f3a.local", owner.address)
    assert (box.state_dir / "host-name").read_text() == "atre-7f3a-2\n"


def test_a_peer_that_comes_later_with_our_name_is_the_one_to_change(
    lan: "Lan", peer: "Machine", start: Start
) -> None:
    # A new address would be announced again, and that alone could warn the late one.
    machine, late = lan.machine(link_local=False), lan.machine()
    box = start(machine)
    box.waits_for(state="announced", host_name="atre-7f3a.local")
    avahi = late.start_avahi("atre-7f3a", "atre-7f3a-2")
    peer.resolves("atre-7f3a-2.local", late.address)
    peer.resolves("atre-7f3a.local", machine.address)
    assert avahi.process.poll() is None


def test_an_owner_that_does_not_answer_probes_as_it_should_is_noticed(
    lan: "Lan", peer: "Machine", start: Start
) -> None:
    machine, owner = lan.machine(), lan.machine()
    rude = owner.start(sys.executable, RUDE_NEIGHBOUR, "atre-7f3a.local", owner.address)
    rude.wait_for(lambda line: line == "announced")
    start(machine).waits_for(state="announced", host_name="atre-7f3a-2.local")
    peer.resolves("atre-7f3a.local", owner.address)


def test_a_neighbour_that_takes_our_name_without_asking_makes_us_change(
    lan: "Lan", peer: "Machine", start: Start
) -> None:
    machine, neighbour = lan.machine(), lan.machine()
    box = start(machine)
    box.waits_for(state="announced", host_name="atre-7f3a.local")
    neighbour.start(sys.executable, RUDE_NEIGHBOUR, "atre-7f3a.local", neighbour.address)
    box.waits_for(state="announced", host_name="atre-7f3a-2.local")
    peer.resolves("atre-7f3a-2.local", machine.address)
    peer.resolves("atre-7f3a.local", neighbour.address)


def test_two_boxes_with_the_same_digits_both_work(
    lan: "Lan", peer: "Machine", start: Start
) -> None:
    machines = [lan.machine(), lan.machine()]
    boxes = [start(machine) for machine in machines]
    names = {
        box.waits_for(state="announced")["host_name"]: machine
        for box, machine in zip(boxes, machines, strict=True)
    }
    assert set(names) == {"atre-7f3a.local", "atre-7f3a-2.local"}
    for name, machine in names.items():
        peer.resolves(name, machine.address)


@pytest.mark.parametrize("responder", ["zeroconf", "avahi"])
def test_a_new_address_replaces_the_old_one(
    lan: "Lan", peer: "Machine", start: Start, responder: str
) -> None:
    machine = lan.machine()
    if responder == "avahi":
        machine.start_avahi("office-pc")
    box = start(machine)
    box.waits_for(state="announced", responder=responder)
    peer.resolves("atre-7f3a.local", machine.address)
    machine.ip("address", "del", f"{machine.address}/24", "dev", "eth0")
    machine.ip("address", "add", "10.77.0.200/24", "dev", "eth0")
    expected = ["10.77.0.200", f"fd77::{machine.address[-1]}"]
    box.waits_for(state="announced", addresses=expected, host_name="atre-7f3a.local")
    peer.resolves("atre-7f3a.local", "10.77.0.200")


@pytest.mark.parametrize("responder", ["zeroconf", "avahi"])
def test_cable_and_wifi_on_one_lan_are_one_box(
    lan: "Lan", peer: "Machine", start: Start, responder: str
) -> None:
    machine = lan.machine()
    second = lan.plug(machine.namespace, "eth1")
    if responder == "avahi":
        machine.start_avahi("office-pc")
    box = start(machine)
    status = box.waits_for(state="announced", responder=responder)
    assert status["addresses"][:2] == [machine.address, second]
    assert status["host_name"] == "atre-7f3a.local"
    # Another announcement, heard on the other interface, is not taken for a rival's.
    machine.ip("address", "add", "10.77.0.200/24", "dev", "eth1")
    box.waits_for(state="announced", addresses=[*status["addresses"][:2], "10.77.0.200",
                                                *status["addresses"][2:]])  # fmt: skip
    peer.browse().appears("Âtre 7F3A")
    assert not any("atre-7f3a-2" in line for line in box.lines.seen)


@pytest.mark.parametrize("responder", ["zeroconf", "avahi"])
def test_a_lan_without_ipv4(lan: "Lan", peer: "Machine", start: Start, responder: str) -> None:
    machine = lan.machine()
    machine.ip("address", "del", f"{machine.address}/24", "dev", "eth0")
    if responder == "avahi":
        machine.start_avahi("office-pc")
    status = start(machine).waits_for(state="announced", responder=responder)
    assert status["addresses"] == [f"fd77::{machine.address[-1]}"]
    peer.resolves("atre-7f3a.local", status["addresses"][0])


def test_the_network_may_come_after_the_box(lan: "Lan", peer: "Machine", start: Start) -> None:
    machine = lan.machine()
    machine.ip("link", "set", "eth0", "down")
    box = start(machine)
    status = box.waits_for(state="unavailable")
    assert "plug in a network cable" in status["detail"]
    machine.ip("link", "set", "eth0", "up")
    box.waits_for(state="announced")
    peer.resolves("atre-7f3a.local", machine.address)
    machine.ip("link", "set", "eth0", "down")
    box.waits_for(state="unavailable", addresses=[])


def test_the_box_carries_on_by_itself_when_avahi_stops(
    lan: "Lan", peer: "Machine", start: Start
) -> None:
    machine = lan.machine()
    avahi = machine.start_avahi("office-pc")
    box = start(machine)
    box.waits_for(state="announced", responder="avahi")
    avahi.stop()
    box.waits_for(state="announced", responder="zeroconf", host_name="atre-7f3a.local")
    peer.resolves("atre-7f3a.local", machine.address)


def test_the_box_hands_over_to_an_avahi_that_starts_later(
    lan: "Lan", peer: "Machine", start: Start
) -> None:
    machine = lan.machine()
    machine.start_bus()
    box = start(machine)
    box.waits_for(state="announced", responder="zeroconf")
    machine.start_avahi("office-pc")
    box.waits_for(state="announced", responder="avahi", host_name="atre-7f3a.local")
    peer.resolves("atre-7f3a.local", machine.address)


def test_a_killed_box_withdraws_itself_from_avahi(
    lan: "Lan", peer: "Machine", start: Start
) -> None:
    machine = lan.machine()
    machine.start_avahi("office-pc")
    box = start(machine)
    box.waits_for(state="announced", responder="avahi")
    gateway = peer.browse()
    gateway.appears("Âtre 7F3A")
    os.kill(box.lines.process.pid, signal.SIGKILL)
    gateway.disappears("Âtre 7F3A")

# SPDX-License-Identifier: Apache-2.0
"""One suite for every Responder: in memory, by python-zeroconf, through a real Avahi."""

import asyncio
import ipaddress
import socket
import sys
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest

from atre.discovery.interfaces import LanInterface
from atre.discovery.memory_responder import MemoryLan, MemoryResponder
from atre.discovery.responder import Advertisement, Event, Outcome, Responder
from atre.discovery.service import Box, services
from atre.discovery.zeroconf_responder import ZeroconfResponder

if TYPE_CHECKING:
    from tests.discovery.lan_namespaces import Lan, Machine, NamespaceLoop

T = TypeVar("T")


class Site(Protocol):
    """A machine with one responder on it."""

    @property
    def responder(self) -> Responder: ...

    @property
    def events(self) -> list[Event]: ...

    def interface(self, number: int | None = None) -> LanInterface: ...

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T: ...


class World(Protocol):
    """Two sites on one LAN, seen by a third machine."""

    @property
    def sites(self) -> tuple[Site, Site]: ...

    def appears(self, instance: str) -> tuple[str, str]: ...

    def disappears(self, instance: str) -> None: ...

    def resolves(self, host: str, address: str) -> None: ...

    def intrude(self, host: str) -> None: ...

    def wait_for_event(self, site: Site) -> Event: ...


class MemorySite:
    def __init__(self, lan: MemoryLan, number: int) -> None:
        self.events: list[Event] = []
        self.responder = MemoryResponder(lan, self.events.append)
        self._number = number

    def interface(self, number: int | None = None) -> LanInterface:
        return lan_interface(2, number or self._number)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)


class MemoryWorld:
    def __init__(self) -> None:
        self.lan = MemoryLan()
        self.sites = (MemorySite(self.lan, 1), MemorySite(self.lan, 2))

    def appears(self, instance: str) -> tuple[str, str]:
        host, addresses = self.lan.instances()[instance]
        return host, addresses[0]

    def disappears(self, instance: str) -> None:
        assert instance not in self.lan.instances()

    def resolves(self, host: str, address: str) -> None:
        assert (host, (address,)) in self.lan.instances().values()

    def intrude(self, host: str) -> None:
        for site in self.sites:
            if any(ad.host_name == host for ad in self.lan.announced.values()):
                site.responder.contest()

    def wait_for_event(self, site: Site) -> Event:
        return site.events[0]


class NamespaceSite:
    """A responder whose sockets are in a namespace of their own."""

    def __init__(self, machine: "Machine", loop: "NamespaceLoop", kind: str) -> None:
        self.machine = machine
        self.events: list[Event] = []
        self.happened = loop.call(asyncio.Event)
        self.responder = self._make(kind)
        self.run = loop.run
        self._index = loop.call(lambda: socket.if_nametoindex("eth0"))
        self._number = int(machine.address.rpartition(".")[2])

    def interface(self, number: int | None = None) -> LanInterface:
        return lan_interface(self._index, number or self._number)

    def _make(self, kind: str) -> Responder:
        def note(event: Event) -> None:
            self.events.append(event)
            self.happened.set()

        if kind == "avahi":
            # D-Bus is installed on Linux only.
            from atre.discovery.avahi_responder import AvahiResponder  # noqa: PLC0415

            return AvahiResponder(note, self.machine.bus_address)
        return ZeroconfResponder(note)


class NamespaceWorld:
    def __init__(self, lan: "Lan", loops: ExitStack, tools: ModuleType, kind: str) -> None:
        machines = (lan.machine(), lan.machine())
        self._observer = lan.machine()
        with_avahi = [*machines, self._observer] if kind == "avahi" else [self._observer]
        daemons = {machine: machine.begin_avahi(machine.namespace) for machine in with_avahi}
        for machine, daemon in daemons.items():
            machine.wait_for_avahi(daemon, machine.namespace)
        one, other = (
            NamespaceSite(m, loops.enter_context(tools.NamespaceLoop(m.namespace)), kind)
            for m in machines
        )
        for site in (one, other):
            loops.callback(close, site)
        self.sites = (one, other)
        self._browser = self._observer.browse()

    def appears(self, instance: str) -> tuple[str, str]:
        fields = self._browser.appears(instance)
        return fields[6], fields[7]

    def disappears(self, instance: str) -> None:
        self._browser.disappears(instance)

    def resolves(self, host: str, address: str) -> None:
        self._observer.resolves(host, address)

    def intrude(self, host: str) -> None:
        script = str(Path(__file__).with_name("rude_neighbour.py"))
        self._observer.start(sys.executable, script, host, self._observer.address)

    def wait_for_event(self, site: Site) -> Event:
        assert isinstance(site, NamespaceSite)
        site.run(asyncio.wait_for(site.happened.wait(), 20))
        return site.events[0]


def close(site: Site) -> None:
    site.run(site.responder.close())


def lan_interface(index: int, number: int) -> LanInterface:
    address = ipaddress.ip_interface(f"10.77.0.{number}/24")
    return LanInterface(name="eth0", index=index, addresses=(address,))


def advertisement(
    site: Site, *, host: str = "atre-7f3a", instance: str = "Âtre 7F3A", number: int | None = None
) -> Advertisement:
    box = Box(instance=instance, box_id="7f3a09bc", https_port=8443)
    return Advertisement(
        host_label=host, interfaces=(site.interface(number),), services=services(box)
    )


def announce(site: Site, **names: Any) -> Outcome:
    return site.run(site.responder.announce(advertisement(site, **names)))


@pytest.fixture(
    params=[
        "memory",
        pytest.param("zeroconf", marks=pytest.mark.namespaces),
        pytest.param("avahi", marks=pytest.mark.namespaces),
    ]
)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    lan = request.getfixturevalue("lan")
    with ExitStack() as loops:
        yield NamespaceWorld(lan, loops, request.getfixturevalue("lan_tools"), request.param)


def test_an_announcement_is_seen_until_it_is_closed(world: World) -> None:
    site, _ = world.sites
    assert announce(site) is Outcome.ANNOUNCED
    assert world.appears("Âtre 7F3A") == ("atre-7f3a.local", "10.77.0.1")
    close(site)
    world.disappears("Âtre 7F3A")
    close(site)
    assert site.events == []


def test_a_taken_host_name_is_refused_and_free_again_after_a_goodbye(world: World) -> None:
    one, other = world.sites
    assert announce(one) is Outcome.ANNOUNCED
    assert announce(other, instance="Other") is Outcome.HOST_TAKEN
    world.resolves("atre-7f3a.local", "10.77.0.1")
    close(one)
    assert announce(other, instance="Other") is Outcome.ANNOUNCED
    assert world.appears("Other") == ("atre-7f3a.local", "10.77.0.2")


def test_a_taken_instance_name_is_refused(world: World) -> None:
    one, other = world.sites
    assert announce(one) is Outcome.ANNOUNCED
    assert announce(other, host="atre-0000") is Outcome.INSTANCE_TAKEN
    assert announce(other, host="atre-0000", instance="Âtre 7F3A (2)") is Outcome.ANNOUNCED
    assert world.appears("Âtre 7F3A (2)") == ("atre-0000.local", "10.77.0.2")


def test_an_address_can_change(world: World) -> None:
    site, _ = world.sites
    assert announce(site) is Outcome.ANNOUNCED
    world.resolves("atre-7f3a.local", "10.77.0.1")
    if isinstance(site, NamespaceSite):
        site.machine.ip("address", "add", "10.77.0.101/24", "dev", "eth0")
    assert announce(site, number=101) is Outcome.ANNOUNCED
    world.resolves("atre-7f3a.local", "10.77.0.101")
    assert site.events == []


def test_names_can_change(world: World) -> None:
    site, _ = world.sites
    assert announce(site) is Outcome.ANNOUNCED
    world.appears("Âtre 7F3A")
    assert announce(site, host="bureau", instance="Bureau") is Outcome.ANNOUNCED
    world.disappears("Âtre 7F3A")
    assert world.appears("Bureau") == ("bureau.local", "10.77.0.1")


def test_a_name_that_a_neighbour_starts_to_use_is_a_conflict(world: World) -> None:
    site, _ = world.sites
    assert announce(site) is Outcome.ANNOUNCED
    world.intrude("atre-7f3a.local")
    assert world.wait_for_event(site) is Event.CONFLICT

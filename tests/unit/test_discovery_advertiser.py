# SPDX-License-Identifier: Apache-2.0
import asyncio
import ipaddress
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atre.discovery.advertiser import Advertiser
from atre.discovery.announcer import NO_NETWORK, Status, Surroundings, is_storm
from atre.discovery.interfaces import LanInterface
from atre.discovery.memory_responder import MemoryLan, MemoryResponder
from atre.discovery.responder import Advertisement, Event, OnEvent, Outcome, Responder
from atre.errors import ConfigError, DiscoveryError
from atre.ipc.messages import DiscoveryState

PATIENCE_S = 20.0
ANNOUNCED = DiscoveryState.ANNOUNCED
UNAVAILABLE = DiscoveryState.UNAVAILABLE


def interface(*addresses: str) -> LanInterface:
    return LanInterface(
        name="eth0", index=2, addresses=tuple(ipaddress.ip_interface(a) for a in addresses)
    )


class Host:
    """A machine for an Advertiser: its interfaces, its responders, and what it was told."""

    def __init__(
        self,
        state_dir: Path,
        lan: MemoryLan,
        *addresses: str,
        responder: Responder | None = None,
        waits_for_owner: bool = False,
    ) -> None:
        self.lan = lan
        self.other_responder = responder
        self.on_event: OnEvent = lambda _event: None
        self.interfaces: tuple[LanInterface, ...] = (interface(*addresses),) if addresses else ()
        self.statuses: queue.Queue[Status] = queue.Queue()
        self.responders: list[MemoryResponder] = []
        self.ready = queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, Callable[[], None]]]()
        self.advertiser = Advertiser(
            state_dir,
            https_port=8443,
            waits_for_owner=waits_for_owner,
            on_change=self.changed,
            surroundings=Surroundings(
                interfaces=lambda: self.interfaces, choose=self.choose, watch=self.watch
            ),
        )

    async def choose(self, on_event: OnEvent) -> Responder:
        self.on_event = on_event
        if self.other_responder is not None:
            return self.other_responder
        self.responders.append(MemoryResponder(self.lan, on_event))
        return self.responders[-1]

    async def watch(self, notify: Callable[[], None]) -> None:
        self.ready.put((asyncio.get_running_loop(), notify))
        await asyncio.Event().wait()

    def changed(self) -> None:
        self.statuses.put(self.advertiser.status)

    def wait_for(self, wanted: Callable[[Status], bool]) -> Status:
        while True:
            status = self.statuses.get(timeout=PATIENCE_S)
            if wanted(status):
                return status

    def move_to(self, *addresses: str) -> None:
        self.interfaces = (interface(*addresses),) if addresses else ()
        loop, notify = self.ready.get(timeout=PATIENCE_S)
        self.ready.put((loop, notify))
        loop.call_soon_threadsafe(notify)

    def contest(self) -> None:
        loop, _ = self.ready.get(timeout=PATIENCE_S)
        loop.call_soon_threadsafe(self.responders[-1].contest)


@contextmanager
def started(host: Host) -> Iterator[Host]:
    host.advertiser.start()
    try:
        yield host
    finally:
        host.advertiser.close()


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "box-id").write_text("7f3a09bc\n")
    return tmp_path


def test_a_box_announces_itself_and_says_goodbye(state_dir: Path) -> None:
    lan = MemoryLan()
    host = Host(state_dir, lan, "10.0.0.5/24")
    assert host.advertiser.state is DiscoveryState.OFF
    assert host.advertiser.host_name == "atre-7f3a.local"
    assert host.advertiser.addresses == ("10.0.0.5",)
    with started(host):
        assert host.wait_for(lambda _: True).state is DiscoveryState.PROBING
        status = host.wait_for(lambda s: s.state is ANNOUNCED)
        assert (status.detail, status.responder) == ("", "memory")
        assert lan.instances() == {"Âtre 7F3A": ("atre-7f3a.local", ("10.0.0.5",))}
    assert lan.instances() == {}
    assert host.advertiser.state is DiscoveryState.OFF
    assert host.advertiser.responder == ""


def test_taken_names_are_changed_and_the_host_name_is_kept(state_dir: Path, tmp_path: Path) -> None:
    lan = MemoryLan()
    other_dir = tmp_path / "other"
    other_dir.mkdir()
    (other_dir / "box-id").write_text("7f3a1111\n")
    with started(Host(other_dir, lan, "10.0.0.6/24")) as other:
        other.wait_for(lambda s: s.state is ANNOUNCED)
        with started(Host(state_dir, lan, "10.0.0.5/24")) as host:
            status = host.wait_for(lambda s: s.state is ANNOUNCED)
        assert status.host_name == "atre-7f3a-2.local"
        assert status.instance == "Âtre 7F3A (2)"
    assert Host(state_dir, lan, "10.0.0.5/24").advertiser.host_name == "atre-7f3a-2.local"


def test_the_network_may_come_later_and_go(state_dir: Path) -> None:
    lan = MemoryLan()
    with started(Host(state_dir, lan)) as host:
        status = host.wait_for(lambda s: s.state is UNAVAILABLE)
        assert (status.detail, status.addresses) == (NO_NETWORK, ())
        assert host.advertiser.host_name == "atre-7f3a.local"
        host.move_to("10.0.0.5/24")
        host.wait_for(lambda s: s.state is ANNOUNCED)
        host.move_to()
        host.wait_for(lambda s: s.state is UNAVAILABLE)
        assert lan.instances() == {}


def test_a_new_address_is_announced(state_dir: Path) -> None:
    lan = MemoryLan()
    with started(Host(state_dir, lan, "10.0.0.5/24")) as host:
        host.wait_for(lambda s: s.state is ANNOUNCED)
        host.move_to("10.0.0.7/24", "fd00::7/64")
        status = host.wait_for(lambda s: s.state is ANNOUNCED)
        assert status.addresses == ("10.0.0.7", "fd00::7")
        assert lan.instances()["Âtre 7F3A"][1] == ("10.0.0.7", "fd00::7")
        assert len(host.responders) == 1


def test_the_service_of_a_box_without_owner_ends_with_the_claim(state_dir: Path) -> None:
    lan = MemoryLan()
    with started(Host(state_dir, lan, "10.0.0.5/24", waits_for_owner=True)) as host:
        host.wait_for(lambda s: s.state is ANNOUNCED)
        (before,) = lan.announced.values()
        assert [s.type for s in before.services][-1] == "_atre-setup._tcp"
        host.advertiser.end_setup()
        host.wait_for(lambda s: s.state is ANNOUNCED)
        (after,) = lan.announced.values()
        assert after.services == before.services[:-1]
        assert len(host.responders) == 1


def test_a_claim_before_the_start_is_never_announced(state_dir: Path) -> None:
    lan = MemoryLan()
    host = Host(state_dir, lan, "10.0.0.5/24", waits_for_owner=True)
    host.advertiser.end_setup()
    with started(host):
        host.wait_for(lambda s: s.state is ANNOUNCED)
        (announced,) = lan.announced.values()
        assert [s.type for s in announced.services] == ["_https._tcp", "_ai-gateway._tcp"]


def test_a_contested_name_is_claimed_anew(state_dir: Path) -> None:
    lan = MemoryLan()
    with started(Host(state_dir, lan, "10.0.0.5/24")) as host:
        host.wait_for(lambda s: s.state is ANNOUNCED)
        (ours,) = lan.announced.items()
        lan.announced[MemoryResponder(lan, lambda _: None)] = ours[1]
        host.contest()
        status = host.wait_for(lambda s: s.state is ANNOUNCED)
        assert status.host_name == "atre-7f3a-2.local"
        assert len(host.responders) == 2


class RefusingResponder:
    """A responder that fails."""

    name = "refusing"

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = 0

    async def announce(self, advertisement: Advertisement) -> Outcome:
        assert advertisement.host_label
        raise self.error

    async def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (DiscoveryError("The port is held."), "The port is held."),
        (OSError(1, "Operation not permitted"), "Operation not permitted"),
        (ZeroDivisionError("oops"), "internal error (oops)"),
    ],
)
def test_a_failure_is_a_state_with_its_reason(
    state_dir: Path, error: Exception, detail: str
) -> None:
    responder = RefusingResponder(error)
    host = Host(state_dir, MemoryLan(), "10.0.0.5/24", responder=responder)
    with started(host):
        status = host.wait_for(lambda s: s.state is UNAVAILABLE)
        assert detail in status.detail
        assert status.responder == ""
        assert responder.closed == 1
        assert host.advertiser.host_name == "atre-7f3a.local"


def test_a_receiver_that_fails_does_not_stop_discovery(
    state_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host(state_dir, MemoryLan(), "10.0.0.5/24")
    changed = host.changed

    def fail() -> None:
        changed()
        raise ValueError("receiver")

    host.advertiser._on_change = fail
    with started(host):
        host.wait_for(lambda s: s.state is ANNOUNCED)
    assert "The receiver of a change of discovery failed" in caplog.text


def test_closing_at_once_and_twice_is_fine(state_dir: Path) -> None:
    host = Host(state_dir, MemoryLan(), "10.0.0.5/24")
    host.advertiser.close()
    host.advertiser.start()
    host.advertiser.close()
    host.advertiser.close()
    assert host.advertiser.state is DiscoveryState.OFF


@pytest.mark.parametrize(("port", "instance"), [(0, None), (8443, "a\u202eb"), (8443, "x" * 64)])
def test_what_cannot_be_announced_is_refused_at_once(
    state_dir: Path, port: int, instance: str | None
) -> None:
    with pytest.raises(ConfigError):
        Advertiser(state_dir, https_port=port, instance=instance)


def test_a_lost_responder_is_replaced(state_dir: Path) -> None:
    lan = MemoryLan()
    with started(Host(state_dir, lan, "10.0.0.5/24")) as host:
        host.wait_for(lambda s: s.state is ANNOUNCED)
        loop, _ = host.ready.get(timeout=PATIENCE_S)
        loop.call_soon_threadsafe(host.on_event, Event.LOST)
        host.wait_for(lambda s: s.state is ANNOUNCED)
        assert len(host.responders) == 2
        assert lan.instances() == {"Âtre 7F3A": ("atre-7f3a.local", ("10.0.0.5",))}


class StuckResponder:
    """A responder that never finishes announcing one address."""

    name = "stuck"

    def __init__(self, address: str) -> None:
        self.address = address
        self.reached = threading.Event()
        self.closed = 0

    async def announce(self, advertisement: Advertisement) -> Outcome:
        if self.address in advertisement.addresses:
            self.reached.set()
            await asyncio.Event().wait()
        return Outcome.ANNOUNCED

    async def close(self) -> None:
        self.closed += 1


def test_an_attempt_for_an_address_that_has_gone_is_given_up(state_dir: Path) -> None:
    responder = StuckResponder("10.0.0.5")
    host = Host(state_dir, MemoryLan(), "10.0.0.5/24", responder=responder)
    with started(host):
        assert responder.reached.wait(PATIENCE_S)
        host.move_to("10.0.0.7/24")
        host.wait_for(lambda s: s.state is ANNOUNCED and s.addresses == ("10.0.0.7",))
        assert responder.closed == 1


def test_an_attempt_whose_responder_has_gone_is_made_again(state_dir: Path) -> None:
    responder = StuckResponder("10.0.0.5")
    host = Host(state_dir, MemoryLan(), "10.0.0.5/24", responder=responder)
    with started(host):
        assert responder.reached.wait(PATIENCE_S)
        responder.address = ""
        loop, _ = host.ready.get(timeout=PATIENCE_S)
        loop.call_soon_threadsafe(host.on_event, Event.LOST)
        host.wait_for(lambda s: s.state is ANNOUNCED)
        assert responder.closed == 1


def test_closing_interrupts_an_attempt(state_dir: Path) -> None:
    responder = StuckResponder("10.0.0.5")
    with started(Host(state_dir, MemoryLan(), "10.0.0.5/24", responder=responder)):
        assert responder.reached.wait(PATIENCE_S)
    assert responder.closed == 1


@pytest.mark.parametrize(
    ("conflicts", "now", "storm"),
    [
        ([], 0.0, False),
        ([0.0] * 14, 1.0, False),
        ([0.0] * 15, 1.0, True),
        ([*range(0, 60, 4)], 57.0, True),
        ([0.0] * 15, 61.0, False),
    ],
)
def test_many_conflicts_in_a_short_time_are_a_storm(
    conflicts: list[float],
    now: float,
    storm: bool,  # noqa: FBT001
) -> None:
    assert is_storm(conflicts, now) is storm

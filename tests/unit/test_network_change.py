# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from atre.errors import ConflictError, InvalidRequestError, StorageError
from atre.ipc.appliance_messages import AddressMethod, NetworkSettings
from atre.network import record
from atre.network.change import TRIAL_S, NetworkTrial
from atre.network.link import NetworkdLink
from atre.network.settings import check, network_file

_POLL_S = 0.02
_TREE = Path(__file__).parents[2] / "systemd" / "appliance"


def _fixed(address: str = "192.168.1.50/24", **others: object) -> NetworkSettings:
    fields = {"interface": "enp1s0", "gateway": "", "address": address} | others
    return NetworkSettings(method=AddressMethod.STATIC, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        NetworkSettings(),
        _fixed(gateway="192.168.1.1", dns=("192.168.1.1", "9.9.9.9")),
        _fixed("10.0.0.0/31"),
        _fixed("fd00::5/64", gateway="fe80::1"),
    ],
)
def test_settings_that_make_sense_are_taken(settings: NetworkSettings) -> None:
    check(settings)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (NetworkSettings(address="192.168.1.50/24"), "address"),
        (NetworkSettings(dns=("9.9.9.9",)), "dns"),
        (_fixed(interface=""), "interface"),
        (_fixed(interface="enp1s0\nDHCP=yes"), "interface"),
        (_fixed("192.168.1.50"), "address"),
        (_fixed("192.168.1.50/24\n[Match]"), "address"),
        (_fixed("192.168.1.0/24"), "address"),
        (_fixed("192.168.1.255/24"), "address"),
        (_fixed("192.168.1.50/32"), "address"),
        (_fixed("127.0.0.1/8"), "address"),
        (_fixed("169.254.1.1/16"), "address"),
        (_fixed("224.0.0.251/24"), "address"),
        (_fixed("0.0.0.0/0"), "address"),
        (_fixed(gateway="192.168.2.1"), "gateway"),
        (_fixed(gateway="192.168.1.50"), "gateway"),
        (_fixed(gateway="fe80::1"), "gateway"),
        (_fixed(gateway="fe80::1%eth0\n"), "gateway"),
        (_fixed(dns=("dns.example",)), "dns"),
        (_fixed(dns=("::",)), "dns"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_their_field(
    settings: NetworkSettings, field: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check(settings)
    assert caught.value.param == field
    assert caught.value.french != str(caught.value)


@dataclass
class _Link:
    """Remembers what it was told; refuses what is in ``refused``."""

    used: list[bytes] = field(default_factory=list)
    refused: bytes | None = None
    ours: bool = True

    def use(self, network_file: bytes) -> None:
        self.used.append(network_file)
        if self.refused is not None and self.refused in network_file:
            raise OSError("no such port")

    def in_force(self) -> bytes:
        return self.used[-1] if self.used else b""

    def interfaces(self) -> list[str]:
        return ["enp1s0"]

    def is_ours(self) -> bool:
        return self.ours


@dataclass
class _Timer:
    """Runs out when the test says so."""

    waits: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __call__(self, delay_s: float, call: Callable[[], None]) -> Callable[[], None]:
        wait = (delay_s, call)
        self.waits.append(wait)
        return lambda: self.waits.remove(wait) if wait in self.waits else None

    def run_out(self) -> None:
        for _, call in list(self.waits):
            call()


DHCP = network_file(NetworkSettings())


def _trial(tmp_path: Path, link: _Link, timer: _Timer) -> NetworkTrial:
    return NetworkTrial(tmp_path, link, timer=timer, clock=lambda: 100.0, now=lambda: 5000.0)


def test_a_confirmed_address_stays(tmp_path: Path) -> None:
    link, timer = _Link(), _Timer()
    trial = _trial(tmp_path, link, timer)
    trial.change(_fixed())
    change = trial.state().change
    assert change
    assert (change.seconds_left, change.ends_at) == (30.0, 5030.0)
    assert [delay_s for delay_s, _ in timer.waits] == [TRIAL_S]
    trial.confirm(change.id)
    assert not timer.waits
    assert link.used == [network_file(_fixed())]
    assert trial.state().settings == record.read(tmp_path).confirmed == _fixed()
    # The next life of the daemon has nothing to do.
    again = _trial(tmp_path, link, timer)
    again.start()
    assert len(link.used) == 1


def test_an_address_that_nobody_confirms_is_taken_back(tmp_path: Path) -> None:
    link, timer = _Link(), _Timer()
    trial = _trial(tmp_path, link, timer)
    trial.change(_fixed())
    change = trial.state().change
    timer.run_out()
    assert link.used == [network_file(_fixed()), DHCP]
    state = trial.state()
    assert state.change is None
    assert state.last_revert
    assert "Nobody confirmed" in state.last_revert.text
    assert change
    with pytest.raises(ConflictError):
        trial.confirm(change.id)
    assert record.read(tmp_path).confirmed == NetworkSettings()


def test_whatever_ends_the_box_takes_a_trial_back(tmp_path: Path) -> None:
    link, timer = _Link(), _Timer()
    _trial(tmp_path, link, timer).change(_fixed())
    # At a start of the machine only what was confirmed counts.
    assert record.read(tmp_path).confirmed == NetworkSettings()
    # At a start of the daemon alone, what is in force is taken back too.
    again = _trial(tmp_path, link, timer)
    again.start()
    assert link.used[-1] == DHCP
    reason = again.state().last_revert
    assert reason
    assert "restarted" in reason.text
    assert record.read(tmp_path).trial is None


def test_a_box_whose_choice_was_erased_returns_to_the_router_at_its_start(tmp_path: Path) -> None:
    link = _Link(used=[network_file(_fixed())])
    _trial(tmp_path, link, _Timer()).start()
    assert link.used[-1] == DHCP
    _trial(tmp_path, link, _Timer()).start()
    assert len(link.used) == 2, "nothing is told twice"


def test_a_trial_is_taken_back_by_hand_and_excludes_another(tmp_path: Path) -> None:
    link, timer = _Link(), _Timer()
    trial = _trial(tmp_path, link, timer)
    trial.change(_fixed())
    with pytest.raises(ConflictError):
        trial.change(_fixed("192.168.1.51/24"))
    trial.take_back()
    trial.take_back()
    assert link.used == [network_file(_fixed()), DHCP]
    assert trial.state().last_revert is None


def test_a_network_that_refuses_is_put_back_at_once(tmp_path: Path) -> None:
    link, timer = _Link(refused=b"192.168.1.50"), _Timer()
    trial = _trial(tmp_path, link, timer)
    with pytest.raises(StorageError, match="no such port"):
        trial.change(_fixed())
    assert link.used[-1] == DHCP
    assert not timer.waits
    assert trial.state().change is None


def test_a_network_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    link = _Link(ours=False)
    trial = _trial(tmp_path, link, _Timer())
    with pytest.raises(ConflictError):
        trial.change(_fixed())
    assert trial.state().refusal
    assert not link.used


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"confirmed": {"method": "static", "address": "x"}}', '{"confirmed": 3}'],
)
def test_a_damaged_record_is_dhcp(tmp_path: Path, text: str) -> None:
    (tmp_path / "network.json").write_text(text)
    assert record.read(tmp_path).confirmed == NetworkSettings()


def test_at_boot_the_confirmed_address_is_put_in_place_and_nothing_else(tmp_path: Path) -> None:
    office = tmp_path / "office.network"
    office.write_text("a longer text than the one before, which must not stay\n" * 20)
    argv = [sys.executable, "-m", "atre.network.at_boot"]
    argv += ["--data-dir", str(tmp_path), "--office-file", str(office)]
    link, timer = _Link(), _Timer()
    trial = _trial(tmp_path / "state", link, timer)
    trial.change(_fixed())
    subprocess.run(argv, check=True, capture_output=True)
    assert office.read_bytes() == DHCP
    change = trial.state().change
    assert change
    trial.confirm(change.id)
    office.write_text("x" * 2000)
    subprocess.run(argv, check=True, capture_output=True)
    assert office.read_bytes() == network_file(_fixed())


_NEEDED = ("/lib/systemd/systemd-networkd", "nsenter", "dbus-daemon")


class _Machine(NetworkdLink):
    """A machine with one port, a system bus and systemd-networkd, in namespaces of its own."""

    def __init__(self, pid: int) -> None:
        self._inside = ["nsenter", f"--target={pid}", "--net", "--mount", "--pid"]
        office = Path(f"/proc/{pid}/root/run/systemd/network/50-atre-office.network")
        super().__init__(office, enter=self._inside)

    def interfaces(self) -> list[str]:
        return ["lan0"]

    def wait_for(self, expected: str, gone: str = "none") -> None:
        """Until one is among the addresses and routes, and the other not."""
        # ``ip monitor`` does not say when it began to listen: what came before would be missed.
        while expected not in (shown := self._shown()) or gone in shown:
            time.sleep(_POLL_S)

    def _shown(self) -> str:
        return self.run("ip", "address") + self.run("ip", "route")

    def run(self, *argv: str) -> str:
        return subprocess.run(
            [*self._inside, *argv], check=True, capture_output=True, text=True
        ).stdout


# One who may do everything: who may call networkd is the rule's affair, in polkit.
_BUS = """
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow own="*"/>
<allow receive_sender="*"/>
<allow user="*"/></policy></busconfig>
"""
_PREPARE = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t sysfs -o ro sysfs /sys  # networkd waits for no udev where /sys is read-only
mkdir -p /run/dbus /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases
chown -R systemd-network: /run/systemd/netif
touch /run/systemd/network/50-atre-office.network
cp "$1" /run/systemd/network/
dbus-daemon --config-file="$2" --fork
ip link set lo up
ip link add lan0 type veth peer name router0
ip link set router0 up
/lib/systemd/systemd-networkd 2>/dev/null &
until networkctl reload 2>/dev/null; do sleep 0.05; done  # it takes its name on the bus
echo ready
wait
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[_Machine]:
    bus = tmp_path / "bus.conf"
    bus.write_text(_BUS)
    image_file = _TREE / "usr/lib/systemd/network/60-atre.network"
    holder = subprocess.Popen(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
         "sh", "-euc", _PREPARE, "sh", image_file, bus],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout
    assert holder.stdout.readline() == b"ready\n"
    shell = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()[0]
    yield _Machine(int(shell))
    holder.kill()
    holder.wait()
    holder.stdout.close()


@pytest.mark.namespaces
@pytest.mark.skipif(
    os.geteuid() != 0 or not all(shutil.which(each) for each in _NEEDED),
    reason="needs root, namespaces, D-Bus and systemd-networkd",
)
def test_networkd_takes_the_address_and_returns_to_the_one_before(
    tmp_path: Path, machine: _Machine
) -> None:
    timer = _Timer()
    trial = NetworkTrial(tmp_path, machine, timer=timer)
    first = _fixed("192.0.2.10/24", interface="lan0", gateway="192.0.2.1")
    trial.change(first)
    machine.wait_for("192.0.2.10/24")
    machine.wait_for("default via 192.0.2.1")
    change = trial.state().change
    assert change
    trial.confirm(change.id)
    trial.change(_fixed("192.0.2.20/24", interface="lan0"))
    machine.wait_for("192.0.2.20/24", gone="192.0.2.10/24")
    timer.run_out()
    machine.wait_for("192.0.2.10/24", gone="192.0.2.20/24")

# SPDX-License-Identifier: Apache-2.0
"""The appliance's units and settings, judged by the programs that will read them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.exposure import assert_exposed_at_most, needs_systemd

TREE = Path(__file__).parents[2] / "systemd" / "appliance"
UNITS = TREE / "usr" / "lib" / "systemd" / "system"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
# The health gate asks the panel on loopback.
LOOPBACK = "atre-health-gate.service"
NO_NETWORK = sorted(set(SERVICES) - {"atre.service", LOOPBACK})

needs_nft = pytest.mark.skipif(not shutil.which("nft"), reason="nftables is not installed")


def _units() -> list[Path]:
    """Units of ours, not the folders of what is added to Debian's."""
    return [path for path in UNITS.iterdir() if path.is_file()]


def _settings(name: str) -> list[tuple[str, str]]:
    lines = (UNITS / name).read_text().splitlines()
    return [(key, value) for key, _, value in (line.partition("=") for line in lines) if value]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units, with instances for the templates, and a program that is here for each other."""
    folder = tmp_path_factory.mktemp("units")
    for unit in _units():
        text = re.sub(r"/opt/atre/\.venv/bin/\w+", "/bin/true", unit.read_text())
        (folder / unit.name).write_text(text)
        if "@." in unit.name:
            (folder / unit.name.replace("@.", "@tty1.")).write_text(text)
    return folder


@needs_systemd
def test_systemd_understands_every_line_of_the_units(copies: Path) -> None:
    units = [path for path in copies.iterdir() if "@." not in path.name]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{copies}:"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "atre" in line]
    assert not complaints
    assert done.returncode == 0


def test_whatever_can_be_enabled_is() -> None:
    preset = (TREE / "usr/lib/systemd/system-preset/60-atre.preset").read_text()
    enabled = set(re.findall(r"^enable ((?:atre|efi)\S*)", preset, re.MULTILINE))
    installed = {unit.name for unit in _units() if "[Install]" in unit.read_text()}
    assert enabled == installed | {"atre-rapl.service"}, "which is in the folder above"


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_few_rights(copies: Path, name: str) -> None:
    assert_exposed_at_most(copies / name.replace("@.", "@tty1."), 20)


@pytest.mark.parametrize("name", NO_NETWORK)
def test_only_the_box_itself_sees_the_network(name: str) -> None:
    settings = _settings(name)
    assert ("PrivateNetwork", "yes") in settings
    assert [value for key, value in settings if key == "RestrictAddressFamilies"] == ["AF_UNIX"]


def test_a_refused_system_call_ends_no_service() -> None:
    """Libraries ask for more than they need; killed for it, the health gate had the box go back."""
    ours = [*UNITS.glob("*.service"), *TREE.parent.glob("*.service")]
    filtered = [path for path in ours if "\nSystemCallFilter=" in path.read_text("utf-8")]
    assert len(filtered) > 10
    killing = [
        p.name for p in filtered if "\nSystemCallErrorNumber=EPERM\n" not in p.read_text("utf-8")
    ]
    assert killing == []


def test_the_health_gate_sees_loopback_alone() -> None:
    settings = _settings(LOOPBACK)
    assert {("IPAddressAllow", "localhost"), ("IPAddressDeny", "any")} <= set(settings)
    assert ("RestrictAddressFamilies", "AF_UNIX AF_INET") in settings


def test_the_engine_sees_models_and_sockets_and_nothing_else_of_the_data() -> None:
    settings = _settings("atre-engine@.service")
    assert ("TemporaryFileSystem", "/var/lib/atre:ro") in settings
    shown = {value for key, value in settings if key.startswith("Bind")}
    assert shown == {"-/var/lib/atre/models", "-/var/lib/atre/run"}


def test_no_service_of_the_box_has_a_right_beyond_its_user() -> None:
    with_rights = {
        name
        for name in SERVICES
        if ("CapabilityBoundingSet", "") not in _pairs(name) or "User" not in dict(_pairs(name))
    }
    rights = {name: dict(_settings(name))["CapabilityBoundingSet"] for name in with_rights}
    assert rights == {
        "atre-stick@.service": "CAP_SYS_ADMIN CAP_DAC_READ_SEARCH",  # mounts a stick, and reads it
        "atre-stick-write.service": "CAP_SYS_ADMIN",  # mounts one to put a report onto it
        "atre-seal.service": "CAP_DAC_OVERRIDE",  # clears what other programs kept
        "atre-disks.service": "CAP_SYS_ADMIN CAP_SYS_RAWIO",  # asks disks how they are
    }


def _pairs(name: str) -> list[tuple[str, str]]:
    lines = (UNITS / name).read_text().splitlines()
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine's root with the box's user and places, as systemd makes them."""
    (tmp_path / "etc").mkdir()
    users, places = (TREE / f"usr/lib/{kind}.d/atre.conf" for kind in ("sysusers", "tmpfiles"))
    for argv in (
        ["systemd-sysusers", f"--root={tmp_path}", str(users)],
        ["systemd-tmpfiles", f"--root={tmp_path}", "--create", str(places)],
    ):
        done = subprocess.run(list(map(str, argv)), check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return tmp_path


needs_root_and_systemd = pytest.mark.skipif(
    not shutil.which("systemd-tmpfiles") or os.geteuid() != 0, reason="needs systemd and root"
)


@needs_root_and_systemd
def test_the_user_has_no_shell_and_no_password(root: Path) -> None:
    users = (root / "etc/passwd").read_text().splitlines()
    atre = next(line for line in users if line.startswith("atre:")).split(":")
    assert atre[5:] == ["/var/lib/atre", "/usr/sbin/nologin"]
    shadow = (root / "etc/shadow").read_text().splitlines()
    assert next(line for line in shadow if line.startswith("atre:")).split(":")[1] == "!*"
    groups = (root / "etc/group").read_text()
    assert re.search(r"^render:.*:atre$", groups, re.MULTILINE)


@needs_root_and_systemd
def test_the_box_may_write_one_file_of_networkd(root: Path) -> None:
    box = (root / "var/lib/atre").stat()
    assert box.st_mode & 0o777 == 0o700
    folder = root / "run/systemd/network"
    assert folder.stat().st_uid == 0
    assert [path.name for path in folder.iterdir()] == ["50-atre-office.network"]
    assert (folder / "50-atre-office.network").stat().st_uid == box.st_uid != 0
    for name in ("atre.service", "atre-network.service", "atre-provision.service"):
        places = [value for key, value in _settings(name) if key == "ReadWritePaths"]
        assert any("-/run/systemd/network/50-atre-office.network" in each for each in places)


def test_the_machine_starts_anew_when_it_hangs() -> None:
    manager = (TREE / "usr/lib/systemd/system.conf.d/atre-watchdog.conf").read_text()
    assert re.search(r"^RuntimeWatchdogSec=30s$", manager, re.MULTILINE)
    assert re.search(r"^RebootWatchdogSec=5min$", manager, re.MULTILINE)
    assert re.search(r"^CrashAction=reboot$", manager, re.MULTILINE)
    assert re.search(
        r"^kernel\.panic = 10$", (TREE / "usr/lib/sysctl.d/60-atre.conf").read_text(), re.MULTILINE
    )


@pytest.mark.parametrize(("chronyc", "is_set"), [("true", True), ("false", False)])
def test_the_clock_counts_as_set_once_chrony_says_so(
    tmp_path: Path, chronyc: str, *, is_set: bool
) -> None:
    mark = tmp_path / "synchronized"
    command = dict(_settings("atre-clock.service"))["ExecStart"]
    for there, here in (
        ("/usr/bin/chronyc", chronyc),
        ("/run/systemd/timesync/synchronized", str(mark)),
    ):
        assert there in command
        command = command.replace(there, here)
    done = subprocess.run(shlex.split(command), check=False)
    assert (mark.exists(), done.returncode == 0) == (is_set, is_set)


def test_the_ports_of_the_box_need_no_right() -> None:
    sysctl = (TREE / "usr/lib/sysctl.d/60-atre.conf").read_text()
    lowest = re.search(r"ip_unprivileged_port_start = (\d+)", sysctl)
    ports = re.findall(r"-port (\d+)", dict(_settings("atre.service"))["ExecStart"])
    assert lowest
    assert sorted(map(int, ports)) == [80, 443]
    assert int(lowest[1]) <= min(map(int, ports))


@needs_nft
@pytest.mark.skipif(os.geteuid() != 0, reason="nft needs root")
def test_nft_understands_the_rules() -> None:
    done = subprocess.run(
        ["nft", "-c", "-f", TREE / "etc/nftables.conf"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_rules_stay_until_the_machine_is_off() -> None:
    # Empty: none of the commands in Debian's own unit (systemd.service(5), "ExecStop=").
    assert ("ExecStop", "") in _pairs("nftables.service.d/atre.conf")


class _House:
    """Two namespaces joined by a cable: the box behind its rules, and a PC of the office."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self._pc = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])

    def on(self, who: str, *argv: str) -> subprocess.CompletedProcess[str]:
        pid = {"box": self._holder, "pc": self._pc}[who].pid
        return subprocess.run(
            ["nsenter", f"--net=/proc/{pid}/ns/net", *argv],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def build(self) -> None:
        own = Path("/proc/self/ns/net").readlink()
        for holder in (self._holder, self._pc):
            while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
                assert holder.poll() is None
        cable = ("lan", "type", "veth", "peer", "name", "lan", "netns", str(self._pc.pid))
        self.on("box", "ip", "link", "add", *cable)
        for who, address in (("box", "10.9.0.1/24"), ("pc", "10.9.0.2/24")):
            self.on(who, "ip", "address", "add", address, "dev", "lan")
            self.on(who, "ip", "link", "set", "lan", "up")
            self.on(who, "ip", "link", "set", "lo", "up")
        loaded = self.on("box", "nft", "-f", str(TREE / "etc/nftables.conf"))
        assert loaded.returncode == 0, loaded.stderr
        again = self.on("box", "nft", "-f", str(TREE / "etc/nftables.conf"))
        assert again.returncode == 0, "it replaces itself"

    def close(self) -> None:
        for holder in (self._holder, self._pc):
            holder.kill()
            holder.wait()


# Listens on every port on the box, TCP and UDP, and says of each UDP datagram where it came to.
_LISTEN = """
import select, socket, sys
tcp, udp = [int(p) for p in sys.argv[1].split(",")], [int(p) for p in sys.argv[2].split(",")]
sockets = {}
for port in tcp:
    s = socket.create_server(("0.0.0.0", port))
    sockets[s.fileno()] = s
for port in udp:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    sockets[s.fileno()] = s
print("ready", flush=True)
while True:
    for s in select.select(list(sockets.values()), [], [])[0]:
        if s.type == socket.SOCK_STREAM:
            s.accept()[0].close()
        else:
            data, peer = s.recvfrom(100)
            print("udp", s.getsockname()[1], data.decode(), flush=True)
"""
# Says which TCP ports open; sends to each UDP port, and then to one that surely arrives.
_KNOCK = """
import socket, sys
tcp, udp = [int(p) for p in sys.argv[1].split(",")], [int(p) for p in sys.argv[2].split(",")]
def opens(port):
    try:
        socket.create_connection(("10.9.0.1", port), timeout=0.3).close()
        return True
    except OSError:
        return False
print(*[port for port in tcp if opens(port)])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", int(sys.argv[3])))
for port in udp:
    s.sendto(b"x", ("10.9.0.1", port))
s.sendto(b"last", ("10.9.0.1", 5353))
"""
_TCP, _UDP = "22,80,443,5353,5355,8443,8765", "53,68,123,161,5353,5355"


@pytest.fixture
def house() -> Iterator[_House]:
    made = _House()
    made.build()
    yield made
    made.close()


@needs_nft
@pytest.mark.namespaces
@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_a_pc_of_the_office_reaches_the_panel_the_name_and_nothing_else(house: _House) -> None:
    namespace = f"--net=/proc/{house._holder.pid}/ns/net"
    listener = subprocess.Popen(
        ["nsenter", namespace, sys.executable, "-c", _LISTEN, _TCP, _UDP],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert listener.stdout
    try:
        assert listener.stdout.readline() == "ready\n"
        knocked = house.on("pc", sys.executable, "-c", _KNOCK, _TCP, _UDP, "4000")
        assert knocked.stdout.split() == ["80", "443"]
        arrived = [listener.stdout.readline().split() for _ in range(2)]
        assert arrived == [["udp", "5353", "x"], ["udp", "5353", "last"]]
        # A DHCP server speaks from its own port.
        house.on("pc", sys.executable, "-c", _KNOCK, "80", "68", "67")
        arrived = [listener.stdout.readline().split() for _ in range(2)]
        assert arrived == [["udp", "68", "x"], ["udp", "5353", "last"]]
    finally:
        listener.kill()
        listener.wait()
        listener.stdout.close()
    assert house.on("pc", "ping", "-c1", "-W2", "10.9.0.1").returncode in {0, 127}

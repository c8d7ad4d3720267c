# SPDX-License-Identifier: Apache-2.0
import ipaddress
from pathlib import Path

import psutil
import pytest

from atre.discovery.interfaces import (
    LanInterface,
    Link,
    _unfit_ipv6,
    advertised_addresses,
    lan_interfaces,
    lan_links,
    read_link,
)

UP_MULTICAST = 0x1003  # IFF_UP | IFF_BROADCAST | IFF_MULTICAST


class Sysfs:
    """A /sys/class/net made of files, as the kernel lays it out."""

    def __init__(self, root: Path) -> None:
        self.net = root / "sys/class/net"
        self.net.mkdir(parents=True)

    def add(
        self,
        name: str,
        *parts: str,
        flags: int = UP_MULTICAST,
        link_type: int = 1,
        lower: str | None = None,
    ) -> Path:
        path = self.net / name
        path.mkdir()
        (path / "flags").write_text(f"{flags:#x}\n")
        (path / "type").write_text(f"{link_type}\n")
        for part in parts:
            (path / part).mkdir()
        if lower is not None:
            (path / f"lower_{lower}").symlink_to(f"../{lower}")
        return path

    def lan(self) -> set[str]:
        return lan_links([read_link(path) for path in self.net.iterdir()])


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def test_a_laptop_with_containers_and_a_vpn(sysfs: Sysfs) -> None:
    sysfs.add("lo", flags=0x9, link_type=772)
    sysfs.add("eth0", "device")
    sysfs.add("wlan0", "device", "wireless")
    sysfs.add("docker0", "bridge")
    sysfs.add("veth12", "brport")
    sysfs.add("virbr0", "bridge")
    sysfs.add("vboxnet0")
    sysfs.add("tun0", "tun_flags", flags=0x1091, link_type=65534)
    sysfs.add("zt0", "tun_flags")
    sysfs.add("wg0", flags=0x1091, link_type=65534)
    assert sysfs.lan() == {"eth0", "wlan0"}


def test_a_server_whose_card_is_in_a_bridge(sysfs: Sysfs) -> None:
    sysfs.add("eth0", "device", "brport")
    sysfs.add("vnet1", "brport", "tun_flags")
    sysfs.add("br0", "bridge", lower="eth0")
    assert sysfs.lan() == {"br0"}


def test_a_vlan_over_a_bond(sysfs: Sysfs) -> None:
    sysfs.add("eth0", "device", flags=0x1803)
    sysfs.add("bond0", lower="eth0")
    sysfs.add("bond0.10", lower="bond0")
    assert "bond0.10" in sysfs.lan()


def test_a_container_has_its_own_uplink(sysfs: Sysfs) -> None:
    sysfs.add("lo", flags=0x9, link_type=772)
    sysfs.add("eth0")
    assert sysfs.lan() == {"eth0"}


def test_a_bridge_of_containers_is_no_uplink(sysfs: Sysfs) -> None:
    sysfs.add("docker0", "bridge")
    sysfs.add("veth12", "brport")
    assert sysfs.lan() == set()


def test_a_card_that_is_down_leaves_no_lan(sysfs: Sysfs) -> None:
    sysfs.add("eth0", "device", flags=0x1002)
    sysfs.add("vboxnet0")
    assert sysfs.lan() == set()


@pytest.mark.parametrize("flags", [0x3, 0x1013, 0x100B])
def test_no_multicast_or_point_to_point_or_loopback(sysfs: Sysfs, flags: int) -> None:
    assert not read_link(sysfs.add("eth0", "device", flags=flags)).usable


def test_an_interface_that_vanishes_is_not_usable(tmp_path: Path) -> None:
    assert read_link(tmp_path / "gone") == Link(name="gone", usable=False, on_hardware=False)


def test_interfaces_without_an_address_are_left_out(sysfs: Sysfs, tmp_path: Path) -> None:
    sysfs.add("absent0", "device")
    assert lan_interfaces(tmp_path) == ()


def test_addresses_come_with_their_network(sysfs: Sysfs, tmp_path: Path) -> None:
    # Any interface of this machine that has an address will do; loopback always has.
    name = next(name for name, found in psutil.net_if_addrs().items() if found[0].netmask)
    sysfs.add(name, "device")
    (interface,) = lan_interfaces(tmp_path)
    assert interface.name == name
    assert interface.index > 0
    assert all(address.network.prefixlen > 0 for address in interface.addresses)


def lan_interface(*addresses: str) -> LanInterface:
    return LanInterface(
        name="eth0", index=2, addresses=tuple(ipaddress.ip_interface(a) for a in addresses)
    )


def test_ipv4_is_advertised_first_and_link_local_ipv6_not() -> None:
    interface = lan_interface("fe80::1/64", "fd00::2/64", "192.168.1.2/24")
    assert advertised_addresses([interface]) == ("192.168.1.2", "fd00::2")


def test_link_local_ipv6_is_advertised_where_there_is_nothing_else() -> None:
    assert advertised_addresses([lan_interface("fe80::1/64")]) == ("fe80::1",)


def test_an_address_on_two_interfaces_is_advertised_once() -> None:
    one = lan_interface("192.168.1.2/24")
    assert advertised_addresses([one, one]) == ("192.168.1.2",)


def test_ipv6_addresses_about_to_change_are_known(tmp_path: Path) -> None:
    table = tmp_path / "proc/thread-self/net/if_inet6"
    table.parent.mkdir(parents=True)
    rows = {"1": "80", "2": "c0", "3": "a0", "4": "01", "5": "88"}  # the last four are unfit
    table.write_text("".join(f"fd{'0' * 29}{n} 02 40 00 {f}  eth0\n" for n, f in rows.items()))
    assert _unfit_ipv6(tmp_path) == {ipaddress.IPv6Address(f"fd00::{n}") for n in "2345"}

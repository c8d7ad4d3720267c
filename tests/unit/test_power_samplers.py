# SPDX-License-Identifier: Apache-2.0
"""Cards, batteries and Apple chips: good files, missing ones, and what cannot be true."""

import ctypes
import errno
import plistlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atre.hardware.tree import Tree
from atre.power.machine_power import chosen
from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers.apple import AppleChip, combined_power_w
from atre.power.samplers.battery import Battery
from atre.power.samplers.child_parts import ChildParts
from atre.power.samplers.found import found_samplers
from atre.power.samplers.hwmon import HwmonCards
from atre.power.samplers.nvml import NvidiaCards
from atre.power.samplers.nvml_energy import CardEnergy, NvmlEnergy, read_energy
from atre.power.samplers.plug import Plug, PlugKind, PlugSettings
from atre.power.samplers.rapl import RaplFiles
from atre.power.samplers.rapl_socket import RaplSocket

CARD, APU = "0000:03:00.0", "0000:c4:00.0"
BAD_NUMBERS = ["", "N/A", "garbage", "-5", "0", str(10**13), "1e6", "\x00"]


def never_slept() -> float:
    return 0.0


def write(root: Path, directory: str, files: dict[str, object]) -> None:
    folder = root / directory
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n")


def write_hwmon(root: Path, address: str, files: dict[str, object], number: int = 0) -> None:
    write(root, f"sys/class/hwmon/hwmon{number}", files)
    link = root / f"sys/class/hwmon/hwmon{number}/device"
    if not link.is_symlink():
        link.symlink_to(f"../../../{address}")


def cards(root: Path) -> HwmonCards:
    return HwmonCards(Tree(root), never_slept)


@pytest.mark.parametrize("file", ["power1_average", "power1_input"])
def test_amdgpu_tells_its_power(tmp_path: Path, file: str) -> None:
    write_hwmon(tmp_path, CARD, {"name": "amdgpu", file: 41_000_000})
    write_hwmon(tmp_path, "nvme0", {"name": "nvme", "power1_input": 5_000_000}, number=1)

    (reading,) = cards(tmp_path).read(1.0)

    assert (reading.source, reading.power_w) == (f"hwmon:amdgpu:{CARD}", 41.0)
    assert (reading.scope, reading.basis) == (Scope.CARD, Basis.SENSOR)


def test_an_integrated_gpu_tells_of_the_package_and_is_not_added_to_it(tmp_path: Path) -> None:
    pci = {"vendor": "0x1002", "device": "0x150e", "class": "0x038000"}
    write(tmp_path, f"sys/bus/pci/devices/{APU}", dict(pci))
    write_hwmon(tmp_path, APU, {"name": "amdgpu", "power1_average": 15_000_000})
    (apu,) = cards(tmp_path).read(1.0)
    rapl = Reading(
        source="rapl:package-0", scope=Scope.PACKAGE, basis=Basis.COUNTER, at_s=1.0, power_w=14.0
    )

    assert apu.scope is Scope.PACKAGE
    assert chosen([apu, rapl]) == [rapl]


@pytest.mark.parametrize("content", BAD_NUMBERS)
def test_a_sensor_s_garbage_is_no_figure(tmp_path: Path, content: str) -> None:
    write_hwmon(tmp_path, CARD, {"name": "amdgpu", "power1_average": content})
    (reading,) = cards(tmp_path).read(1.0)
    assert reading.power_w is None
    assert reading.reason is not None


def test_a_sensor_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    write_hwmon(tmp_path, CARD, {"name": "amdgpu", "power1_average": 1})
    path = "sys/class/hwmon/hwmon0/power1_average"
    for code, said in ((errno.EACCES, "may not be read"), (errno.EBUSY, "sleeps")):
        (reading,) = HwmonCards(Tree(tmp_path, {path: code})).read(1.0)
        assert reading.reason is not None
        assert said in reading.reason.text


def test_xe_counts_the_card_and_not_its_package_too(tmp_path: Path) -> None:
    sampler = cards(tmp_path)
    for at_s, card_uj, package_uj in ((1.0, 5, 5), (2.0, 60_000_005, 40_000_005)):
        write_hwmon(
            tmp_path,
            CARD,
            {
                "name": "xe",
                "energy1_input": package_uj,
                "energy1_label": "pkg",
                "energy2_input": card_uj,
                "energy2_label": "card",
            },
        )
        (reading,) = sampler.read(at_s)
    assert (reading.power_w, reading.basis) == (60.0, Basis.COUNTER)


def test_i915_without_labels_and_its_counter_s_garbage(tmp_path: Path) -> None:
    sampler = cards(tmp_path)
    said = []
    for at_s, count in enumerate([0, 30_000_000, "N/A", 5, 10_000_005, 3]):
        write_hwmon(tmp_path, CARD, {"name": "i915", "energy1_input": count})
        said.append(sampler.read(float(at_s))[0])
    assert [reading.power_w for reading in said] == [None, 30.0, None, None, 10.0, None]
    assert all((r.reason is None) == (r.power_w is not None) for r in said)


def test_a_driver_without_figures_gives_none(tmp_path: Path) -> None:
    write_hwmon(tmp_path, CARD, {"name": "i915", "temp1_input": 40})
    assert cards(tmp_path).read(1.0) == []


BATTERY: dict[str, object] = {"type": "Battery", "status": "Discharging", "power_now": 6_100_000}


@pytest.mark.parametrize(
    ("changes", "charger", "expected_w"),
    [
        ({}, "0", 6.1),
        ({"power_now": -6_100_000}, "0", 6.1),
        ({"power_now": "", "current_now": 500_000, "voltage_now": 12_000_000}, "0", 6.0),
        ({"power_now": 0, "current_now": -500_000, "voltage_now": 12_000_000}, "0", 6.0),
        ({"status": "Charging"}, "1", None),
        ({"status": "Full"}, "1", None),
        ({}, "1", None),  # a weak charger helps
        ({"power_now": "N/A"}, "0", None),
        ({"power_now": "garbage"}, "0", None),
        ({"power_now": 0}, "0", None),
        ({"power_now": 10**13}, "0", None),
        ({"power_now": 10**40}, "0", None),
        ({"power_now": 0, "current_now": 500_000}, "0", None),
    ],
)
def test_a_battery_tells_the_machine_only_while_it_feeds_it_alone(
    tmp_path: Path, changes: dict[str, object], charger: str, expected_w: float | None
) -> None:
    write(tmp_path, "sys/class/power_supply/BAT0", BATTERY | changes)
    write(tmp_path, "sys/class/power_supply/AC", {"type": "Mains", "online": charger})
    mouse = BATTERY | {"scope": "Device"}
    write(tmp_path, "sys/class/power_supply/hidpp_battery_0", mouse)

    (reading,) = Battery(Tree(tmp_path)).read(1.0)

    assert reading.power_w == (None if expected_w is None else pytest.approx(expected_w))
    assert (reading.reason is None) is (expected_w is not None)
    assert reading.scope is Scope.PLATFORM


def test_two_batteries_feed_one_machine_and_a_desktop_has_none(tmp_path: Path) -> None:
    assert Battery(Tree(tmp_path)).read(1.0) == []
    write(tmp_path, "sys/class/power_supply/BAT0", BATTERY)
    write(tmp_path, "sys/class/power_supply/BAT1", BATTERY | {"status": "Not charging"})
    assert Battery(Tree(tmp_path)).read(1.0)[0].power_w == 6.1
    write(tmp_path, "sys/class/power_supply/BAT1", BATTERY)
    assert Battery(Tree(tmp_path)).read(1.0)[0].power_w == pytest.approx(12.2)


class _Nvml:
    """NVIDIA's library with the calls and the error codes of nvml.h."""

    def __init__(self, energies: Sequence[int | None], power: int | None, error: int = 3) -> None:
        self._energies, self._power, self._error = energies, power, error

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self._energies)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, handle: Any) -> int:  # noqa: N802
        handle._obj.value = index + 1
        return 0

    def nvmlDeviceGetUUID(self, handle: Any, text: Any, length: Any) -> int:  # noqa: N802
        assert length.value == len(text)
        text.value = f"GPU-{handle.value}".encode()
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, energy: Any) -> int:  # noqa: N802
        told = self._energies[handle.value - 1]
        if told is None:
            return self._error
        assert isinstance(energy._obj, ctypes.c_ulonglong)
        energy._obj.value = told
        return 0

    def nvmlDeviceGetPowerUsage(self, _handle: Any, power: Any) -> int:  # noqa: N802
        if self._power is None:
            return self._error
        power._obj.value = self._power
        return 0


class _Printed:
    """What a child printed, one part a read."""

    def __init__(self, *parts: bytes | None) -> None:
        self._parts = list(parts)
        self.is_closed = False

    def take(self) -> bytes | None:
        return self._parts.pop(0) if self._parts else None

    def close(self) -> None:
        self.is_closed = True


def test_nvml_s_counter_and_for_older_cards_its_power() -> None:
    told = read_energy(_Nvml([2**40, None], 55_000))
    assert told.cards == (
        CardEnergy(uuid="GPU-1", energy_mj=2**40),
        CardEnergy(uuid="GPU-2", power_mw=55_000),
    )
    assert read_energy(_Nvml([None], None, error=3)).cards[0].error == 3


def _line(at_s: float, *cards: CardEnergy) -> bytes:
    return msgspec.json.encode(NvmlEnergy(at_s, cards))


def test_an_nvidia_card_s_energy_is_counted() -> None:
    printed = _Printed(
        _line(0.9, CardEnergy(uuid="GPU-1", energy_mj=7_000)),
        None,
        _line(1.9, CardEnergy(uuid="GPU-1", energy_mj=97_000)),
    )
    sampler = NvidiaCards(printed, never_slept)
    first, held, counted = (sampler.read(at_s)[0] for at_s in (1.0, 1.5, 2.0))

    assert held == first
    assert (counted.source, counted.at_s) == ("nvml:GPU-1", 1.9)
    assert (counted.power_w, counted.energy_j) == (pytest.approx(90.0), 90.0)
    assert (counted.scope, counted.basis) == (Scope.CARD, Basis.COUNTER)
    sampler.close()
    assert printed.is_closed


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (CardEnergy(uuid="GPU-1", error=3), "does not tell"),  # NOT_SUPPORTED
        (CardEnergy(uuid="GPU-1", error=4), "refuses"),  # NO_PERMISSION
        (CardEnergy(uuid="GPU-1", error=15), "does not tell"),  # GPU_IS_LOST
        (CardEnergy(uuid="GPU-1", power_mw=0), "does not tell"),
        (CardEnergy(uuid="GPU-1", power_mw=10**10), "does not tell"),
    ],
)
def test_an_nvidia_card_that_tells_nothing_says_why(card: CardEnergy, said: str) -> None:
    (reading,) = NvidiaCards(_Printed(_line(1.0, card)), never_slept).read(1.0)
    assert reading.power_w is None
    assert reading.reason is not None
    assert said in reading.reason.text


@pytest.mark.parametrize("line", [b"\xff", b"[]", b'{"at_s": "x"}', b'{"at_s":1e300}', None])
def test_a_library_s_garbage_is_no_figure(line: bytes | None) -> None:
    good = _line(1.0, CardEnergy(uuid="GPU-1", power_mw=30_000))
    sampler = NvidiaCards(_Printed(good, line), never_slept)
    assert sampler.read(1.0)[0].power_w == 30.0
    sampler.read(2.0)
    (late,) = sampler.read(12.5)
    assert late.power_w is None
    assert late.reason is not None
    assert "does not answer" in late.reason.text


def _plist(processor: object) -> bytes:
    return plistlib.dumps({"elapsed_ns": 10**9, "processor": processor}) + b"\n"


@pytest.mark.parametrize(
    ("part", "expected_w"),
    [
        (_plist({"cpu_power": 5000.0, "gpu_power": 7000.0, "combined_power": 12_500.5}), 12.5005),
        (_plist({"combined_power": 9000}), 9.0),
        (b"\n" + _plist({"combined_power": 9000}), 9.0),
        (_plist({"combined_power": 0}), None),
        (_plist({"combined_power": -3.0}), None),
        (_plist({"combined_power": 1e10}), None),
        (_plist({"combined_power": "9 W"}), None),
        (_plist({"combined_power": True}), None),
        (_plist({"cpu_power": 5.0}), None),
        (_plist([1]), None),
        (plistlib.dumps([1]), None),
        (b"garbage", None),
        (b"<?xml version='1.0'?><plist><dict>", None),
        (b"<?xml version='1.0'?><plist><dict><key>processor</key></dict></plist>", None),
        (b"<plist><integer>x</integer></plist>", None),
        (b"\xff\xfe", None),
    ],
)
def test_powermetrics_tells_the_chip(part: bytes, expected_w: float | None) -> None:
    assert combined_power_w(part) == expected_w
    (reading,) = AppleChip(_Printed(part)).read(1.0)
    assert reading.power_w == expected_w
    assert (reading.reason is None) is (expected_w is not None)
    assert (reading.scope, reading.basis) == (Scope.PACKAGE, Basis.ESTIMATE)


def test_without_root_macos_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 501)
    (reading,) = AppleChip().read(1.0)
    assert reading.reason is not None
    assert "root" in reading.reason.text


def _taken(parts: ChildParts) -> bytes:
    while (part := parts.take()) is None:
        pass
    return part


def test_a_child_s_parts_come_whole_and_its_end_is_told() -> None:
    code = "import sys; sys.stdout.write('one;tw'); sys.stdout.flush(); input()"
    parts = ChildParts((sys.executable, "-c", code), b";")
    try:
        assert _taken(parts) in {b"one", b""}  # standard input is empty: it ends at once
    finally:
        parts.close()
    missing = ChildParts(("/nonexistent/powermetrics",), b";")
    assert _taken(missing) == b""
    missing.close()


def test_what_a_machine_has_is_found(tmp_path: Path) -> None:
    write(tmp_path, "sys/class/powercap/intel-rapl:0", {"name": "package-0", "energy_uj": 5})
    plug = PlugSettings(kind=PlugKind.SHELLY, host="192.0.2.7")
    found = found_samplers(tmp_path, [plug], tmp_path / "none")
    try:
        assert [type(sampler) for sampler in found] == [Plug, RaplFiles, HwmonCards, Battery]
        readings = [reading for sampler in found for reading in sampler.read(1.0)]
        assert [reading.source for reading in readings] == [
            "plug:shelly:192.0.2.7",
            "rapl:package-0",
        ]
    finally:
        for sampler in found:
            sampler.close()
    (tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj").unlink()
    assert isinstance(found_samplers(tmp_path)[0], RaplSocket)

# SPDX-License-Identifier: Apache-2.0
import shutil
from pathlib import Path

import pytest

from atre.hardware.detect import detect
from atre.hardware.machine import Access, SocDevice
from atre.hardware.remedies import words
from atre.hardware.soc import read_soc
from atre.hardware.tree import Tree
from atre.hardware.usage import device_uses

_STRIX = Path(__file__).parents[1] / "machines" / "strix-halo-npu-unbound"
_PLATFORM = "sys/bus/platform/devices"


def write(root: Path, path: str, content: str = "") -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, "utf-8")


def test_a_raspberry_pi_has_a_gpu_on_no_bus(tmp_path: Path) -> None:
    uevent = "DRIVER=v3d\nOF_NAME=gpu\nOF_COMPATIBLE_0=brcm,2712-v3d\nOF_COMPATIBLE_N=1\n"
    write(tmp_path, f"{_PLATFORM}/1002000000.v3d/uevent", uevent)
    write(tmp_path, f"{_PLATFORM}/1002000000.v3d/drm/renderD128/dev", "226:128\n")
    write(tmp_path, f"{_PLATFORM}/reg-dummy/uevent", "DRIVER=reg-dummy\n")
    write(tmp_path, "dev/dri/renderD128")
    (device,) = read_soc(Tree(tmp_path))
    assert device == SocDevice(
        kind="gpu",
        address="1002000000.v3d",
        compatible=("brcm,2712-v3d",),
        driver="v3d",
        node="renderD128",
        access=Access.OPEN,
    )


@pytest.mark.parametrize(
    ("compatible", "kind"),
    [
        ("nvidia,ga10b", "gpu"),
        ("rockchip,rk3588-mali", "gpu"),
        ("arm,mali-valhall-csf", "gpu"),
        ("rockchip,rk3588-rknpu", "npu"),
        ("rockchip,rknpu", "npu"),
        ("rockchip,rk3588-rknn-core", "npu"),
        ("nvidia,tegra234-nvdla", "npu"),
    ],
)
def test_chips_are_known_by_what_the_device_tree_calls_them(
    tmp_path: Path, compatible: str, kind: str
) -> None:
    write(tmp_path, f"{_PLATFORM}/a/uevent", f"OF_COMPATIBLE_0={compatible}\n")
    write(tmp_path, f"{_PLATFORM}/b/uevent", "OF_COMPATIBLE_0=rockchip,rk3588-iommu\n")
    (device,) = read_soc(Tree(tmp_path))
    assert (device.address, device.kind, device.driver) == ("a", kind, None)


def test_a_device_file_that_is_not_there_is_told_from_one_that_nobody_recorded(
    tmp_path: Path,
) -> None:
    gpu = "sys/bus/pci/devices/0000:c1:00.0"
    for name, number in (("vendor", "0x1002"), ("device", "0x1586"), ("class", "0x038000")):
        write(tmp_path, f"{gpu}/{name}", f"{number}\n")
    write(tmp_path, f"{gpu}/drm/renderD128/dev")
    recorded = detect(tmp_path).gpus
    assert recorded is not None
    assert recorded[0].access is None
    (tmp_path / "dev").mkdir()
    seen = detect(tmp_path).gpus
    assert seen is not None
    assert seen[0].access is Access.MISSING


@pytest.mark.parametrize(
    "content", [b"", b"N/A", b"\xff\xfe\x00", b"-1", b"9" * 400, b"{}", b'{"a": 1e99}', b"=\n=="]
)
def test_garbage_in_a_recording_never_raises(tmp_path: Path, content: bytes) -> None:
    shutil.copytree(_STRIX, tmp_path / "tree", symlinks=True)
    names = (f"{_PLATFORM}/a/uevent", "devices.json", "nvml.json", "failures.json", "vm_stat.txt")
    for name in (*names, "sysctl.txt"):
        file = tmp_path / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        found = detect(tmp_path / "tree")
        words_of = [words(use) for use in device_uses(found, runs_on_gpu=True)]
        assert len(words_of) == len(found.gpus or ()) + len(found.npus or ()) + len(found.soc)


def test_a_recorded_mac_answers_like_its_programs(tmp_path: Path) -> None:
    write(
        tmp_path, "sysctl.txt", "hw.machine: arm64\nhw.model: Mac16,10\nhw.memsize: 17179869184\n"
    )
    write(tmp_path, "vm_stat.txt", "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n")
    found = detect(tmp_path)
    assert (found.os, found.memory.total_bytes) == ("macos", 16 * 2**30)
    assert [(device.kind, device.address) for device in found.soc] == [
        ("gpu", "apple-gpu"),
        ("npu", "apple-ane"),
    ]

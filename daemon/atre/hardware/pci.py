# SPDX-License-Identifier: Apache-2.0
"""GPUs and NPUs on the PCI bus, by numeric ids: pci.ids on a machine is often older than its chips.

Source: kernel Documentation/ABI/testing/sysfs-bus-pci and sysfs-driver-intel-xe, amdgpu docs.
"""

from typing import Literal

from atre.hardware.device_node import device_node, node_access
from atre.hardware.gfx import read_gfx
from atre.hardware.machine import IssueCode, PciDevice
from atre.hardware.tree import Tree

_DEVICES = "sys/bus/pci/devices"
_INTEL, _AMD, _NVIDIA = "8086", "1002", "10de"
# VGA controller, 3D controller, other display controller (AMD Phoenix and Strix are the last).
_GPU_CLASSES = frozenset({"0300", "0302", "0380"})
_ACCELERATOR_CLASS = "1200"
# AMD's NPUs share class 1180 with its sensor hub (1022:15e4) and Intel's telemetry (8086:7d0d), so
# that class counts by id only. Sources: kernel drivers/accel/ivpu/ivpu_drv.h
# and drivers/accel/amdxdna.
_NPU_IDS = frozenset(
    {"8086:7d1d", "8086:ad1d", "8086:643e", "8086:b03e", "8086:fd3e", "1022:1502", "1022:17f0"}
)
_AMD_INTEGRATED = frozenset({"15bf", "1900", "150e", "1586", "1114"})  # gfx1103, 1150, 1151, 1152
_NVIDIA_INTEGRATED = frozenset({"2e12"})  # GB10
# Every Intel processor has its GPU at device 2 of the root bus; a card sits behind a bridge.
_INTEL_GPU_ADDRESS = "0000:00:02.0"
# Firmware gives an AMD APU a little "own" memory and lets it take much more; a card, the opposite.
_APU_MAX_OWN_BYTES = 4 * 2**30
_APU_MIN_SHARED_BYTES = 8 * 2**30

_Kind = Literal["gpu", "npu"]


def read_pci(
    tree: Tree,
) -> tuple[tuple[PciDevice, ...] | None, tuple[PciDevice, ...] | None]:
    """GPUs and NPUs in bus order; None for both when the bus cannot be listed."""
    addresses = tree.names(_DEVICES)
    if addresses is None:
        return None, None
    found: dict[_Kind, list[PciDevice]] = {"gpu": [], "npu": []}
    for address in addresses:
        vendor_id = _identifier(tree, address, "vendor", 4)
        device_id = _identifier(tree, address, "device", 4)
        pci_class = _identifier(tree, address, "class", 6)
        if vendor_id is None or device_id is None:
            continue
        kind = _kind(f"{vendor_id}:{device_id}", pci_class[:4] if pci_class else None)
        if kind is not None:
            found[kind].append(_device(tree, address, vendor_id, device_id, pci_class, kind))
    return tuple(found["gpu"]), tuple(found["npu"])


def _identifier(tree: Tree, address: str, name: str, num_digits: int) -> str | None:
    path = f"{_DEVICES}/{address}/{name}"
    number = tree.integer(path, 16)
    if number is None:
        if not any(issue.source == path for issue in tree.issues):
            tree.report(IssueCode.VANISHED, path, "the device went away while it was read")
        return None
    if not 0 <= number < 16**num_digits:
        tree.report(IssueCode.MALFORMED, path, f"{number:#x} is out of range")
        return None
    return f"{number:0{num_digits}x}"


def _kind(pci_id: str, base_class: str | None) -> _Kind | None:
    if pci_id in _NPU_IDS or base_class == _ACCELERATOR_CLASS:
        return "npu"
    return "gpu" if base_class in _GPU_CLASSES else None


def _device(
    tree: Tree, address: str, vendor_id: str, device_id: str, pci_class: str | None, kind: _Kind
) -> PciDevice:
    directory = f"{_DEVICES}/{address}"
    memory_bytes = _memory_bytes(tree, directory, vendor_id)
    shared_bytes = _optional(tree, f"{directory}/mem_info_gtt_total")
    node = device_node(tree, directory)
    return PciDevice(
        address=address,
        vendor_id=vendor_id,
        device_id=device_id,
        pci_class=pci_class,
        gfx=read_gfx(tree, address, device_id) if (kind, vendor_id) == ("gpu", _AMD) else None,
        driver=tree.link_name(f"{directory}/driver"),
        integrated=_integrated(address, vendor_id, device_id, memory_bytes, shared_bytes)
        if kind == "gpu"
        else None,
        memory_bytes=memory_bytes,
        shared_bytes=shared_bytes,
        node=node,
        access=node_access(tree, node),
    )


def _memory_bytes(tree: Tree, directory: str, vendor_id: str) -> int | None:
    """Dedicated memory where the driver says so; NVIDIA's driver tells only its own library."""
    if vendor_id == _AMD:
        return _optional(tree, f"{directory}/mem_info_vram_total")
    if vendor_id != _INTEL:
        return None
    tiles = [name for name in tree.names(directory) or [] if name.startswith("tile")]
    sizes = [_optional(tree, f"{directory}/{tile}/physical_vram_size_bytes") for tile in tiles]
    return sum(size for size in sizes if size) or _local_memory_bytes(tree, directory)


def _local_memory_bytes(tree: Tree, directory: str) -> int | None:
    cards = [name for name in tree.names(f"{directory}/drm") or [] if name.startswith("card")]
    sizes = [_optional(tree, f"{directory}/drm/{card}/lmem_total_bytes") for card in cards]
    return next((size for size in sizes if size), None)


def _optional(tree: Tree, path: str) -> int | None:
    """A size that drivers write in decimal or as 0x…; 0 means that there is none."""
    return tree.integer(path, 0) or None


def _integrated(
    address: str,
    vendor_id: str,
    device_id: str,
    memory_bytes: int | None,
    shared_bytes: int | None,
) -> bool | None:
    if vendor_id == _INTEL:
        return address == _INTEL_GPU_ADDRESS
    if vendor_id == _NVIDIA:
        return device_id in _NVIDIA_INTEGRATED
    if vendor_id != _AMD:
        return None
    if device_id in _AMD_INTEGRATED:
        return True
    if memory_bytes is None or shared_bytes is None:
        return None
    return (
        memory_bytes <= _APU_MAX_OWN_BYTES
        and shared_bytes >= _APU_MIN_SHARED_BYTES
        and shared_bytes >= 4 * memory_bytes
    )

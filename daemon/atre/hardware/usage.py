# SPDX-License-Identifier: Apache-2.0
"""Which devices are used and why each other one is not: there is no silent fallback."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from atre.hardware.machine import DeviceType, GgmlDevice, Machine, PciDevice

_GPU_TYPES = (DeviceType.GPU, DeviceType.IGPU)


class UseCode(StrEnum):
    """Why a device computes or does not; each code has one remedy in each language."""

    USED = "used"
    NO_DRIVER = "no_driver"
    NO_BACKEND = "no_backend"
    NOT_CHOSEN = "not_chosen"
    NO_ANSWER = "no_answer"
    DEVICES_UNKNOWN = "devices_unknown"
    NPU_NO_DRIVER = "npu_no_driver"
    NPU_NO_BACKEND = "npu_no_backend"


class DeviceUse(msgspec.Struct, frozen=True):
    """One GPU or NPU of the machine, and what becomes of it."""

    device: PciDevice
    code: UseCode


def best_gpu(devices: Iterable[GgmlDevice] | None) -> GgmlDevice | None:
    """What llama.cpp would use: the largest card, an integrated GPU only without a card."""
    return max(
        (device for device in devices or () if device.type in _GPU_TYPES),
        key=lambda device: (device.type is DeviceType.GPU, device.memory_total_bytes or 0),
        default=None,
    )


def device_uses(machine: Machine, *, runs_on_gpu: bool) -> tuple[DeviceUse, ...]:
    """Every GPU, then every NPU, in bus order; ``runs_on_gpu`` if the plan puts layers on one."""
    return tuple(
        [DeviceUse(gpu, _gpu_code(machine, gpu, runs_on_gpu)) for gpu in machine.gpus or ()]
        + [DeviceUse(npu, _npu_code(npu)) for npu in machine.npus or ()]
    )


def _gpu_code(machine: Machine, gpu: PciDevice, runs_on_gpu: bool) -> UseCode:  # noqa: FBT001
    if machine.devices is None:
        return UseCode.DEVICES_UNKNOWN
    if not machine.devices:
        # A working llama.cpp has at least its CPU device.
        return UseCode.NO_ANSWER
    if not any(_is(device, gpu, machine) for device in machine.devices):
        return UseCode.NO_BACKEND if gpu.driver else UseCode.NO_DRIVER
    best = best_gpu(machine.devices)
    chosen = runs_on_gpu and best is not None and _is(best, gpu, machine)
    return UseCode.USED if chosen else UseCode.NOT_CHOSEN


def _is(device: GgmlDevice, gpu: PciDevice, machine: Machine) -> bool:
    """Joined by PCI address; a backend that tells none can only mean the only GPU there is."""
    if device.type not in _GPU_TYPES:
        return False
    if device.pci_address is not None:
        return device.pci_address.lower() == gpu.address
    return len(machine.gpus or ()) == 1


def _npu_code(npu: PciDevice) -> UseCode:
    return UseCode.NPU_NO_BACKEND if npu.driver else UseCode.NPU_NO_DRIVER

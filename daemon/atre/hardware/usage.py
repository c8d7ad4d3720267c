# SPDX-License-Identifier: Apache-2.0
"""Which devices are used and why each other one is not: there is no silent fallback."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from atre.hardware.backends import gpu_backends, npu_backends
from atre.hardware.machine import (
    Access,
    DeviceType,
    GgmlDevice,
    IssueCode,
    Machine,
    PciDevice,
    SocDevice,
)

# Screens of servers and virtual machines: ASPEED, Matrox, Cirrus, QEMU, virtio, QXL, VMware and
# Hyper-V.
_DISPLAY_VENDORS = frozenset({"1a03", "102b", "1013", "1234", "1af4", "1b36", "15ad", "1414"})
_RESERVING_DRIVERS = frozenset({"vfio-pci", "pci-stub"})
_NVIDIA, _NOUVEAU = "10de", "nouveau"
_NVML = "nvml"  # that library only tells memory: its failure explains nothing here


class UseCode(StrEnum):
    """Why a device computes or does not; ``remedies`` has the words for each, in two languages."""

    USED = "used"
    PROCESSOR_FASTER = "processor_faster"
    OTHER_DEVICE_FASTER = "other_device_faster"
    RACE_CRASHED = "race_crashed"
    RACE_TIMED_OUT = "race_timed_out"
    RACE_FAILED = "race_failed"
    OTHER_DEVICE_CHOSEN = "other_device_chosen"
    PROFILE_KEEPS_PROCESSOR = "profile_keeps_processor"
    DOES_NOT_FIT = "does_not_fit"
    SOFTWARE = "software"
    NO_DRIVER = "no_driver"
    NOUVEAU = "nouveau"
    RESERVED = "reserved"
    NODE_MISSING = "node_missing"
    NODE_FORBIDDEN = "node_forbidden"
    NO_BACKEND = "no_backend"
    BACKEND_BLIND = "backend_blind"
    DRIVER_CRASHED = "driver_crashed"
    DRIVER_HUNG = "driver_hung"
    NO_ANSWER = "no_answer"
    DEVICES_UNKNOWN = "devices_unknown"
    DISPLAY_ONLY = "display_only"
    NPU_NO_DRIVER = "npu_no_driver"
    NPU_NO_NODE = "npu_no_node"
    NPU_FORBIDDEN = "npu_forbidden"
    NPU_NO_BACKEND = "npu_no_backend"
    NPU_NOT_CHOSEN = "npu_not_chosen"


class NpuState(StrEnum):
    """PRESENT has a driver, but llama.cpp does not compute on it; USABLE has all that it takes."""

    DRIVER_MISSING = "driver_missing"
    PRESENT = "present"
    USABLE = "usable"


class DeviceUse(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU or NPU of the machine, or a program that poses as one, and what becomes of it.

    ``name`` is llama.cpp's name of it, None if it does not see it; ``backends`` are the parts of it
    that could compute on it; ``npu_state`` is None for a GPU.
    """

    device: PciDevice | SocDevice | GgmlDevice
    code: UseCode
    name: str | None = None
    backends: tuple[str, ...] = ()
    npu_state: NpuState | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan made of llama.cpp's devices.

    ``chosen`` is the name of the GPU that computes, None for the processor alone; ``refused`` says
    why of those that were measured or looked at, ``otherwise`` of all others.
    """

    chosen: str | None
    refused: Mapping[str, UseCode] = {}
    otherwise: UseCode = UseCode.OTHER_DEVICE_CHOSEN


def best_gpu(devices: Iterable[GgmlDevice] | None) -> GgmlDevice | None:
    """What llama.cpp would use: the largest card, an integrated GPU only without a card.

    A device in software is none: it is the processor, with more work to do.
    """
    return max(
        (device for device in devices or () if device.is_gpu and not device.is_software),
        key=lambda device: (device.type is DeviceType.GPU, device.memory_total_bytes or 0),
        default=None,
    )


def shares_main_memory(machine: Machine, device: GgmlDevice) -> bool:
    """Whether llama.cpp's device has no memory of its own, if either of both sides says so.

    llama.cpp has called such GPUs cards, and what both count would then be given out twice.
    """
    if device.type is DeviceType.IGPU or device.is_software or machine.os == "macos":
        return True
    gpus = [gpu for gpu in _gpus(machine) if _is(device, gpu, machine)]
    return any(not isinstance(gpu, PciDevice) or gpu.integrated for gpu in gpus)


def device_uses(
    machine: Machine, *, runs_on_gpu: bool, outcome: Outcome | None = None
) -> tuple[DeviceUse, ...]:
    """Every GPU, then every NPU, in bus order, then those on no bus, then those in software.

    Without an ``outcome``, it is llama.cpp's own choice if the plan puts layers on a GPU.
    """
    if outcome is None:
        best = best_gpu(machine.devices) if runs_on_gpu else None
        otherwise = UseCode.OTHER_DEVICE_CHOSEN if best else UseCode.PROFILE_KEEPS_PROCESSOR
        outcome = Outcome(chosen=best.name if best else None, otherwise=otherwise)
    return tuple(
        [_gpu_use(machine, gpu, outcome) for gpu in machine.gpus or ()]
        + [_npu_use(machine, npu) for npu in machine.npus or ()]
        + [
            _gpu_use(machine, device, outcome)
            if device.kind == "gpu"
            else _npu_use(machine, device)
            for device in machine.soc
        ]
        + [_software_use(device, outcome) for device in machine.devices or () if device.is_software]
    )


def _software_use(device: GgmlDevice, outcome: Outcome) -> DeviceUse:
    code = outcome.refused.get(device.name, UseCode.SOFTWARE)
    if device.name == outcome.chosen:
        code = UseCode.USED
    return DeviceUse(device=device, code=code, name=device.name)


def _gpu_use(machine: Machine, gpu: PciDevice | SocDevice, outcome: Outcome) -> DeviceUse:
    seen = next((device for device in machine.devices or () if _is(device, gpu, machine)), None)
    if seen is None:
        code = _unseen_code(machine, gpu)
    elif seen.name == outcome.chosen:
        code = UseCode.USED
    else:
        code = outcome.refused.get(seen.name, outcome.otherwise)
    name = seen.name if seen else None
    return DeviceUse(device=gpu, code=code, name=name, backends=gpu_backends(gpu))


def _is(device: GgmlDevice, gpu: PciDevice | SocDevice, machine: Machine) -> bool:
    """Whether llama.cpp's device is this GPU: joined by PCI address.

    A backend that tells none, or one that sysfs does not know, can only mean the only GPU there is.
    """
    if not device.is_gpu or device.is_software:
        return False
    address = (device.pci_address or "").lower()
    if address in {other.address for other in machine.gpus or ()}:
        return address == gpu.address
    return _gpus(machine) == [gpu]


def _gpus(machine: Machine) -> list[PciDevice | SocDevice]:
    on_bus: list[PciDevice | SocDevice] = [
        gpu for gpu in machine.gpus or () if gpu.vendor_id not in _DISPLAY_VENDORS
    ]
    return on_bus + [device for device in machine.soc if device.kind == "gpu"]


def _unseen_code(machine: Machine, gpu: PciDevice | SocDevice) -> UseCode:
    """Why llama.cpp does not see it: first what the machine shows, then what llama.cpp said."""
    if isinstance(gpu, PciDevice) and gpu.vendor_id in _DISPLAY_VENDORS:
        return UseCode.DISPLAY_ONLY
    if gpu.driver is None:
        return UseCode.NO_DRIVER
    if gpu.driver in _RESERVING_DRIVERS:
        return UseCode.RESERVED
    if machine.devices is None:
        return UseCode.DEVICES_UNKNOWN
    return _failure_code(machine, gpu) or _blind_code(machine, gpu)


def _failure_code(machine: Machine, gpu: PciDevice | SocDevice) -> UseCode | None:
    """Why llama.cpp gave no answer, or only one without a backend that could drive this GPU."""
    # A working llama.cpp has at least its processor device.
    if machine.devices and not set(gpu_backends(gpu)).intersection(machine.hidden_backends):
        return None
    codes = {issue.code for issue in machine.issues if _NVML not in issue.source}
    if IssueCode.CRASHED in codes:
        return UseCode.DRIVER_CRASHED
    return UseCode.DRIVER_HUNG if IssueCode.TIMED_OUT in codes else UseCode.NO_ANSWER


def _blind_code(machine: Machine, gpu: PciDevice | SocDevice) -> UseCode:
    """Why a working llama.cpp does not see it; without a list of backends, blame the build."""
    if not set(gpu_backends(gpu)).intersection(machine.backends or ()):
        return UseCode.NO_BACKEND
    if gpu.access is Access.FORBIDDEN:
        return UseCode.NODE_FORBIDDEN
    if gpu.access is Access.MISSING:
        return UseCode.NODE_MISSING
    if isinstance(gpu, PciDevice) and gpu.vendor_id == _NVIDIA and gpu.driver == _NOUVEAU:
        return UseCode.NOUVEAU
    return UseCode.BACKEND_BLIND


def _npu_use(machine: Machine, npu: PciDevice | SocDevice) -> DeviceUse:
    code = _npu_code(machine, npu)
    state = NpuState.PRESENT
    if code is UseCode.NPU_NO_DRIVER:
        state = NpuState.DRIVER_MISSING
    elif code is UseCode.NPU_NOT_CHOSEN:
        state = NpuState.USABLE
    return DeviceUse(device=npu, code=code, backends=npu_backends(npu), npu_state=state)


def _npu_code(machine: Machine, npu: PciDevice | SocDevice) -> UseCode:
    if npu.driver is None:
        return UseCode.NPU_NO_DRIVER
    backends = set(npu_backends(npu))
    if not backends.intersection(machine.backends or ()):
        return UseCode.NPU_NO_BACKEND
    if npu.node is None or npu.access is Access.MISSING:
        return UseCode.NPU_NO_NODE
    if npu.access is Access.FORBIDDEN:
        return UseCode.NPU_FORBIDDEN
    return UseCode.NPU_NOT_CHOSEN

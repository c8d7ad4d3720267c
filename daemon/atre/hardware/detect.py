# SPDX-License-Identifier: Apache-2.0
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec.structs import replace

from atre.hardware.cpu import read_cpu
from atre.hardware.devices import DeviceReport, ask_devices
from atre.hardware.dmi import read_product
from atre.hardware.machine import Machine
from atre.hardware.macos import read_macos
from atre.hardware.memory import read_memory
from atre.hardware.nvml import NvmlReport, ask_nvml
from atre.hardware.pci import read_pci
from atre.hardware.recording import Recording
from atre.hardware.soc import read_soc
from atre.hardware.system import read_kernel, read_os_version
from atre.hardware.tree import Tree

_NVIDIA, _NVIDIA_DRIVER = "10de", "nvidia"


def detect(
    root: Path = Path("/"),
    *,
    platform: str = sys.platform,
    devices: Callable[[], DeviceReport] = ask_devices,
    nvml: Callable[[], NvmlReport] = ask_nvml,
) -> Machine:
    """Everything that can be found out about the machine; whatever it meets, it never raises.

    With another ``root``, the machine recorded there (see ``recording``); its llama.cpp devices are
    unknown unless the recording holds them.
    """
    if root != Path("/"):
        return _read_recording(Recording(root))
    machine = read_macos() if platform == "darwin" else read_linux(Tree(root))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(nvml) if has_nvidia_driver(machine) else None
        machine = with_devices(machine, devices())
        return machine if asked is None else with_nvml(machine, asked.result())


def read_linux(tree: Tree) -> Machine:
    """What the files below the tree's root say."""
    gpus, npus = read_pci(tree)
    soc = read_soc(tree)
    return Machine(
        os="linux",
        os_version=read_os_version(tree),
        kernel=read_kernel(tree),
        cpu=read_cpu(tree),
        memory=read_memory(tree),
        gpus=gpus,
        npus=npus,
        soc=soc,
        product=read_product(tree),
        issues=tuple(dict.fromkeys(tree.issues)),
    )


def has_nvidia_driver(machine: Machine) -> bool:
    """Whether there is a card that only NVIDIA's library can tell the memory of."""
    return any(
        gpu.vendor_id == _NVIDIA and gpu.driver == _NVIDIA_DRIVER for gpu in machine.gpus or ()
    )


def with_devices(machine: Machine, report: DeviceReport) -> Machine:
    """The machine and what the installed llama.cpp can compute on there."""
    return replace(
        machine,
        devices=report.devices,
        cpu_features=report.cpu_features,
        backends=report.backends,
        hidden_backends=report.hidden_backends,
        issues=machine.issues + report.issues,
    )


def with_nvml(machine: Machine, report: NvmlReport) -> Machine:
    """The machine and the memory of its NVIDIA cards, joined by PCI address."""
    memory = {card.pci_address: card.memory_bytes for card in report.cards}
    return replace(
        machine,
        gpus=tuple(
            replace(gpu, memory_bytes=memory.get(gpu.address, gpu.memory_bytes))
            for gpu in machine.gpus or ()
        ),
        issues=machine.issues + report.issues,
    )


def _read_recording(recording: Recording) -> Machine:
    run = recording.macos_commands()
    machine = read_linux(recording.tree()) if run is None else read_macos(run)
    nvml = recording.nvml()
    if nvml is not None:
        machine = with_nvml(machine, nvml)
    devices = recording.devices()
    return machine if devices is None else with_devices(machine, devices)

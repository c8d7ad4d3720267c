# SPDX-License-Identifier: Apache-2.0
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from atre.hardware.cpu import read_cpu
from atre.hardware.devices import DeviceReport, ask_devices
from atre.hardware.dmi import read_product
from atre.hardware.machine import Issue, IssueCode, Machine
from atre.hardware.macos import read_macos
from atre.hardware.memory import read_memory
from atre.hardware.pci import read_pci
from atre.hardware.system import read_kernel, read_os_version
from atre.hardware.tree import Tree

_RECORDED_DEVICES = "devices.json"


def detect(
    root: Path = Path("/"),
    *,
    platform: str = sys.platform,
    devices: Callable[[], DeviceReport] = ask_devices,
) -> Machine:
    """Everything that can be found out about the machine; whatever it meets, it never raises.

    With another ``root``, the machine recorded there, Linux only; its llama.cpp devices are those
    in ``devices.json`` at the top of the recording, unknown without that file.
    """
    if root != Path("/"):
        return _with_recorded_devices(_read_linux(Tree(root)), root)
    machine = read_macos() if platform == "darwin" else _read_linux(Tree(root))
    return _with_devices(machine, devices())


def _read_linux(tree: Tree) -> Machine:
    gpus, npus = read_pci(tree)
    return Machine(
        os="linux",
        os_version=read_os_version(tree),
        kernel=read_kernel(tree),
        cpu=read_cpu(tree),
        memory=read_memory(tree),
        gpus=gpus,
        npus=npus,
        product=read_product(tree),
        issues=tuple(dict.fromkeys(tree.issues)),
    )


def _with_devices(machine: Machine, report: DeviceReport) -> Machine:
    return msgspec.structs.replace(
        machine,
        devices=report.devices,
        cpu_features=report.cpu_features,
        issues=machine.issues + report.issues,
    )


def _with_recorded_devices(machine: Machine, root: Path) -> Machine:
    try:
        recording = (root / _RECORDED_DEVICES).read_bytes()
    except OSError:
        return machine
    try:
        return _with_devices(machine, msgspec.json.decode(recording, type=DeviceReport))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        issue = Issue(IssueCode.MALFORMED, _RECORDED_DEVICES, str(error))
        return _with_devices(machine, DeviceReport(issues=(issue,)))

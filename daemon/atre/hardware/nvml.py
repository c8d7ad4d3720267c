# SPDX-License-Identifier: Apache-2.0
"""Memory of NVIDIA's cards, which their driver tells only through its library.

A child process asks (``python -m atre.hardware.nvml``), for a driver that was updated without a
restart can abort or hang whoever loads it. Source: NVIDIA's nvml.h.
"""

import ctypes
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from atre.hardware.ask import ask
from atre.hardware.machine import Issue, IssueCode

_TIME_LIMIT_S = 5.0
_COMMAND = (sys.executable, "-P", "-m", "atre.hardware.nvml")
_LIBRARY = "libnvidia-ml.so.1"


class NvidiaCard(msgspec.Struct, frozen=True, kw_only=True):
    """One card; no memory where the driver does not tell, as for GPUs that share the machine's."""

    pci_address: str
    memory_bytes: int | None = None


class NvmlReport(msgspec.Struct, frozen=True):
    """What the library says, or why it says nothing."""

    cards: tuple[NvidiaCard, ...] = ()
    issues: tuple[Issue, ...] = ()


class _PciInfo(ctypes.Structure):
    """nvmlPciInfo_t of nvmlDeviceGetPciInfo_v3."""

    _fields_ = (
        ("bus_id_legacy", ctypes.c_char * 16),
        ("domain", ctypes.c_uint),
        ("bus", ctypes.c_uint),
        ("device", ctypes.c_uint),
        ("pci_device_id", ctypes.c_uint),
        ("pci_subsystem_id", ctypes.c_uint),
        ("bus_id", ctypes.c_char * 32),
    )


class _Memory(ctypes.Structure):
    """nvmlMemory_t."""

    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


def ask_nvml(
    command: tuple[str, ...] = _COMMAND, time_limit_s: float = _TIME_LIMIT_S
) -> NvmlReport:
    """Ask a child process for the cards; if it fails there are none, and an issue says why."""
    answer = ask(command, time_limit_s)
    if isinstance(answer, Issue):
        return NvmlReport(issues=(answer,))
    try:
        return msgspec.json.decode(answer, type=NvmlReport)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return NvmlReport(issues=(Issue(IssueCode.MALFORMED, _LIBRARY, str(error)),))


def read_nvml(path: str = _LIBRARY) -> NvmlReport:
    """Ask the library in this process, which may not survive it."""
    try:
        library: Any = ctypes.CDLL(path)
    except OSError as error:
        return NvmlReport(issues=(Issue(IssueCode.UNREADABLE, _LIBRARY, str(error)),))
    code = library.nvmlInit_v2()
    if code != 0:
        return NvmlReport(issues=(Issue(IssueCode.FAILED, _LIBRARY, _meaning(library, code)),))
    count = ctypes.c_uint()
    library.nvmlDeviceGetCount_v2(ctypes.byref(count))
    cards = tuple(_cards(library, range(count.value)))
    library.nvmlShutdown()
    return NvmlReport(cards=cards)


def _cards(library: Any, indices: Iterable[int]) -> Iterable[NvidiaCard]:
    for index in indices:
        handle, info, memory = ctypes.c_void_p(), _PciInfo(), _Memory()
        if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) != 0:
            continue
        if library.nvmlDeviceGetPciInfo_v3(handle, ctypes.byref(info)) != 0:
            continue
        told = library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0
        yield NvidiaCard(
            # NVML only tells devices: every GPU is function 0 (nvmlPciInfo_t has no function).
            pci_address=f"{info.domain:04x}:{info.bus:02x}:{info.device:02x}.0",
            memory_bytes=(memory.total or None) if told else None,
        )


def _meaning(library: Any, code: int) -> str:
    library.nvmlErrorString.restype = ctypes.c_char_p
    text = library.nvmlErrorString(code) or b""
    return text.decode("utf-8", "replace") or f"error {code}"


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(read_nvml()))

# SPDX-License-Identifier: Apache-2.0
"""The devices that the installed llama.cpp can compute on.

A broken GPU driver can abort or hang the process that loads it, so a child process asks
(``python -m atre.hardware.devices``) and the parent gives up after a time limit.
Source: llama.cpp ggml/include/ggml-backend.h.
"""

import ctypes
import sys
from pathlib import Path
from typing import Any

import msgspec

from atre.hardware.ask import ask
from atre.hardware.machine import DeviceType, GgmlDevice, Issue, IssueCode

# Drivers of several GPUs can take seconds to start on a cold machine; a hang never ends.
_TIME_LIMIT_S = 10.0
# -P: a folder named like a library in the current directory must not be imported instead of it.
_COMMAND = (sys.executable, "-P", "-m", "atre.hardware.devices")
_TYPES = (DeviceType.CPU, DeviceType.GPU, DeviceType.IGPU, DeviceType.ACCEL, DeviceType.META)


class DeviceReport(msgspec.Struct, frozen=True):
    """What a build can compute on; ``cpu_features`` None if the build does not tell."""

    devices: tuple[GgmlDevice, ...] = ()
    cpu_features: tuple[str, ...] | None = None
    issues: tuple[Issue, ...] = ()


class _Props(ctypes.Structure):
    """ggml_backend_dev_props; the capabilities at its end are four C booleans."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("caps", ctypes.c_bool * 16),
    )


class _Feature(ctypes.Structure):
    """ggml_backend_feature; an array of them ends with a NULL name."""

    _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_char_p))


def ask_devices(
    command: tuple[str, ...] = _COMMAND, time_limit_s: float = _TIME_LIMIT_S
) -> DeviceReport:
    """Ask a child process for the devices; if it fails there are none, and an issue says why."""
    answer = ask(command, time_limit_s)
    if isinstance(answer, Issue):
        return DeviceReport(issues=(answer,))
    try:
        return msgspec.json.decode(answer, type=DeviceReport)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        issue = Issue(IssueCode.MALFORMED, "llama.cpp devices", str(error))
        return DeviceReport(issues=(issue,))


def read_devices() -> DeviceReport:
    """Ask llama.cpp in this process, which may not survive it."""
    from llama_cpp._ggml import libggml, libggml_base_path  # noqa: PLC0415 - only the child loads it

    _declare(libggml)
    if libggml.ggml_backend_dev_count() == 0:
        # A build with loadable backends has none until it is told where they are.
        libggml.ggml_backend_load_all_from_path(str(Path(libggml_base_path)).encode())
    handles = [libggml.ggml_backend_dev_get(i) for i in range(libggml.ggml_backend_dev_count())]
    return DeviceReport(
        devices=tuple(_device(libggml, handle) for handle in handles),
        cpu_features=_cpu_features(libggml),
    )


def _declare(library: Any) -> None:
    for name, result, arguments in (
        ("ggml_backend_dev_count", ctypes.c_size_t, []),
        ("ggml_backend_dev_get", ctypes.c_void_p, [ctypes.c_size_t]),
        ("ggml_backend_dev_get_props", None, [ctypes.c_void_p, ctypes.POINTER(_Props)]),
        ("ggml_backend_load_all_from_path", None, [ctypes.c_char_p]),
        ("ggml_backend_reg_by_name", ctypes.c_void_p, [ctypes.c_char_p]),
        ("ggml_backend_reg_get_proc_address", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments


def _device(library: Any, handle: int) -> GgmlDevice:
    props = _Props()
    library.ggml_backend_dev_get_props(handle, ctypes.byref(props))
    return GgmlDevice(
        name=_text(props.name) or "",
        description=_text(props.description) or "",
        type=_TYPES[props.type],
        memory_total_bytes=props.memory_total or None,
        memory_free_bytes=props.memory_free or None,
        pci_address=_text(props.device_id),
    )


def _cpu_features(library: Any) -> tuple[str, ...] | None:
    registry = library.ggml_backend_reg_by_name(b"CPU")
    address = registry and library.ggml_backend_reg_get_proc_address(
        registry, b"ggml_backend_get_features"
    )
    if not address:
        return None
    prototype = ctypes.CFUNCTYPE(ctypes.POINTER(_Feature), ctypes.c_void_p)
    features = prototype(address)(registry)
    names: list[str] = []
    while features[len(names)].name:
        names.append(features[len(names)].name.decode("utf-8", errors="replace"))
    return tuple(names)


def _text(value: bytes | None) -> str | None:
    return value.decode("utf-8", errors="replace") if value else None


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(read_devices()))

# SPDX-License-Identifier: Apache-2.0
"""The devices that the installed llama.cpp can compute on.

A broken GPU driver can abort or hang the process that loads it, so a child process asks
(``python -m atre.hardware.devices``) and the parent gives up after a time limit.
Source: llama.cpp ggml/include/ggml-backend.h.
"""

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from atre.backend_libraries import HIDEABLE, hiding, load_backends
from atre.hardware.ask import ask
from atre.hardware.machine import DeviceType, GgmlDevice, Issue, IssueCode
from atre.hardware.software_vulkan import VULKAN, software_names

# Drivers of several GPUs can take seconds to start on a cold machine; a hang never ends.
_TIME_LIMIT_S = 10.0
# -P: a folder named like a library in the current directory must not be imported instead of it.
_COMMAND = (sys.executable, "-P", "-m", "atre.hardware.devices")
_DRIVER_FAILURES = (IssueCode.CRASHED, IssueCode.TIMED_OUT)
_TYPES = (DeviceType.CPU, DeviceType.GPU, DeviceType.IGPU, DeviceType.ACCEL, DeviceType.META)


class DeviceReport(msgspec.Struct, frozen=True):
    """What a build can compute on; ``cpu_features`` and ``backends`` None if it does not tell.

    ``hidden_backends`` were left out, because the child did not survive them.
    """

    devices: tuple[GgmlDevice, ...] = ()
    cpu_features: tuple[str, ...] | None = None
    issues: tuple[Issue, ...] = ()
    backends: tuple[str, ...] | None = None
    hidden_backends: tuple[str, ...] = ()


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
    """Ask a child process for the devices; if it fails, an issue says why.

    When a driver kills or hangs the child, others are asked, each without one of the drivers, so
    that one bad driver does not cost the devices of the good ones.
    """
    report = _ask(command, time_limit_s, ())
    if not report.issues or report.issues[0].code not in _DRIVER_FAILURES:
        return report
    hidings = [*((backend,) for backend in HIDEABLE), HIDEABLE]
    with ThreadPoolExecutor(len(hidings)) as pool:
        # At once: several hangs one after the other would make a box start in minutes.
        others = list(pool.map(lambda hidden: _ask(command, time_limit_s, hidden), hidings))
    for hidden, other in zip(hidings, others, strict=True):
        if other.devices:
            issues = report.issues + other.issues
            return replace(other, issues=issues, hidden_backends=hidden)
    return report


def _ask(command: tuple[str, ...], time_limit_s: float, hidden: tuple[str, ...]) -> DeviceReport:
    answer = ask(command, time_limit_s, hiding(hidden))
    if isinstance(answer, Issue):
        return DeviceReport(issues=(answer,))
    try:
        return msgspec.json.decode(answer, type=DeviceReport)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        issue = Issue(IssueCode.MALFORMED, "llama.cpp devices", str(error))
        return DeviceReport(issues=(issue,))


def read_devices() -> DeviceReport:
    """Ask llama.cpp in this process, which may not survive it."""
    # Only the child loads it. It is the ggml of libllama: llama_cpp._ggml is another copy.
    from llama_cpp.llama_cpp import _base_path, _lib  # noqa: PLC0415

    load_backends(_lib, Path(_base_path))
    _declare(_lib)
    handles = [_lib.ggml_backend_dev_get(i) for i in range(_lib.ggml_backend_dev_count())]
    return DeviceReport(
        devices=_with_software(tuple(_device(_lib, handle) for handle in handles)),
        cpu_features=_cpu_features(_lib),
        backends=tuple(
            _text(_lib.ggml_backend_reg_name(_lib.ggml_backend_reg_get(i))) or ""
            for i in range(_lib.ggml_backend_reg_count())
        ),
    )


def _declare(library: Any) -> None:
    for name, result, arguments in (
        ("ggml_backend_dev_count", ctypes.c_size_t, []),
        ("ggml_backend_dev_get", ctypes.c_void_p, [ctypes.c_size_t]),
        ("ggml_backend_dev_get_props", None, [ctypes.c_void_p, ctypes.POINTER(_Props)]),
        ("ggml_backend_dev_backend_reg", ctypes.c_void_p, [ctypes.c_void_p]),
        ("ggml_backend_reg_count", ctypes.c_size_t, []),
        ("ggml_backend_reg_get", ctypes.c_void_p, [ctypes.c_size_t]),
        ("ggml_backend_reg_name", ctypes.c_char_p, [ctypes.c_void_p]),
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
        backend=_text(library.ggml_backend_reg_name(library.ggml_backend_dev_backend_reg(handle))),
    )


def _with_software(devices: tuple[GgmlDevice, ...]) -> tuple[GgmlDevice, ...]:
    """llama.cpp calls such a device a card; only Vulkan itself tells that it is none."""
    if all(device.backend != VULKAN for device in devices):
        return devices
    names = software_names()
    return tuple(
        replace(device, is_software=device.backend == VULKAN and device.description in names)
        for device in devices
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

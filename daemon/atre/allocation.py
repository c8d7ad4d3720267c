# SPDX-License-Identifier: Apache-2.0
"""What llama.cpp says that it allocates, read from its log: it has no C function that tells."""

import math
import re
from collections import Counter
from collections.abc import Iterable

import msgspec

_MIB = 2**20
_ROUNDING_MIB = 0.005  # the log gives hundredths of a MiB, and no figure may be too small
# "llama_kv_cache: size =   24.00 MiB (  8192 cells, …": simulated buffers of cells show as 0.00.
_CELLS = re.compile(r"^llama_kv_cache\w*: size = +(?P<mib>[0-9.]+) MiB \(")
_BUFFER = re.compile(
    r" (?P<device>\S+) +(?P<kind>RS|output|compute) buffer size = +(?P<mib>[0-9.]+) MiB"
)
_ALWAYS_THERE = {"output", "compute"}
# "resolve_fused_ops: Flash Attention enabled", or "… not supported, set to disabled".
_FLASH_ATTENTION = re.compile(r"Flash Attention\b.*\b(?P<state>enabled|disabled)$")


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes beside the weights: what the model remembers, wherever it lies, and buffers.

    ``host_buffer_bytes`` are in main memory, ``device_buffer_bytes`` in a GPU's.
    ``flash_attention`` is llama.cpp's own choice, None where it had none.
    """

    cache_bytes: int
    host_buffer_bytes: int
    device_buffer_bytes: int
    flash_attention: bool | None = None


def read_allocation(lines: Iterable[str]) -> Allocation | None:
    """The sums of one load's log lines, simulated or not; None if some of them are missing."""
    found: Counter[str] = Counter()
    kinds: set[str] = set()
    flash_attention: bool | None = None
    for line in lines:
        choice = _FLASH_ATTENTION.search(line)
        if choice:
            flash_attention = choice["state"] == "enabled"
        cells, buffer = _CELLS.search(line), _BUFFER.search(line)
        if cells:
            kinds.add("cache")
            found["cache"] += _bytes(cells["mib"])
        elif buffer:
            kinds.add("cache" if buffer["kind"] == "RS" else buffer["kind"])
            found[_place(buffer["kind"], buffer["device"])] += _bytes(buffer["mib"])
    if not kinds >= {"cache", *_ALWAYS_THERE}:
        return None
    return Allocation(
        cache_bytes=found["cache"],
        host_buffer_bytes=found["host"],
        device_buffer_bytes=found["device"],
        flash_attention=flash_attention,
    )


def _place(kind: str, device: str) -> str:
    if kind == "RS":
        return "cache"
    # "CPU", "CPU_Mapped", and "CUDA_Host": memory of the host that a driver pinned.
    return "host" if device.startswith("CPU") or device.endswith("_Host") else "device"


def _bytes(mib: str) -> int:
    return math.ceil((float(mib) + _ROUNDING_MIB) * _MIB)

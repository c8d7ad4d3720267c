# SPDX-License-Identifier: Apache-2.0
"""Energy counters of NVIDIA's cards (``python -m atre.power.samplers.nvml_energy``).

Prints one JSON line a second. A child process, for a driver that was updated without a restart can
abort or hang whoever loads its library. Source: NVIDIA's nvml.h.
"""

import ctypes
import sys
import time
from typing import Any

import msgspec

_LIBRARY = "libnvidia-ml.so.1"
_PERIOD_S = 1.0
_UUID_BYTES = 96  # NVML_DEVICE_UUID_V2_BUFFER_SIZE


class CardEnergy(msgspec.Struct, frozen=True, kw_only=True):
    """One card: millijoules since its driver was loaded, else its watts now, else why neither."""

    uuid: str
    energy_mj: int | None = None
    power_mw: int | None = None
    error: int = 0


class NvmlEnergy(msgspec.Struct, frozen=True):
    """All cards at ``at_s`` of the monotonic clock, in seconds, or why there are none."""

    at_s: float
    cards: tuple[CardEnergy, ...] = ()
    problem: str = ""


def read_energy(library: Any) -> NvmlEnergy:
    """What an initialised library says of its cards now."""
    at_s, count = time.monotonic(), ctypes.c_uint()
    code = library.nvmlDeviceGetCount_v2(ctypes.byref(count))
    if code != 0:
        return NvmlEnergy(at_s, problem=f"error {code}")
    cards = (_card(library, index) for index in range(count.value))
    return NvmlEnergy(at_s, cards=tuple(card for card in cards if card is not None))


def _card(library: Any, index: int) -> CardEnergy | None:
    handle, uuid = ctypes.c_void_p(), ctypes.create_string_buffer(_UUID_BYTES)
    if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) != 0:
        return None
    if library.nvmlDeviceGetUUID(handle, uuid, ctypes.c_uint(_UUID_BYTES)) != 0:
        return None
    name = uuid.value.decode("ascii", "replace")
    energy = ctypes.c_ulonglong()
    code = library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(energy))
    if code == 0:
        return CardEnergy(uuid=name, energy_mj=energy.value)
    # Before Volta there is no counter.
    power = ctypes.c_uint()
    code = library.nvmlDeviceGetPowerUsage(handle, ctypes.byref(power))
    if code == 0:
        return CardEnergy(uuid=name, power_mw=power.value)
    return CardEnergy(uuid=name, error=code)


def main() -> None:
    """Print a line a second for as long as somebody reads them."""
    try:
        library: Any = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        sys.exit(str(error))
    code = library.nvmlInit_v2()
    if code != 0:
        sys.exit(f"{_LIBRARY}: error {code}")
    while True:
        sys.stdout.buffer.write(msgspec.json.encode(read_energy(library)) + b"\n")
        sys.stdout.buffer.flush()
        time.sleep(_PERIOD_S)


if __name__ == "__main__":
    main()

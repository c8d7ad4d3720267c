# SPDX-License-Identifier: Apache-2.0
"""How many watts an NVIDIA card may take, by NVML. Source: NVIDIA's nvml.h.

The driver forgets the limit when it is unloaded. Setting it needs CAP_SYS_ADMIN.
"""

import ctypes
from collections.abc import Mapping
from typing import Any

from atre.ipc.cap_messages import CapKind, CapState
from atre.power.caps.cap import TOLERANCE, CapError
from atre.sentence import Sentence

_LIBRARY = "libnvidia-ml.so.1"
_UUID_BYTES = 96  # NVML_DEVICE_UUID_V2_BUFFER_SIZE
_MAX_CARDS = 64
_NO_PERMISSION = 4  # nvmlReturn_t
_MW_PER_W = 1e3
_SETTING = "power limit"
_NOT_SUPPORTED = Sentence(
    "This NVIDIA card has no power limit that can be set.",
    "Cette carte NVIDIA n’a pas de limite de puissance réglable.",
)


class NvidiaLimit:
    """The limit of the card with ``uuid``, in watts; a Cap. ``library`` is initialised."""

    def __init__(self, library: Any, handle: Any, uuid: str) -> None:
        self._library, self._handle = library, handle
        self.name = f"nvml:{uuid}"

    def read(self) -> CapState:
        now = self._asked("GetPowerManagementLimit")
        usual = self._asked("GetPowerManagementDefaultLimit")
        low, high = ctypes.c_uint(), ctypes.c_uint()
        code = self._library.nvmlDeviceGetPowerManagementLimitConstraints(
            self._handle, ctypes.byref(low), ctypes.byref(high)
        )
        if now is None or code != 0 or not 0 < low.value <= high.value:
            return CapState(name=self.name, kind=CapKind.CARD, reason=_NOT_SUPPORTED)
        return CapState(
            name=self.name,
            kind=CapKind.CARD,
            now=now / _MW_PER_W,
            low=low.value / _MW_PER_W,
            usual=min(usual or now, high.value) / _MW_PER_W,
        )

    def saved(self) -> dict[str, str]:
        return {_SETTING: str(self._asked("GetPowerManagementLimit") or "")}

    def set(self, value: float) -> None:
        now = self._asked("GetPowerManagementLimit")
        if now is None or now > value * _MW_PER_W:
            self._write(round(value * _MW_PER_W))

    def restore(self, saved: Mapping[str, str], value: float) -> None:
        now, text = self._asked("GetPowerManagementLimit"), saved.get(_SETTING, "")
        if now is not None and text.isdecimal() and abs(now / _MW_PER_W - value) <= TOLERANCE:
            self._write(int(text))

    def _asked(self, verb: str) -> int | None:
        """Milliwatts, None where the driver has no answer."""
        told = ctypes.c_uint()
        call = getattr(self._library, f"nvmlDevice{verb}")
        return told.value if call(self._handle, ctypes.byref(told)) == 0 and told.value else None

    def _write(self, milliwatts: int) -> None:
        code = self._library.nvmlDeviceSetPowerManagementLimit(
            self._handle, ctypes.c_uint(milliwatts)
        )
        if code != 0:
            raise CapError(_refusal(code))


def nvidia_limits(library: Any) -> list[NvidiaLimit]:
    """One for each card that an initialised library knows."""
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return []
    found = []
    for index in range(min(count.value, _MAX_CARDS)):
        handle, uuid = ctypes.c_void_p(), ctypes.create_string_buffer(_UUID_BYTES)
        if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) != 0:
            continue
        if library.nvmlDeviceGetUUID(handle, uuid, ctypes.c_uint(_UUID_BYTES)) == 0:
            found.append(NvidiaLimit(library, handle, uuid.value.decode("ascii", "replace")))
    return found


def load_nvml() -> Any:
    """NVIDIA's library, initialised. Raises OSError."""
    library: Any = ctypes.CDLL(_LIBRARY)
    code = library.nvmlInit_v2()
    if code != 0:
        raise OSError(f"{_LIBRARY}: error {code}")
    return library


def _refusal(code: int) -> Sentence:
    if code == _NO_PERMISSION:
        return Sentence(
            "NVIDIA’s driver refuses to change the limit: the program that does it lacks the "
            "right; look at atre-nvidia-caps.service.",
            "Le pilote NVIDIA refuse de changer la limite\N{NO-BREAK SPACE}: le programme qui le "
            "fait n’en a pas le droit\N{NO-BREAK SPACE}; regardez atre-nvidia-caps.service.",
        )
    return Sentence(
        f"NVIDIA’s driver refuses to change the limit (error {code}).",
        f"Le pilote NVIDIA refuse de changer la limite (erreur {code}).",
    )

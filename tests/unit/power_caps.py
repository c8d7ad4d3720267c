# SPDX-License-Identifier: Apache-2.0
"""Files of the kernel's for limits of power, as tests make them."""

from pathlib import Path
from typing import Any


def write_package(
    root: Path,
    zone: str = "intel-rapl:0",
    limit_w: object = 15,
    *,
    name: str = "package-0",
    usual_w: object = 15,
    **files: object,
) -> Path:
    """One powercap zone; returns the file of its long-term limit."""
    folder = root / "sys/class/powercap" / zone
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        "name": name,
        "enabled": 1,
        "constraint_0_name": "long_term",
        "constraint_0_power_limit_uw": _microwatts(limit_w),
        "constraint_0_max_power_uw": _microwatts(usual_w),
        **files,
    }
    for file, content in told.items():
        (folder / file).write_text(f"{content}\n")
    return folder / "constraint_0_power_limit_uw"


def write_policy(
    root: Path,
    number: int = 0,
    preference: str = "balance_performance",
    *,
    governor: str = "powersave",
    offered: str = "default performance balance_performance balance_power power",
) -> Path:
    """One cpufreq policy; returns the file of its preference."""
    folder = root / f"sys/devices/system/cpu/cpufreq/policy{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scaling_governor").write_text(f"{governor}\n")
    (folder / "energy_performance_available_preferences").write_text(f"{offered}\n")
    file = folder / "energy_performance_preference"
    file.write_text(f"{preference}\n")
    return file


def _microwatts(watts: object) -> object:
    return round(watts * 1e6) if isinstance(watts, int | float) else watts


class FakeNvml:
    """NVIDIA's library with the calls and error codes of nvml.h, for one card. Milliwatts."""

    def __init__(self, now: int = 300_000, low: int = 100_000, code: int = 0) -> None:
        self.now, self.low, self.high, self.code = now, low, 350_000, code

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = 1
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, _index: int, _handle: Any) -> int:  # noqa: N802
        return 0

    def nvmlDeviceGetUUID(self, _handle: Any, text: Any, _length: Any) -> int:  # noqa: N802
        text.value = b"GPU-1"
        return 0

    def nvmlDeviceGetPowerManagementLimit(self, _handle: Any, told: Any) -> int:  # noqa: N802
        told._obj.value = self.now
        return 0

    def nvmlDeviceGetPowerManagementDefaultLimit(  # noqa: N802
        self, _handle: Any, told: Any
    ) -> int:
        told._obj.value = 300_000
        return 0

    def nvmlDeviceGetPowerManagementLimitConstraints(  # noqa: N802
        self, _handle: Any, low: Any, high: Any
    ) -> int:
        low._obj.value, high._obj.value = self.low, self.high
        return 0

    def nvmlDeviceSetPowerManagementLimit(self, _handle: Any, milliwatts: Any) -> int:  # noqa: N802
        if self.code == 0 and not self.low <= milliwatts.value <= self.high:
            return 2  # NVML_ERROR_INVALID_ARGUMENT
        if self.code == 0:
            self.now = milliwatts.value
        return self.code

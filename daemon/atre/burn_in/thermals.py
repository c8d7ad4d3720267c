# SPDX-License-Identifier: Apache-2.0
"""How hot the machine becomes while the other probes work.

Sources: kernel Documentation/hwmon/sysfs-interface.rst through psutil, and the counters of
arch/x86/kernel/cpu/mce/therm_throt.c.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from atre.burn_in.results import Peak, ThermalResult
from atre.burn_in.turn import Turn
from atre.hardware.tree import Tree

_CPUS = "sys/devices/system/cpu"
_PERIOD_S = 2.0
# Sensors that are not wired up tell 0, -128 or 65261; no chip is allowed less or more than these.
_LIMITS_C = range(40, 150)
_BELIEVABLE_C = range(-20, 150)

Read = Callable[[], Iterator[Peak]]


def sensors() -> Iterator[Peak]:
    """The temperatures now; none where the system tells none."""
    read = getattr(psutil, "sensors_temperatures", None)  # absent on macOS
    for chip, entries in (read() if read else {}).items():
        for number, entry in enumerate(entries):
            limits = [each for each in (entry.critical, entry.high) if _is_in(each, _LIMITS_C)]
            if _is_in(entry.current, _BELIEVABLE_C):
                yield Peak(
                    sensor=f"{chip}/{entry.label or number}",
                    max_c=entry.current,
                    limit_c=max(limits, default=None),
                )


class ThermalProbe:
    """Keeps the highest word of each sensor."""

    def __init__(self, root: Path = Path("/"), read: Read = sensors) -> None:
        self._root = root
        self._read = read

    def run(self, turn: Turn) -> ThermalResult:
        before = throttled(self._root)
        peaks: dict[str, Peak] = {}
        while True:
            for now in self._read():
                if now.sensor not in peaks or now.max_c > peaks[now.sensor].max_c:
                    peaks[now.sensor] = now
            if turn.wait(_PERIOD_S):
                break
        after = throttled(self._root)
        known = before is not None and after is not None
        return ThermalResult(
            peaks=tuple(peaks[name] for name in sorted(peaks)),
            throttled=max(0, (after or 0) - (before or 0)) if known else None,
        )


def throttled(root: Path) -> int | None:
    """How often the cores slowed themselves down since the start; None where nobody counts."""
    tree = Tree(root)
    counts = [
        tree.integer(f"{_CPUS}/{cpu}/thermal_throttle/core_throttle_count")
        for cpu in tree.names(_CPUS) or []
        if cpu.removeprefix("cpu").isdigit()
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _is_in(value: float | None, limits: range) -> bool:
    return value is not None and limits.start <= value < limits.stop

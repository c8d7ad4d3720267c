# SPDX-License-Identifier: Apache-2.0
"""How many watts an Intel processor may take for long: RAPL's first constraint (PL1).

The energy counters beside it are not read here (PLATYPUS). Where the same package is listed twice,
by its registers and by memory (``intel-rapl-mmio``), the lower of the two limits counts, so both
are lowered and one is enough. Sources: kernel Documentation/power/powercap/powercap.rst and
drivers/powercap/intel_rapl_common.c, where a limit that the firmware locked answers EACCES.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from atre.hardware.tree import Tree
from atre.ipc.cap_messages import CapKind, CapState
from atre.power.caps.cap import TOLERANCE, CapError, write_setting
from atre.sentence import Sentence

_POWERCAP = "sys/class/powercap"
_ZONE = re.compile(r"intel-rapl(-mmio)?:\d+")
_PACKAGE = re.compile(r"package-\d+(-die-\d+)?")
_W_PER_UW = 1e-6
# The kernel does not tell the package's least power. Below this part of what it is made for, a
# package may be unable to keep the limit and stays at its lowest clock.
_LEAST_PART = 0.4
_MOST_W = 4096.0  # the register's width; firmware writes as much to mean "no limit"
_NO_LIMIT = Sentence(
    "This processor tells of no power limit that Linux could set.",
    "Ce processeur ne montre pas de limite de puissance que Linux pourrait régler.",
)
_NOT_ENFORCED = Sentence(
    "The firmware left this processor’s power limit switched off; switch it on in its set-up.",
    "Le micrologiciel a laissé la limite de puissance de ce processeur désactivée\N{NO-BREAK SPACE}"
    "; activez-la dans ses réglages.",
)


class RaplLimit:
    """The long-term limit of one package, in watts; a Cap. ``zones`` are its powercap folders."""

    def __init__(self, root: Path, package: str, zones: list[str]) -> None:
        self._root, self._tree, self._zones = root, Tree(root), zones
        self.name = f"rapl:{package}"

    def read(self) -> CapState:
        limits = self._limits()
        if not limits:
            reason = _NOT_ENFORCED if self._limits(enforced_only=False) else _NO_LIMIT
            return CapState(name=self.name, kind=CapKind.PROCESSOR, reason=reason)
        now_w = min(limits.values())
        usual_w = self._usual_w() or now_w
        return CapState(
            name=self.name,
            kind=CapKind.PROCESSOR,
            now=now_w,
            low=min(self._least_w() or _LEAST_PART * usual_w, usual_w),
            usual=usual_w,
        )

    def saved(self) -> dict[str, str]:
        return {path: self._tree.text(path) or "" for path in self._limits()}

    def set(self, value: float) -> None:
        failures: list[CapError] = []
        above = [path for path, limit_w in self._limits().items() if limit_w > value]
        for path in above:
            try:
                write_setting(self._root, path, str(round(value / _W_PER_UW)))
            except CapError as error:
                failures.append(error)
        if failures and len(failures) == len(above):
            raise failures[0]

    def restore(self, saved: Mapping[str, str], value: float) -> None:
        limits = self._limits(enforced_only=False)
        for path, text in saved.items():
            # Only what this package still has: the record is no licence to write anywhere.
            if path in limits and abs(limits[path] - value) <= TOLERANCE:
                write_setting(self._root, path, text)

    def _limits(self, *, enforced_only: bool = True) -> dict[str, float]:
        """Path and watts of each limit that is there, and by default only of those in force."""
        found = {}
        for zone in self._zones:
            path = f"{_POWERCAP}/{zone}/constraint_0_power_limit_uw"
            is_long = self._tree.text(f"{_POWERCAP}/{zone}/constraint_0_name") == "long_term"
            is_off = self._tree.integer(f"{_POWERCAP}/{zone}/enabled") == 0
            limit_w = self._watts(path)
            if is_long and limit_w and not (enforced_only and is_off):
                found[path] = limit_w
        return found

    def _usual_w(self) -> float | None:
        told = (self._watts(f"{_POWERCAP}/{z}/constraint_0_max_power_uw") for z in self._zones)
        return next((each for each in told if each and each < _MOST_W), None)

    def _least_w(self) -> float | None:
        told = (self._watts(f"{_POWERCAP}/{z}/constraint_0_min_power_uw") for z in self._zones)
        return next((each for each in told if each), None)

    def _watts(self, path: str) -> float | None:
        microwatts = self._tree.integer(path)
        return None if microwatts is None else microwatts * _W_PER_UW


def rapl_limits(root: Path) -> list[RaplLimit]:
    """One for each package of the machine whose files are below ``root``."""
    tree = Tree(root)
    zones: dict[str, list[str]] = {}
    for zone in tree.names(_POWERCAP) or []:
        package = tree.text(f"{_POWERCAP}/{zone}/name") or ""
        if _ZONE.fullmatch(zone) and _PACKAGE.fullmatch(package):
            zones.setdefault(package, []).append(zone)
    return [RaplLimit(root, package, zones[package]) for package in sorted(zones)]

# SPDX-License-Identifier: Apache-2.0
"""What the processor chooses its clock for, between speed and power (EPP).

Under the governor ``performance`` the kernel refuses any other preference, and the governor is the
administrator's. Sources: kernel Documentation/admin-guide/pm/intel_pstate.rst and amd-pstate.rst;
the numbers of the named steps are those of both drivers.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from atre.hardware.tree import Tree
from atre.ipc.cap_messages import CapKind, CapState
from atre.power.caps.cap import CapError, write_setting
from atre.sentence import Sentence

_CPUFREQ = "sys/devices/system/cpu/cpufreq"
_POLICY = re.compile(r"policy\d+")
_STEPS = {"performance": 4, "balance_performance": 3, "default": 3, "balance_power": 2, "power": 1}
# A preference may be a number from 0 (speed) to 255; these are the middles between the named ones.
_NUMBER = re.compile(r"[0-9]{1,3}")
_NUMBERS = ((0x40, 4), (0xA0, 3), (0xE0, 2), (0x100, 1))
USUAL_STEP = 3
_PERFORMANCE = Sentence(
    "The governor “performance” was chosen on this machine, and it allows no saving; an "
    "administrator can choose “powersave”.",
    "Le gouverneur «\N{NO-BREAK SPACE}performance\N{NO-BREAK SPACE}» a été choisi sur cette "
    "machine, et il n’admet pas d’épargne\N{NO-BREAK SPACE}; une personne administratrice peut "
    "choisir «\N{NO-BREAK SPACE}powersave\N{NO-BREAK SPACE}».",
)
_UNKNOWN = Sentence(
    "This processor’s preference cannot be understood.",
    "La préférence de ce processeur ne se comprend pas.",
)
_NOT_OFFERED = Sentence(
    "This processor does not offer the preference that eco mode would set.",
    "Ce processeur ne propose pas la préférence que le mode éco réglerait.",
)


class EnergyPreference:
    """One preference for all processors, as a step from 4 (performance) to 1 (power); a Cap."""

    name = "epp"

    def __init__(self, root: Path, policies: list[str]) -> None:
        self._root, self._tree, self._policies = root, Tree(root), policies

    def read(self) -> CapState:
        steps = self._steps()
        if not steps:
            return CapState(name=self.name, kind=CapKind.PREFERENCE, reason=_UNKNOWN)
        governors = {self._tree.text(f"{p}/scaling_governor") for p in self._policies}
        return CapState(
            name=self.name,
            kind=CapKind.PREFERENCE,
            now=max(steps.values()),
            low=self._lowest(),
            usual=USUAL_STEP,
            reason=_PERFORMANCE if "performance" in governors else None,
        )

    def saved(self) -> dict[str, str]:
        return {path: self._tree.text(path) or "" for path in self._steps()}

    def set(self, value: float) -> None:
        for path, step in self._steps().items():
            if step <= value:
                continue
            name = next((each for each in self._offered(path) if _STEPS[each] == value), None)
            if name is None:
                raise CapError(_NOT_OFFERED)
            write_setting(self._root, path, name)

    def restore(self, saved: Mapping[str, str], value: float) -> None:
        steps = self._steps()
        for path, text in saved.items():
            if path in steps and steps[path] == value and self._tree.text(path) != text:
                write_setting(self._root, path, text)

    def _steps(self) -> dict[str, int]:
        """Path and step of each preference that can be understood."""
        found = {}
        for policy in self._policies:
            path = f"{policy}/energy_performance_preference"
            step = _step(self._tree.text(path) or "")
            if step is not None:
                found[path] = step
        return found

    def _offered(self, path: str) -> list[str]:
        listed = self._tree.text(
            path.replace(
                "energy_performance_preference", "energy_performance_available_preferences"
            )
        )
        return [name for name in (listed or "").split() if name in _STEPS and name != "default"]

    def _lowest(self) -> float:
        """The lowest step that every processor offers."""
        lowest = [
            min((_STEPS[name] for name in self._offered(path)), default=USUAL_STEP)
            for path in self._steps()
        ]
        return float(max(lowest))


def energy_preferences(root: Path) -> list[EnergyPreference]:
    """One where the processors have preferences, else none."""
    tree = Tree(root)
    policies = [f"{_CPUFREQ}/{n}" for n in tree.names(_CPUFREQ) or [] if _POLICY.fullmatch(n)]
    having = [p for p in policies if tree.text(f"{p}/energy_performance_preference") is not None]
    return [EnergyPreference(root, having)] if having else []


def _step(text: str) -> int | None:
    if _NUMBER.fullmatch(text):
        return next((step for below, step in _NUMBERS if int(text) < below), None)
    return _STEPS.get(text)

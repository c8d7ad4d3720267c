# SPDX-License-Identifier: Apache-2.0
"""Power and energy of graphics cards, from their drivers' hwmon files.

amdgpu tells power (microwatts), i915 and xe count energy (microjoules). Sources: kernel
Documentation/gpu/amdgpu/thermal.rst, Documentation/ABI/testing/sysfs-driver-intel-i915-hwmon and
sysfs-driver-intel-xe-hwmon.
"""

from collections.abc import Callable

from atre.hardware.machine import IssueCode
from atre.hardware.pci import read_pci
from atre.hardware.tree import Tree
from atre.power.asleep import asleep_s
from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers.energy_counter import EnergyCounter
from atre.sentence import Sentence

_HWMON = "sys/class/hwmon"
_DRIVERS = frozenset({"amdgpu", "i915", "xe"})
_POWER_FILES = ("power1_average", "power1_input")  # newer chips have only the second
_MAX_POWER_W = 3000.0
_ASLEEP = Sentence(
    "The graphics card sleeps or its driver does not tell its power.",
    "La carte graphique est en veille ou son pilote ne dit pas sa puissance.",
)
_FORBIDDEN = Sentence(
    "The graphics card’s power may not be read by this process; look at the rights of /sys.",
    "Ce processus ne peut pas lire la puissance de la carte graphique ; vérifiez les droits de "
    "/sys.",
)


class HwmonCards:
    """Reads every AMD and Intel GPU whose driver tells its power; a Sampler."""

    def __init__(self, tree: Tree, slept_s: Callable[[], float] = asleep_s) -> None:
        self._tree, self._slept_s = tree, slept_s
        self._counters: dict[str, EnergyCounter] = {}
        gpus, _ = read_pci(tree)
        # An integrated GPU's driver tells of the whole socket, which RAPL may count too.
        self._integrated = {gpu.address for gpu in gpus or () if gpu.integrated}

    def read(self, now_s: float) -> list[Reading]:
        self._tree.issues.clear()
        found: list[Reading] = []
        for name in self._tree.names(_HWMON) or []:
            directory = f"{_HWMON}/{name}"
            driver = self._tree.text(f"{directory}/name")
            address = self._tree.link_name(f"{directory}/device")
            if driver in _DRIVERS and address is not None:
                reading = self._reading(directory, f"hwmon:{driver}:{address}", address, now_s)
                found += [reading] if reading is not None else []
        return found

    def close(self) -> None:
        """Nothing is held open."""

    def _reading(self, directory: str, source: str, address: str, now_s: float) -> Reading | None:
        scope = Scope.PACKAGE if address in self._integrated else Scope.CARD
        files = set(self._tree.names(directory) or [])
        energy = self._energy_file(directory, files)
        if energy is not None:
            counter = self._counters.setdefault(
                source, EnergyCounter(source, scope, unit_j=1e-6, max_power_w=_MAX_POWER_W)
            )
            count = self._tree.integer(f"{directory}/{energy}")
            if count is None:
                return counter.silent(now_s, self._reason(f"{directory}/{energy}"))
            return counter.count(count, now_s, self._slept_s(), None)
        power = next((file for file in _POWER_FILES if file in files), None)
        if power is None:
            return None
        microwatts = self._tree.integer(f"{directory}/{power}")
        is_told = microwatts is not None and 0 < microwatts <= _MAX_POWER_W * 1e6
        return Reading(
            source=source,
            scope=scope,
            basis=Basis.SENSOR,
            at_s=now_s,
            power_w=microwatts / 1e6 if microwatts is not None and is_told else None,
            reason=None if is_told else self._reason(f"{directory}/{power}"),
        )

    def _energy_file(self, directory: str, files: set[str]) -> str | None:
        """The card's: the driver xe counts the GPU's package inside it too, and never both add."""
        found = [file for file in ("energy1_input", "energy2_input") if file in files]
        labels = {
            file: self._tree.text(f"{directory}/{file.removesuffix('input')}label")
            for file in found
            if f"{file.removesuffix('input')}label" in files
        }
        return next((file for file in found if labels.get(file) == "card"), next(iter(found), None))

    def _reason(self, path: str) -> Sentence:
        denied = any(
            issue.source == path and issue.code is IssueCode.UNREADABLE and "denied" in issue.detail
            for issue in self._tree.issues
        )
        return _FORBIDDEN if denied else _ASLEEP

# SPDX-License-Identifier: Apache-2.0
"""What a laptop takes from its battery, which is the whole machine while nothing else feeds it.

Source: kernel Documentation/ABI/testing/sysfs-class-power.
"""

from atre.hardware.tree import Tree
from atre.power.reading import Basis, Reading, Scope
from atre.sentence import Sentence

_SUPPLIES = "sys/class/power_supply"
_MAX_POWER_W = 500.0
_PLUGGED_IN = Sentence(
    "The battery tells what the machine takes only while it runs on it.",
    "La batterie ne dit ce que la machine consomme que lorsqu’elle l’alimente seule.",
)
_SILENT = Sentence(
    "The battery’s firmware does not tell its power.",
    "Le micrologiciel de la batterie ne dit pas sa puissance.",
)


class Battery:
    """All batteries of the machine as one reading; a Sampler."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def read(self, now_s: float) -> list[Reading]:
        self._tree.issues.clear()
        names = self._tree.names(_SUPPLIES) or []
        batteries = [name for name in names if self._is_battery(name)]
        if not batteries:
            return []
        discharging = [name for name in batteries if self._text(name, "status") == "Discharging"]
        powers = [self._power_w(name) for name in discharging]
        if not discharging or self._is_fed(names):
            return [self._reading(now_s, None, _PLUGGED_IN)]
        total_w = sum(power_w for power_w in powers if power_w is not None)
        if None in powers or not 0 < total_w <= _MAX_POWER_W:
            return [self._reading(now_s, None, _SILENT)]
        return [self._reading(now_s, total_w, None)]

    def close(self) -> None:
        """Nothing is held open."""

    def _is_battery(self, name: str) -> bool:
        """A mouse's battery has the scope of a device."""
        return self._text(name, "type") == "Battery" and self._text(name, "scope") != "Device"

    def _is_fed(self, names: list[str]) -> bool:
        """A weak charger feeds the machine while the battery discharges beside it."""
        return any(
            self._text(name, "type") != "Battery" and self._text(name, "online") == "1"
            for name in names
        )

    def _power_w(self, name: str) -> float | None:
        power_uw = self._magnitude(name, "power_now")
        if power_uw:
            return power_uw / 1e6
        current_ua = self._magnitude(name, "current_now")
        voltage_uv = self._magnitude(name, "voltage_now")
        return current_ua * voltage_uv / 1e12 if current_ua and voltage_uv else None

    def _magnitude(self, name: str, file: str) -> int | None:
        """Some firmware writes what leaves the battery as a negative number."""
        digits = (self._text(name, file) or "").removeprefix("-")
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None  # noqa: PLR2004

    def _text(self, name: str, file: str) -> str | None:
        return self._tree.text(f"{_SUPPLIES}/{name}/{file}")

    def _reading(self, now_s: float, power_w: float | None, reason: Sentence | None) -> Reading:
        return Reading(
            source="battery",
            scope=Scope.PLATFORM,
            basis=Basis.SENSOR,
            at_s=now_s,
            power_w=power_w,
            reason=reason,
        )

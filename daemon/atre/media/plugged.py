# SPDX-License-Identifier: Apache-2.0
"""What becomes of the disks over time: seen, in use, released, pulled out. Pure."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Plugged:
    """Disks by id. ``look`` is told which are there, whenever that may have changed."""

    present: frozenset[str] = frozenset()
    _held: dict[str, int] = field(default_factory=dict)
    _released: set[str] = field(default_factory=set)
    _pulled: set[str] = field(default_factory=set)

    def look(self, present: frozenset[str]) -> bool:
        """Note who is there; whether that changed anything."""
        came, went = present - self.present, self.present - present
        self._pulled |= {each for each in went if self._held.get(each)}
        # Plugged in anew: neither released nor pulled any more.
        self._released -= came
        self._pulled -= came
        self.present = present
        return bool(came or went)

    def hold(self, disk: str) -> None:
        self._held[disk] = self._held.get(disk, 0) + 1

    def let_go(self, disk: str) -> None:
        self._held[disk] = max(0, self._held.get(disk, 0) - 1)

    def release(self, disk: str) -> None:
        self._released.add(disk)

    def take_back(self, disk: str) -> None:
        """It is used again without having been unplugged."""
        self._released.discard(disk)

    def is_held(self, disk: str) -> bool:
        return self._held.get(disk, 0) > 0

    def is_released(self, disk: str) -> bool:
        return disk in self._released

    def was_pulled(self, disk: str) -> bool:
        return disk in self._pulled

# SPDX-License-Identifier: Apache-2.0
"""What writes systems to slots, as the rest sees it: RAUC on a box, a stand-in in tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from atre.system.slot import Slot

OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What a bundle says of itself, its signature checked; ``meta`` is its ``[meta.atre]``."""

    compatible: str
    version: str
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """One slot: ``version`` "" where nobody knows, ``is_good`` as the boot rule says.

    ``is_whole`` False: the last install into it did not end. Times are in Unix seconds.
    """

    slot: Slot
    version: str
    is_running: bool
    is_good: bool
    is_whole: bool
    installed_at: float | None = None


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """Both slots, and which one starts next."""

    slots: tuple[SlotFacts, ...]
    next: Slot

    @property
    def running(self) -> SlotFacts | None:
        return next((each for each in self.slots if each.is_running), None)

    @property
    def other(self) -> SlotFacts | None:
        return next((each for each in self.slots if not each.is_running), None)


class Installer(Protocol):
    """Every method raises UpdateError; safe to call from several threads."""

    @property
    def compatible(self) -> str:
        """What a bundle must be for, to be for this box."""
        ...

    def facts(self) -> SystemFacts: ...

    def inspect(self, bundle: Path) -> BundleFacts:
        """What the bundle is. Refuses one whose signature is not that of the box's maker."""
        ...

    def install(self, bundle: Path, on_progress: OnProgress) -> None:
        """Write it to the other slot and have that started next, on trial."""
        ...

    def start_next(self, slot: Slot) -> None:
        """Have a slot that was written before started next."""
        ...

    def keep_running(self) -> None:
        """The running slot is good."""
        ...

    def give_up(self, slot: Slot) -> None:
        """A slot is sick: it is not started again by itself."""
        ...

    def close(self) -> None: ...

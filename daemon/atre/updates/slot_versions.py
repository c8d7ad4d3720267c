# SPDX-License-Identifier: Apache-2.0
"""Which version each slot holds, also where RAUC does not know."""

from dataclasses import replace

from atre.updates.installer import SlotFacts, SystemFacts
from atre.updates.record import Installed


def with_versions(system: SystemFacts, running: str, installed: Installed | None) -> SystemFacts:
    """``system``, where ``running`` is the version that runs and ``installed`` the last change.

    RAUC knows the version of what it wrote itself. The system that a unit was flashed with runs at
    first, and later is what the first update came from.
    """

    def named(slot: SlotFacts) -> SlotFacts:
        if slot.is_running:
            return replace(slot, version=running)
        if slot.version or installed is None or installed.previous_slot != slot.slot:
            return slot
        return replace(slot, version=installed.previous_version)

    return replace(system, slots=tuple(map(named, system.slots)))

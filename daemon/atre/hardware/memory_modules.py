# SPDX-License-Identifier: Apache-2.0
"""Memory modules as udev publishes them from the firmware's tables, which only root may read.

Source: systemd src/udev/dmi_memory_id/dmi_memory_id.c and rules.d/70-memory.rules.
"""

import re

from atre.hardware.kernel_number import parse_kernel_number
from atre.hardware.machine import MemoryModule
from atre.hardware.tree import Tree

DATABASE_ENTRY = "run/udev/data/+dmi:id"
# The entry also holds serial numbers and asset tags: whoever copies it keeps these lines only.
MODULE_LINE = re.compile(
    r"E:MEMORY_DEVICE_([0-9]{1,3})_(PRESENT|SIZE|TYPE|FORM_FACTOR|DATA_WIDTH|SPEED_MTS"
    r"|CONFIGURED_SPEED_MTS|LOCATOR|BANK_LOCATOR)=(.*)"
)
# systemd writes the second for whatever is newer than itself: 252 does not know DDR5.
_NO_TEXTS = frozenset({"", "<OUT OF SPEC>", "<BAD INDEX>", "Not Specified", "Other", "Unknown"})


def read_modules(tree: Tree) -> tuple[MemoryModule, ...] | None:
    """Filled slots in the firmware's order; None if udev says nothing of memory."""
    # Makers put any byte into part numbers.
    text = tree.text(DATABASE_ENTRY, errors="replace") or ""
    slots: dict[int, dict[str, str]] = {}
    for line in text.splitlines():
        found = MODULE_LINE.fullmatch(line)
        if found:
            slots.setdefault(int(found[1]), {})[found[2]] = found[3].strip()
    if not slots:
        return None
    filled = (slot for _, slot in sorted(slots.items()) if slot.get("PRESENT") != "0")
    return tuple(_module(slot) for slot in filled)


def _module(slot: dict[str, str]) -> MemoryModule:
    return MemoryModule(
        size_bytes=_number(slot, "SIZE"),
        technology=_text(slot, "TYPE"),
        form_factor=_text(slot, "FORM_FACTOR"),
        data_bits=_number(slot, "DATA_WIDTH"),
        configured_mts=_number(slot, "CONFIGURED_SPEED_MTS"),
        rated_mts=_number(slot, "SPEED_MTS"),
        locator=_text(slot, "LOCATOR"),
        bank_locator=_text(slot, "BANK_LOCATOR"),
    )


def _text(slot: dict[str, str], key: str) -> str | None:
    text = slot.get(key, "")
    return None if text in _NO_TEXTS else text


def _number(slot: dict[str, str], key: str) -> int | None:
    """Firmware is full of nonsense, so a number that is none is a fact that is missing."""
    try:
        return parse_kernel_number(slot.get(key, "")) or None
    except ValueError:
        return None

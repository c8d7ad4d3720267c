# SPDX-License-Identifier: Apache-2.0
"""What the loader told the kernel: which slot it started, and whether on trial."""

from pathlib import Path
from typing import Literal, NamedTuple

Slot = Literal["a", "b"]

KERNEL_COMMAND_LINE = Path("/proc/cmdline")


class Started(NamedTuple):
    """``trial_id`` is "" for a slot that is not on trial."""

    slot: Slot
    trial_id: str


def read_started(file: Path = KERNEL_COMMAND_LINE) -> Started | None:
    """None on a machine that was not started from a slot, which is any but the box's image."""
    try:
        words = file.read_text("utf-8", "replace").split()
    except OSError:
        return None
    said = dict(word.split("=", 1) for word in words if "=" in word)
    match said.get("atre.slot"):
        case "a":
            return Started("a", said.get("atre.trial", ""))
        case "b":
            return Started("b", said.get("atre.trial", ""))
        case _:
            return None

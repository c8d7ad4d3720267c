# SPDX-License-Identifier: Apache-2.0
"""Which slot starts: what ``image-build/boot/grub.cfg`` does, as a pure function.

The loader reads three files of the EFI system partition, any of which may be absent, empty, cut
short or have flipped bits, and writes one of them. Its rules: the newest valid choice counts; a
slot on trial is started ``TRIES`` times at most, and only if the start could be counted; whatever
is wrong, the last good slot starts; if that cannot be read, the other one.
"""

from collections.abc import Collection

import msgspec

from atre.system.slot import Slot
from atre.updates.env_block import pack, unpack, with_values

SLOTS: tuple[Slot, Slot] = ("a", "b")

# One start is the trial; the others are for power cuts, which leave no other trace.
TRIES = 3
# Text of one length, so that the loader can compare it.
_GENERATION_DIGITS = 10


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What Linux decided.

    ``good`` was confirmed last; ``trial`` starts instead of it for now, under the name
    ``trial_id``; ``kept`` was confirmed before, and is still whole.
    """

    generation: int
    good: Slot
    trial: Slot | None = None
    trial_id: str = ""
    kept: Slot | None = None


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What the loader does: it starts ``slot``, None if no slot can be read.

    ``trial_id`` is "" unless it is on trial; ``try_block`` is what try.env holds afterwards, None
    if it was not touched.
    """

    slot: Slot | None
    trial_id: str = ""
    try_block: bytes | None = None


def other(slot: Slot) -> Slot:
    """The slot that is not this one."""
    return "b" if slot == "a" else "a"


def start(
    choices: tuple[bytes | None, bytes | None],
    try_block: bytes | None,
    readable: Collection[Slot],
) -> Start:
    """What starts, from the files' bytes (None: absent) and the slots with a readable slot.cfg."""
    choice = newest(choices)
    if choice is not None and choice.trial in readable and choice.trial is not None:
        counted = _counted(try_block, choice.trial_id)
        if counted is not None:
            return Start(slot=choice.trial, trial_id=choice.trial_id, try_block=counted)
    good = choice.good if choice is not None else "a"
    found = (slot for slot in (good, other(good)) if slot in readable)
    return Start(slot=next(found, None))


def newest(choices: tuple[bytes | None, bytes | None]) -> Choice | None:
    """The newest valid choice."""
    valid = [choice for choice in map(read_choice, choices) if choice is not None]
    return max(valid, key=lambda choice: choice.generation, default=None)


def read_choice(block: bytes | None) -> Choice | None:
    """What one block says, None if nothing that counts."""
    found = unpack(block)
    names = ("generation", "good", "trial", "trial_id", "kept")
    generation, good, trial, trial_id, kept = (found.get(name, b"") for name in names)
    if found.get("guard") != b":".join((generation, good, trial, trial_id, kept)):
        return None
    if good not in (b"a", b"b") or len(generation) != _GENERATION_DIGITS:
        return None
    if not generation.isdigit():
        return None
    trial_slot = _slot(trial)
    has_trial = trial_slot is not None and trial != good and bool(trial_id)
    return Choice(
        generation=int(generation),
        good="a" if good == b"a" else "b",
        trial=trial_slot if has_trial else None,
        trial_id=trial_id.decode("latin-1") if has_trial else "",
        kept=_slot(kept),
    )


def write_choice(choice: Choice) -> bytes:
    """The block that says so."""
    generation = f"{choice.generation:0{_GENERATION_DIGITS}}"
    trial, kept = choice.trial or "none", choice.kept or "none"
    return pack(
        {
            "generation": generation,
            "good": choice.good,
            "trial": trial,
            "trial_id": choice.trial_id,
            "kept": kept,
            "guard": f"{generation}:{choice.good}:{trial}:{choice.trial_id}:{kept}",
        }
    )


def write_try(trial_id: str, count: int = 0) -> bytes:
    """The block of a trial that was started ``count`` times."""
    return pack({"tried": trial_id, "count": str(count), "guard": f"{trial_id}:{count}"})


def tries(try_block: bytes | None, trial_id: str) -> int | None:
    """How often that trial was started, None if nobody knows."""
    found = unpack(try_block)
    name, count = trial_id.encode(), found.get("count", b"")
    if found.get("tried") != name or found.get("guard") != name + b":" + count:
        return None
    return int(count) if count in (b"0", b"1", b"2", b"3") else None


def _counted(try_block: bytes | None, trial_id: str) -> bytes | None:
    """try.env after one more start of the trial, None if it is not to be started."""
    count = tries(try_block, trial_id)
    if try_block is None or count is None or count >= TRIES:
        return None
    more = str(count + 1)
    return with_values(try_block, {"count": more, "guard": f"{trial_id}:{more}"})


def _slot(value: bytes) -> Slot | None:
    return "a" if value == b"a" else "b" if value == b"b" else None

# SPDX-License-Identifier: Apache-2.0
"""What a box does from a state on, start after start: the boot rule, and slots that are not whole.

A slot that is not whole is refused by dm-verity, which the initrd answers with a new start; the
loader counted the last one. So a trial that is not whole leads back to the good slot after
``TRIES`` starts. That is only the second line of defence: dm-verity notices a wrong block when
something reads it, which a start may not do, and nothing at all verifies the boot image. Therefore
such a trial is told as a problem even where it leads back.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tests.image.slots import Content

from atre.system.slot import Slot
from atre.updates.boot_rule import TRIES, newest, start


@dataclass(frozen=True, slots=True)
class BootFiles:
    """What the loader can read: /atre of the ESP, and the slots whose slot.cfg it finds."""

    choices: tuple[bytes | None, bytes | None]
    try_block: bytes | None
    readable: frozenset[Slot]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The slot that runs in the end, with its version, and what is wrong with the way there.

    ``version`` None: nothing starts. ``n_starts`` counts those that were refused, too.
    """

    version: str | None
    slot: Slot | None = None
    n_starts: int = 1
    is_trial: bool = False
    problems: tuple[str, ...] = ()


def outcome(files: BootFiles, contents: Mapping[Slot, Content]) -> Outcome:
    """The end of it, and problems: a sentence for each."""
    try_block = files.try_block
    problems = list[str]()
    for n_starts in range(1, TRIES + 2):
        begun = start(files.choices, try_block, files.readable)
        if begun.slot is None:
            return Outcome(None, problems=("unbootable: no slot can be read",))
        content = contents[begun.slot]
        if content.whole is not None:
            problems += _way_back(files, contents, begun.slot) if begun.trial_id else []
            return Outcome(
                content.whole, begun.slot, n_starts, bool(begun.trial_id), tuple(problems)
            )
        if not begun.trial_id:
            what = f"slot {begun.slot} starts as good and is no known version"
            return Outcome(None, begun.slot, n_starts, problems=(f"unbootable: {what}",))
        if not problems:
            what = "root or hashes" if content.boot else "boot image, which nothing verifies,"
            problems.append(f"torn trial: slot {begun.slot}: its {what} is no known version")
        try_block = begun.try_block
    raise AssertionError("the boot rule starts a trial more often than it says")


def _way_back(files: BootFiles, contents: Mapping[Slot, Content], running: Slot) -> Collection[str]:
    """A trial that is whole may still be given up: the good slot must be whole all the while."""
    choice = newest(files.choices)
    assert choice is not None
    if contents[choice.good].whole is None or choice.good not in files.readable:
        return [f"no way back: slot {running} is on trial, slot {choice.good} is not whole"]
    return []

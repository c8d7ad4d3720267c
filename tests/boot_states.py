# SPDX-License-Identifier: Apache-2.0
"""States of the boot files to try rules on: whole, absent, empty, cut short, with a bit flipped."""

from collections.abc import Iterator

from atre.system.slot import Slot
from atre.updates.boot_rule import Choice, write_choice, write_try

TRIAL = "0badcafe"
BOTH: frozenset[Slot] = frozenset({"a", "b"})
READABLE: tuple[frozenset[Slot], ...] = (
    BOTH,
    frozenset({"a"}),
    frozenset({"b"}),
    frozenset(),
)

SETTLED = write_choice(Choice(generation=7, good="a", kept="b"))
BEFORE = write_choice(Choice(generation=6, good="b", kept="a"))
ON_TRIAL = write_choice(Choice(generation=8, good="a", trial="b", trial_id=TRIAL))
WORDS = len(ON_TRIAL.rstrip(b"#"))  # what comes after is free space


def damaged(block: bytes, *, every_bit_up_to: int) -> Iterator[bytes | None]:
    """The block absent, empty, cut at each byte of its words, and with each bit flipped."""
    yield None
    for length in range(WORDS + 3):
        yield block[:length]
    for place in range(every_bit_up_to):
        for bit in range(8):
            yield block[:place] + bytes([block[place] ^ (1 << bit)]) + block[place + 1 :]


def tries() -> list[bytes | None]:
    """Records of tries: of this trial, of another, none, and nonsense."""
    return [
        None,
        write_try(TRIAL, 0),
        write_try(TRIAL, 3),
        write_try("another0", 0),
        b"\xff" * 1024,
    ]

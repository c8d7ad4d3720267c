# SPDX-License-Identifier: Apache-2.0
"""GRUB itself and the pure rule, held against each other on the same states of the boot files."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.boot_states import BEFORE, BOTH, ON_TRIAL, READABLE, SETTLED, TRIAL, WORDS, damaged
from tests.boot_states import tries as try_records
from tests.grub_rehearsal import Files, Ran, missing, rehearse, start_disk

from atre.updates.boot_rule import Choice as BootChoice
from atre.updates.boot_rule import Start, start, write_choice, write_try

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()}")

_HEADER = 25  # bytes of a block that are always the same


def _states() -> Iterator[Files]:
    for pair, record, readable in itertools.product(
        [(BEFORE, SETTLED), (SETTLED, ON_TRIAL), (ON_TRIAL, SETTLED), (None, ON_TRIAL)],
        [*try_records(), *(write_try(TRIAL, count) for count in (1, 2))],
        READABLE,
    ):
        yield Files(pair, record, readable)
    # One bit of each byte that says something, another one each time, and a cut after it.
    blocks = list(damaged(ON_TRIAL, every_bit_up_to=WORDS))
    cuts, flips = blocks[_HEADER : WORDS + 4], blocks[WORDS + 4 :]
    for block in [*blocks[:2], *cuts, *flips[_HEADER * 8 :: 7]]:
        yield Files((SETTLED, block), write_try(TRIAL), BOTH)
    record = write_try(TRIAL, 1)
    words = len(record.rstrip(b"#"))
    for block in list(damaged(record, every_bit_up_to=words))[_HEADER::5]:
        yield Files((SETTLED, ON_TRIAL), block, BOTH)
    # Free space that is none: the loader cannot write there, and so must not try.
    for place in (words, words + 1, 1023):
        block = record[:place] + b"c" + record[place + 1 :]
        yield Files((SETTLED, ON_TRIAL), block, BOTH)


def _expected(case: Files) -> Ran:
    found: Start = start(case.choices, case.try_block, case.readable)
    return Ran(found.slot, found.trial_id, found.try_block or case.try_block)


def test_grub_does_what_the_rule_says(tmp_path: Path) -> None:
    cases = list(_states())
    ran = rehearse(tmp_path, cases)
    wrong = [
        (case, _expected(case), found)
        for case, found in zip(cases, ran, strict=True)
        if found != _expected(case)
    ]
    assert len(cases) > 300
    assert not wrong, wrong[:3]


def test_on_a_whole_disk_the_slot_of_that_disk_is_started(tmp_path: Path) -> None:
    choice = write_choice(BootChoice(generation=1, good="a", trial="b", trial_id=TRIAL))
    said = start_disk(tmp_path, Files((None, choice), write_try(TRIAL), BOTH))
    words = [line.split("WORD ", 1)[1].strip() for line in said.splitlines() if "WORD " in line]
    assert words[:5] == [
        "(hd0,gpt5)/vmlinuz",
        "root=of-b",
        "panic=10",
        "atre.slot=b",
        f"atre.trial={TRIAL}",
    ]
    # What cannot be started gives way to the last good one, and then to anything.
    assert [word for word in words if word.startswith("atre.slot")] == [
        "atre.slot=b",
        "atre.slot=a",
        "atre.slot=b",
    ]

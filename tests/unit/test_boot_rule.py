# SPDX-License-Identifier: Apache-2.0
import itertools

import pytest
from tests.boot_states import BEFORE, BOTH, ON_TRIAL, READABLE, SETTLED, TRIAL, WORDS, damaged
from tests.boot_states import tries as try_records

from atre.system.slot import Slot
from atre.updates.boot_rule import (
    SLOTS,
    TRIES,
    Choice,
    Start,
    newest,
    other,
    read_choice,
    start,
    tries,
    write_choice,
    write_try,
)
from atre.updates.env_block import SIZE, pack, unpack, with_values

PAIRS = [(BEFORE, SETTLED), (SETTLED, ON_TRIAL), (ON_TRIAL, SETTLED)]


def test_the_newest_choice_counts_wherever_it_lies() -> None:
    assert newest((BEFORE, SETTLED)) == newest((SETTLED, BEFORE)) == read_choice(SETTLED)
    assert start((SETTLED, BEFORE), None, BOTH) == Start(slot="a")


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_choice_counts_as_it_was_or_not_at_all(
    pair: tuple[bytes, bytes], which: int
) -> None:
    missing = (None, pair[1]) if which == 0 else (pair[0], None)
    for record, readable in itertools.product(try_records(), READABLE):
        allowed = (start(pair, record, readable), start(missing, record, readable))
        for block in damaged(pair[which], every_bit_up_to=WORDS):
            files = (block, pair[1]) if which == 0 else (pair[0], block)
            found = start(files, record, readable)
            assert found in allowed
            assert (found.slot is not None) == bool(readable)


def test_every_flipped_bit_of_the_whole_file_boots_the_last_good_or_the_trial() -> None:
    for block in damaged(ON_TRIAL, every_bit_up_to=SIZE):
        assert start((SETTLED, block), write_try(TRIAL), BOTH).slot in ("a", "b")
        assert start((SETTLED, block), None, BOTH).slot == "a"


def test_both_choices_damaged_boot_what_can_be_read() -> None:
    bad = (None, b"", b"\0" * SIZE, b"\xff" * SIZE, ON_TRIAL[:60], b"# GRUB Environment Block\n")
    for files in itertools.product(bad, bad):
        for record, readable in itertools.product(try_records(), READABLE):
            expected = next((slot for slot in SLOTS if slot in readable), None)
            assert start(files, record, readable) == Start(slot=expected)


def test_a_settled_slot_is_never_counted() -> None:
    for files in ((BEFORE, SETTLED), (SETTLED, None), (None, BEFORE)):
        for record, readable in itertools.product(try_records(), READABLE):
            found = start(files, record, readable)
            assert found.try_block is None
            assert found.trial_id == ""
            if readable == BOTH:
                choice = newest(files)
                assert choice is not None
                assert found.slot == choice.good


def test_a_trial_is_started_three_times_and_then_the_last_good() -> None:
    record: bytes | None = write_try(TRIAL)
    begun = []
    for _ in range(TRIES + 2):
        found = start((SETTLED, ON_TRIAL), record, BOTH)
        begun.append(found.slot)
        record = found.try_block or record
    assert begun == ["b", "b", "b", "a", "a"]
    assert tries(record, TRIAL) == TRIES


def test_a_damaged_record_of_tries_never_gives_more_of_them() -> None:
    for count in range(TRIES + 1):
        for record in damaged(write_try(TRIAL, count), every_bit_up_to=SIZE):
            found = start((SETTLED, ON_TRIAL), record, BOTH)
            if found.slot == "b":
                assert count < TRIES
                assert tries(found.try_block, TRIAL) == count + 1
            else:
                assert found == Start(slot="a")


@pytest.mark.parametrize("record", [None, b"", b"\xff" * 1024, write_try("another0")])
def test_without_a_record_of_its_own_a_trial_is_not_started(record: bytes | None) -> None:
    assert start((SETTLED, ON_TRIAL), record, BOTH) == Start(slot="a")


def test_a_trial_that_cannot_be_read_is_not_counted() -> None:
    found = start((SETTLED, ON_TRIAL), write_try(TRIAL), frozenset({"a"}))
    assert found == Start(slot="a")


def test_an_unconfirmed_slot_starts_when_it_is_all_that_can_be_read() -> None:
    assert start((SETTLED, None), None, frozenset({"b"})) == Start(slot="b")


@pytest.mark.parametrize("slot", SLOTS)
def test_a_choice_is_read_as_it_was_written(slot: Slot) -> None:
    for choice in (
        Choice(generation=0, good=slot),
        Choice(generation=4_000_000_000, good=slot, trial=other(slot), trial_id="00ff00ff"),
        Choice(generation=1, good=slot, kept=other(slot)),
    ):
        block = write_choice(choice)
        assert len(block) == SIZE
        assert read_choice(block) == choice


def test_a_trial_of_the_good_slot_is_no_trial() -> None:
    choice = read_choice(write_choice(Choice(generation=1, good="a", trial="a", trial_id=TRIAL)))
    assert choice == Choice(generation=1, good="a")


def test_blocks_are_read_as_grub_reads_them() -> None:
    assert unpack(pack({"x": "1", "y": ""})) == {"x": b"1", "y": b""}
    header = b"# GRUB Environment Block\n"
    assert unpack(header + b"x=1\ny=2") == {"x": b"1"}  # no end of line: broken from there
    assert unpack(header + b"x1\ny=2\n") == {"x1\ny": b"2"}
    assert unpack(header + b"x=a\\\nb\n") == {"x": b"a\nb"}
    assert unpack(header + b"#x=1\ny=2\n") == {"y": b"2"}
    assert unpack(b"# GRUB Environment Blocc\nx=1\n") == {}
    assert with_values(header + b"x=1\n##a##", {"x": "2"}) is None
    with pytest.raises(ValueError, match="holds 1024 bytes"):
        pack({"x": "1" * SIZE})

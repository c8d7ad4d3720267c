# SPDX-License-Identifier: Apache-2.0
from tests.boot_states import BOTH, ON_TRIAL, SETTLED, TRIAL
from tests.image.boot_outcome import BootFiles, Outcome, outcome
from tests.image.slots import Content

from atre.updates.boot_rule import TRIES, read_choice, write_try

OLD = Content(frozenset({"1"}), frozenset({"1"}))
NEW = Content(frozenset({"2"}), frozenset({"2"}))
TORN_ROOT = Content(frozenset({"2"}), frozenset())
TORN_BOOT = Content(frozenset(), frozenset({"2"}))
MIXED = Content(frozenset({"2"}), frozenset({"1"}))
ON_THE_WAY = BootFiles((SETTLED, ON_TRIAL), write_try(TRIAL), BOTH)
AT_REST = BootFiles((SETTLED, None), None, BOTH)


def test_the_states_are_of_slot_a_good_and_slot_b_on_trial() -> None:
    settled, on_trial = read_choice(SETTLED), read_choice(ON_TRIAL)
    assert settled
    assert on_trial
    assert (settled.good, on_trial.good, on_trial.trial) == ("a", "a", "b")


def test_a_whole_slot_starts_at_once() -> None:
    assert outcome(AT_REST, {"a": OLD, "b": TORN_ROOT}) == Outcome("1", "a")
    assert outcome(ON_THE_WAY, {"a": OLD, "b": NEW}) == Outcome("2", "b", is_trial=True)


def test_a_torn_trial_leads_back_after_its_tries_and_is_told() -> None:
    for torn, part in (
        (TORN_ROOT, "root or hashes"),
        (MIXED, "root or"),
        (TORN_BOOT, "boot image"),
    ):
        found = outcome(ON_THE_WAY, {"a": OLD, "b": torn})
        assert (found.version, found.slot, found.n_starts) == ("1", "a", TRIES + 1)
        assert len(found.problems) == 1
        assert found.problems[0].startswith("torn trial: slot b")
        assert part in found.problems[0]


def test_a_good_slot_that_is_torn_is_the_end() -> None:
    for torn in (TORN_ROOT, MIXED):
        found = outcome(AT_REST, {"a": torn, "b": NEW})
        assert found.version is None
        assert found.problems == ("unbootable: slot a starts as good and is no known version",)
    both = outcome(ON_THE_WAY, {"a": TORN_BOOT, "b": TORN_ROOT})
    assert both.version is None
    assert both.n_starts == TRIES + 1


def test_a_trial_needs_a_whole_slot_behind_it() -> None:
    found = outcome(ON_THE_WAY, {"a": TORN_ROOT, "b": NEW})
    assert found.version == "2"
    assert found.problems == ("no way back: slot b is on trial, slot a is not whole",)


def test_both_choices_lost_start_slot_a_whatever_was_good() -> None:
    lost = BootFiles((None, b"garbage"), None, BOTH)
    assert outcome(lost, {"a": OLD, "b": NEW}).version == "1"
    assert outcome(lost, {"a": TORN_ROOT, "b": NEW}).version is None
    assert outcome(BootFiles((None, None), None, frozenset()), {"a": OLD, "b": NEW}).problems == (
        "unbootable: no slot can be read",
    )

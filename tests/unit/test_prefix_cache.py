# SPDX-License-Identifier: Apache-2.0
import numpy as np

from atre.engine.kv_cache import Admission, Release, Restore, Save, Share, Trim
from atre.engine.prefix_cache import PrefixCache
from atre.engine.radix_tree import Tokens
from atre.engine.snapshots import Snapshots

CONVERSATION = list(range(10, 30))


def array(tokens: list[int]) -> Tokens:
    return np.asarray(tokens, np.int32)


def make(num_cells: int = 100, num_slots: int = 4, public: tuple[int, ...] = ()) -> PrefixCache:
    return PrefixCache(
        num_cells=num_cells, num_slots=num_slots, public=public, most_remembered=num_cells
    )


def serve(kv: PrefixCache, user: str, tokens: list[int]) -> Admission:
    """Admit, compute and end one sequence."""
    admission = kv.admit(user, array(tokens))
    assert admission is not None
    kv.record(admission.slot, array(tokens))
    kv.finish(admission.slot, array(tokens))
    kv.check()
    return admission


def test_a_conversation_that_goes_on_is_read_from_where_it_ended() -> None:
    kv = make()
    first = serve(kv, "anna", CONVERSATION)
    kv.operations.clear()
    second = serve(kv, "anna", [*CONVERSATION, 1, 2, 3])
    assert second.num_cached == len(CONVERSATION)
    assert kv.operations[0] == Share(first.slot, second.slot, 0, len(CONVERSATION))
    assert Release(first.slot) in kv.operations, "the longer one holds all of the shorter"
    assert kv.num_used == len(CONVERSATION) + 3


def test_the_last_token_is_always_computed_for_its_logits() -> None:
    kv = make()
    serve(kv, "anna", CONVERSATION)
    assert serve(kv, "anna", CONVERSATION).num_cached == len(CONVERSATION) - 1


def test_nothing_is_shared_between_people() -> None:
    kv = make()
    serve(kv, "anna", CONVERSATION)
    assert kv.match("bo", array(CONVERSATION)) == 0
    assert serve(kv, "bo", CONVERSATION).num_cached == 0


def test_the_public_tokens_are_shared_by_all_and_counted_once() -> None:
    public = (1, 2, 3, 4)
    kv = make(public=public)
    assert kv.num_used == 4
    for user in ("anna", "bo"):
        kv.operations.clear()
        admission = serve(kv, user, [*public, 7, 8])
        assert admission.num_cached == 4
        assert kv.operations[0] == Share(kv.public_slot or 0, admission.slot, 0, 4)
    assert kv.num_used == 4 + 2 + 2
    assert serve(kv, "carl", [1, 2, 9]).num_cached == 0, "half of the public tokens is no match"


def test_the_least_recently_used_goes_first_and_the_running_never() -> None:
    kv = make(num_cells=25, num_slots=8)
    for user in ("anna", "bo"):
        serve(kv, user, CONVERSATION[:8])
    serve(kv, "anna", CONVERSATION[:8])
    running = kv.admit("carl", array([1] * 15))
    assert running is not None
    assert kv.match("bo", array(CONVERSATION[:8])) == 0
    assert kv.match("anna", array(CONVERSATION[:8])) == 7
    assert kv.admit("dora", array([2] * 11)) is None
    kv.check()
    assert kv.match("anna", array(CONVERSATION[:8])) == 7, "no eviction for what does not fit"


def test_growth_evicts_first_and_fails_only_when_all_is_in_use() -> None:
    kv = make(num_cells=10)
    serve(kv, "anna", [1, 2, 3, 4])
    running = kv.admit("bo", array([5, 6, 7, 8, 9]))
    assert running is not None
    assert all(kv.grow(running.slot) for _ in range(5))
    assert kv.num_used == 10
    assert not kv.grow(running.slot)
    assert kv.match("anna", array([1, 2, 3, 4])) == 0


def test_with_a_single_slot_the_old_makes_way_for_the_new() -> None:
    kv = make(num_slots=1)
    serve(kv, "anna", CONVERSATION)
    again = serve(kv, "anna", [*CONVERSATION, 1])
    assert again.num_cached == 0


def test_two_that_computed_the_same_end_up_in_the_same_cells() -> None:
    kv = make()
    both = [kv.admit("anna", array(CONVERSATION)) for _ in range(2)]
    assert kv.num_used == 2 * len(CONVERSATION)
    for admission in both:
        assert admission is not None
        kv.record(admission.slot, array(CONVERSATION))
    assert kv.num_used == len(CONVERSATION)
    first, second = both
    assert first is not None
    assert second is not None
    assert kv.operations[-1] == Share(first.slot, second.slot, 0, len(CONVERSATION))


def test_a_dropped_sequence_leaves_nothing_behind() -> None:
    kv = make()
    admission = kv.admit("anna", array(CONVERSATION))
    assert admission is not None
    kv.record(admission.slot, array(CONVERSATION[:5]))
    kv.drop(admission.slot)
    assert kv.num_used == 0
    assert kv.match("anna", array(CONVERSATION)) == 0
    assert kv.operations[-1] == Release(admission.slot)


def test_cells_of_wrong_guesses_are_given_back() -> None:
    kv = make()
    admission = kv.admit("anna", array([1, 2, 3]))
    assert admission is not None
    kv.record(admission.slot, array([1, 2, 3]))
    assert all(kv.grow(admission.slot) for _ in range(5))
    kv.shrink(admission.slot, 4)
    assert kv.num_used == kv.num_in_use == 4
    assert kv.lacks_cell(admission.slot, 5)


def test_no_more_is_remembered_than_may_slow_everybody_down() -> None:
    kv = PrefixCache(num_cells=100, num_slots=8, most_remembered=30)
    for user in ("anna", "bo", "carl"):
        serve(kv, user, CONVERSATION[:14])
    assert kv.num_used == 28
    assert kv.match("anna", array(CONVERSATION[:14])) == 0
    assert kv.match("carl", array(CONVERSATION[:14])) == 13


class Copying:
    """A cache with room for copies, and what a model would make of its operations."""

    def __init__(self, *, num_cells: int = 100, public: tuple[int, ...] = ()) -> None:
        self.snapshots = Snapshots(max_bytes=1000)
        self.kv = PrefixCache(
            num_cells=num_cells,
            num_slots=8,
            public=public,
            snapshots=self.snapshots,
            least_tokens=4,
        )
        self.saved: list[list[int]] = []

    def apply(self) -> list[object]:
        """Take the operations; keep the copies that they ask for."""
        taken: list[object] = list(self.kv.operations)
        self.kv.operations.clear()
        for operation in taken:
            if isinstance(operation, Save):
                tokens = operation.prefix.tokens.tolist()
                self.saved.append(tokens)
                self.snapshots.put(operation.prefix, bytearray(tokens))
        self.kv.check()
        return taken

    def start(self, user: str, tokens: list[int]) -> Admission:
        admission = self.kv.admit(user, array(tokens))
        assert admission is not None
        self.kv.record(admission.slot, array(tokens))
        return admission

    def end(self, admission: Admission, tokens: list[int]) -> None:
        self.kv.finish(admission.slot, array(tokens))


def test_what_is_only_remembered_leaves_the_cells_when_somebody_else_runs() -> None:
    box = Copying()
    box.end(box.start("anna", CONVERSATION), CONVERSATION)
    assert box.kv.num_used == len(CONVERSATION), "nobody runs: it stays"
    box.start("bo", [1, 2, 3])
    box.apply()
    assert box.saved == [CONVERSATION]
    assert box.kv.num_used == box.kv.num_in_use == 3
    box.start("carl", CONVERSATION)
    box.end(box.start("anna", [5] * 10), [5] * 10)
    box.apply()
    assert box.saved[-1] == [5] * 10, "others run when it ends: it leaves at once"


def test_a_copy_is_continued_cut_where_it_differs_and_shared_where_others_hold_it() -> None:
    public = (1, 2, 3)
    box = Copying(public=public)
    told = [*public, *CONVERSATION]
    box.end(box.start("anna", told), told)
    running = box.start("anna", [*told[:8], 99])
    box.apply()
    again = box.start("anna", [*told[:18], 7, 7])
    assert again.num_cached == 18
    assert box.apply() == [
        Restore(again.slot, bytearray(told)),
        Trim(again.slot, 18),
        Share(box.kv.public_slot or 0, again.slot, 0, 3),
        Share(running.slot, again.slot, 3, 8),
    ]
    assert box.kv.num_used == 3 + 6 + 12, "public, the running one, and what is new of this one"


def test_a_copy_is_not_used_without_room_for_all_of_it() -> None:
    box = Copying(num_cells=25)
    box.end(box.start("anna", CONVERSATION), CONVERSATION)
    box.start("bo", [1] * 8)
    box.apply()
    assert box.start("anna", CONVERSATION[:12]).num_cached == 0


def test_cells_are_free_for_all_of_a_copy_before_it_is_laid_out_and_cut() -> None:
    box = Copying(num_cells=40)
    told = [*CONVERSATION, *CONVERSATION[:12]]
    box.end(box.start("anna", told), told)
    box.end(box.start("bo", [1] * 9), [1] * 9)
    box.apply()
    assert box.saved == [told]
    assert box.kv.num_used == 9, "nobody runs: it stays"
    again = box.start("anna", [*told[:20], 7])
    laid_out = box.apply()
    assert again.num_cached == 20
    places = [isinstance(each, Release) for each in laid_out]
    assert places.index(True) < laid_out.index(Restore(again.slot, bytearray(told)))


def test_what_is_short_is_forgotten_instead_of_copied() -> None:
    box = Copying()
    box.end(box.start("anna", [1, 2, 3, 4]), [1, 2, 3, 4])
    box.start("bo", [9])
    box.apply()
    assert box.saved == []
    assert box.kv.match("anna", array([1, 2, 3, 4, 5])) == 0
    assert box.kv.num_used == 1


def test_a_longer_copy_takes_the_place_of_those_it_covers() -> None:
    box = Copying()
    box.start("bo", [9])
    for tokens in (CONVERSATION[:10], CONVERSATION):
        box.end(box.start("anna", tokens), tokens)
        box.apply()
    assert box.snapshots.num_bytes == len(CONVERSATION)


def test_a_preempted_sequence_goes_on_from_its_copy() -> None:
    box = Copying(num_cells=40)
    box.start("bo", [9] * 5)
    first = box.start("anna", CONVERSATION)
    box.end(first, CONVERSATION)
    box.apply()
    again = box.start("anna", [*CONVERSATION, 1])
    assert again.num_cached == len(CONVERSATION)


def test_nobody_gets_another_persons_copy() -> None:
    box = Copying()
    box.end(box.start("anna", CONVERSATION), CONVERSATION)
    box.start("bo", [9])
    box.apply()
    assert box.kv.match("bo", array(CONVERSATION)) == 0
    assert box.start("bo", CONVERSATION).num_cached == 0

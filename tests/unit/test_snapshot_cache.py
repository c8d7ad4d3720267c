# SPDX-License-Identifier: Apache-2.0
import numpy as np

from atre.engine.kv_cache import Admission, Release, Restore, Save
from atre.engine.radix_tree import Tokens
from atre.engine.snapshot_cache import SnapshotCache
from atre.engine.snapshots import Snapshots

PROMPT = list(range(10, 30))


def array(tokens: list[int]) -> Tokens:
    return np.asarray(tokens, np.int32)


def make(max_bytes: int = 1000) -> tuple[SnapshotCache, Snapshots]:
    snapshots = Snapshots(max_bytes=max_bytes)
    kv = SnapshotCache(num_cells=100, num_slots=2, snapshots=snapshots, least_tokens=4)
    return kv, snapshots


def serve(kv: SnapshotCache, snapshots: Snapshots, user: str, tokens: list[int]) -> Admission:
    """Admit, read up to the cut and to the end, and end one sequence, as the engine does."""
    admission = kv.admit(user, array(tokens))
    assert admission is not None
    cut = kv.last_cut(len(tokens))
    if cut > admission.num_cached:
        kv.record(admission.slot, array(tokens[:cut]))
    kv.record(admission.slot, array(tokens))
    for operation in kv.operations:
        if isinstance(operation, Save):
            snapshots.put(operation.prefix, bytearray(tokens[:cut]))
    kv.finish(admission.slot, array(tokens))
    return admission


def test_reading_pauses_before_the_last_token_of_what_is_worth_it() -> None:
    kv, _ = make()
    assert kv.last_cut(20) == 19
    assert kv.last_cut(4) == 0


def test_the_same_prompt_and_one_that_goes_on_start_from_the_copy() -> None:
    kv, snapshots = make()
    assert serve(kv, snapshots, "anna", PROMPT).num_cached == 0
    kv.operations.clear()
    again = serve(kv, snapshots, "anna", PROMPT)
    assert again.num_cached == len(PROMPT) - 1
    assert kv.operations[0] == Restore(again.slot, bytearray(PROMPT[:-1]))
    assert serve(kv, snapshots, "anna", [*PROMPT, 1, 2]).num_cached == len(PROMPT) - 1


def test_a_token_is_always_left_to_compute() -> None:
    kv, snapshots = make()
    serve(kv, snapshots, "anna", PROMPT)
    assert serve(kv, snapshots, "anna", PROMPT[:-1]).num_cached < len(PROMPT) - 1


def test_nothing_is_shared_between_people() -> None:
    kv, snapshots = make()
    serve(kv, snapshots, "anna", PROMPT)
    assert serve(kv, snapshots, "bo", PROMPT).num_cached == 0


def test_a_copy_that_was_not_kept_is_not_counted_on() -> None:
    kv, snapshots = make(max_bytes=5)
    serve(kv, snapshots, "anna", PROMPT)
    assert serve(kv, snapshots, "anna", PROMPT).num_cached == 0


def test_slots_and_cells_come_back() -> None:
    kv, snapshots = make()
    both = [kv.admit("anna", array(PROMPT)) for _ in range(2)]
    assert kv.admit("anna", array(PROMPT)) is None, "no slot"
    for admission in both:
        assert admission is not None
        kv.drop(admission.slot)
        assert kv.operations[-1] == Release(admission.slot)
    assert kv.num_in_use == 0
    assert kv.admit("anna", array([1] * 101)) is None, "no cells"
    assert serve(kv, snapshots, "anna", PROMPT).num_cached == 0

# SPDX-License-Identifier: Apache-2.0
from atre.engine.kv_cache import KVCache
from atre.engine.scheduler import Scheduler
from atre.engine.sequence import Chunk, Sequence, Status
from atre.ipc.messages import Priority


def sequence(number: int, num_prompt: int, priority: Priority = Priority.API) -> Sequence:
    return Sequence(
        id=number,
        tokens=[0] * num_prompt,
        num_prompt=num_prompt,
        max_tokens=100,
        priority=priority,
    )


def make(num_cells: int = 100, num_slots: int = 4, max_batch_tokens: int = 16) -> Scheduler:
    kv = KVCache(num_cells=num_cells, num_slots=num_slots)
    return Scheduler(kv, max_batch_tokens=max_batch_tokens)


def compute(scheduler: Scheduler) -> list[Chunk]:
    batch = scheduler.schedule()
    sampled = {chunk.sequence.id: 1 for chunk in batch if chunk.is_last}
    scheduler.update(batch, sampled)
    return batch


def shape(batch: list[Chunk]) -> list[tuple[int, int]]:
    return [(chunk.sequence.id, chunk.num_tokens) for chunk in batch]


def test_a_long_prompt_is_read_in_chunks_of_the_budget() -> None:
    scheduler = make()
    scheduler.add(sequence(1, 40))
    assert [shape(compute(scheduler)) for _ in range(4)] == [
        [(1, 16)], [(1, 16)], [(1, 8)], [(1, 1)],
    ]  # fmt: skip


def test_decode_tokens_come_first_and_prompts_share_the_rest() -> None:
    scheduler = make()
    scheduler.add(sequence(1, 4))
    compute(scheduler)
    scheduler.add(sequence(2, 40))
    assert shape(compute(scheduler)) == [(1, 1), (2, 15)]


def test_admission_waits_for_cells_and_keeps_the_order() -> None:
    scheduler = make(num_cells=30)
    for number in (1, 2, 3):
        scheduler.add(sequence(number, 20))
    compute(scheduler)
    assert [s.id for s in scheduler.running] == [1]
    scheduler.finish(scheduler.running[0])
    compute(scheduler)
    assert [s.id for s in scheduler.running] == [2]


def test_admission_waits_for_a_slot() -> None:
    scheduler = make(num_slots=1)
    scheduler.add(sequence(1, 1))
    scheduler.add(sequence(2, 1))
    assert shape(compute(scheduler)) == [(1, 1)]


def test_the_newest_of_the_lowest_class_is_preempted_and_comes_back() -> None:
    scheduler = make(num_cells=12)
    background = sequence(1, 4, Priority.BACKGROUND)
    chat = sequence(2, 4, Priority.CHAT)
    newer_chat = sequence(3, 4, Priority.CHAT)
    for each in (background, chat, newer_chat):
        scheduler.add(each)
    compute(scheduler)
    compute(scheduler)
    assert background.status is Status.WAITING
    assert background.num_computed == 0
    assert {s.id for s in scheduler.running} == {2, 3}
    scheduler.finish(chat)
    scheduler.finish(newer_chat)
    assert shape(scheduler.schedule()) == [(1, 5)], "prompt and generated token are read again"


def test_a_released_slot_is_reported_before_it_is_used_again() -> None:
    scheduler = make(num_slots=1)
    first = sequence(1, 4)
    scheduler.add(first)
    compute(scheduler)
    scheduler.finish(first)
    assert scheduler.released_slots == [0]


def test_finishing_twice_or_while_waiting_is_harmless() -> None:
    scheduler = make()
    waiting = sequence(1, 4)
    scheduler.add(waiting)
    scheduler.finish(waiting)
    scheduler.finish(waiting)
    assert not scheduler.schedule()

# SPDX-License-Identifier: Apache-2.0
from atre.engine.pace import FixedPace
from atre.engine.prefix_cache import PrefixCache
from atre.engine.scheduler import Scheduler
from atre.engine.sequence import Chunk, Sequence, Status
from atre.ipc.messages import Priority


def sequence(
    number: int,
    num_prompt: int,
    *,
    priority: Priority = Priority.API,
    user: str | None = None,
    token: int | None = None,
) -> Sequence:
    return Sequence(
        id=number,
        tokens=[number if token is None else token] * num_prompt,
        num_prompt=num_prompt,
        max_tokens=100,
        priority=priority,
        user=user or f"user {number}",
    )


def make(num_cells: int = 100, max_running: int = 4, max_batch_tokens: int = 16) -> Scheduler:
    kv = PrefixCache(num_cells=num_cells, num_slots=2 * max_running)
    return Scheduler(kv, max_running=max_running, pace=FixedPace(max_batch_tokens))


def compute(scheduler: Scheduler) -> list[Chunk]:
    batch = scheduler.schedule()
    sampled = {chunk.sequence.id: [1] for chunk in batch if chunk.is_last}
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


def test_no_more_run_than_may() -> None:
    scheduler = make(max_running=1)
    scheduler.add(sequence(1, 1))
    scheduler.add(sequence(2, 1))
    assert shape(compute(scheduler)) == [(1, 1)]


def test_the_newest_of_the_lowest_class_is_preempted_and_comes_back() -> None:
    scheduler = make(num_cells=12)
    background = sequence(1, 4, priority=Priority.BACKGROUND)
    chat = sequence(2, 4, priority=Priority.CHAT)
    newer_chat = sequence(3, 4, priority=Priority.CHAT)
    for each in (background, chat, newer_chat):
        scheduler.add(each)
    compute(scheduler)
    compute(scheduler)
    assert background.status is Status.WAITING
    assert background.num_computed == 0
    assert {s.id for s in scheduler.running} == {2, 3}
    scheduler.finish(chat)
    scheduler.finish(newer_chat)
    scheduler.schedule()
    assert background in scheduler.running


def test_finishing_twice_or_while_waiting_is_harmless() -> None:
    scheduler = make()
    waiting = sequence(1, 4)
    scheduler.add(waiting)
    scheduler.finish(waiting)
    scheduler.finish(waiting)
    assert not scheduler.schedule()


def test_the_least_served_person_is_admitted_first() -> None:
    scheduler = make(max_running=1)
    heavy = [sequence(number, 10, user="heavy") for number in (1, 2, 3)]
    for each in heavy:
        scheduler.add(each)
    compute(scheduler)
    light = sequence(4, 10, user="light")
    scheduler.add(light)
    assert scheduler.in_order()[0] is light
    scheduler.finish(heavy[0])
    compute(scheduler)
    assert scheduler.running == [light]


def test_a_chat_goes_before_an_api_call_and_that_before_the_background() -> None:
    scheduler = make(max_running=1)
    for number, priority in enumerate([Priority.BACKGROUND, Priority.API, Priority.CHAT], start=1):
        scheduler.add(sequence(number, 4, priority=priority))
    assert [s.id for s in scheduler.in_order()] == [3, 2, 1]


def test_who_was_away_is_lifted_and_cannot_take_what_was_saved_up() -> None:
    scheduler = make(max_running=1)
    for number in range(1, 6):
        scheduler.add(sequence(number, 16, user="busy"))
    for _ in range(4):
        compute(scheduler)
        scheduler.finish(scheduler.running[0])
    scheduler.add(sequence(6, 4, user="back"))
    keys = {s.user: scheduler.fair_share.key(s)[1] for s in scheduler.in_order()}
    assert keys["busy"] - keys["back"] == 16 + 2, "no more than the last request of the other"


def test_who_ran_one_request_all_the_time_has_saved_nothing_up() -> None:
    scheduler = make(num_cells=1000, max_running=2)
    scheduler.add(sequence(1, 4, user="steady"))
    for number in range(2, 30):
        scheduler.add(sequence(number, 16, user="busy"))
    for _ in range(20):
        compute(scheduler)
        scheduler.finish(scheduler.running[-1])
    for number in range(30, 40):
        scheduler.add(sequence(number, 16, user="steady"))
    admitted = []
    for _ in range(6):
        compute(scheduler)
        admitted.append(scheduler.running[-1].user)
        scheduler.finish(scheduler.running[-1])
    assert set(admitted) == {"busy", "steady"}


def test_what_is_charged_ahead_lets_two_people_in_by_turns() -> None:
    scheduler = make(num_cells=400)
    for number in (1, 2, 3):
        scheduler.add(sequence(number, 20, user="heavy"))
    scheduler.add(sequence(4, 10, user="light"))
    scheduler.add(sequence(5, 10, user="light"))
    scheduler.schedule()
    assert [s.user for s in scheduler.running] == ["heavy", "light", "light", "heavy"]


def test_a_prefix_that_somebody_is_computing_is_waited_for_and_shared() -> None:
    scheduler = make(num_cells=400)
    leader = sequence(1, 100, user="anna", token=7)
    follower = sequence(2, 110, user="anna", token=7)
    stranger = sequence(3, 100, user="bo", token=7)
    scheduler.add(leader)
    compute(scheduler)
    scheduler.add(follower)
    scheduler.add(stranger)
    compute(scheduler)
    assert follower.status is Status.WAITING
    assert stranger.num_cached == 0, "another person's prefix is not shared"
    while leader.num_completion == 0:
        compute(scheduler)
    compute(scheduler)
    assert follower.num_cached is not None
    assert follower.num_cached >= 100 - 32


def test_a_follower_goes_on_alone_when_its_leader_leaves() -> None:
    scheduler = make(num_cells=400)
    leader = sequence(1, 100, user="anna", token=7)
    follower = sequence(2, 110, user="anna", token=7)
    for each in (leader, follower):
        scheduler.add(each)
    compute(scheduler)
    compute(scheduler)
    scheduler.finish(leader)
    compute(scheduler)
    assert follower.num_cached == 32, "what the leader computed is not lost"


def test_the_prompt_of_the_least_served_is_read_first() -> None:
    scheduler = make(num_cells=400)
    heavy = sequence(1, 100, user="heavy")
    scheduler.add(heavy)
    compute(scheduler)
    scheduler.add(sequence(2, 20, user="light"))
    assert shape(compute(scheduler)) == [(2, 16)]
    assert shape(compute(scheduler)) == [(2, 4), (1, 12)], "to its end"


def test_a_generated_token_is_charged_as_two_that_are_read() -> None:
    scheduler = make()
    writer = sequence(1, 10)
    scheduler.add(writer)
    for _ in range(5):
        compute(scheduler)
    assert writer.num_completion == 5
    assert scheduler.fair_share.key(writer)[1] == 10 + 2 * 5


def test_guesses_never_go_beyond_the_end_of_an_answer() -> None:
    kv = PrefixCache(num_cells=100, num_slots=4)
    scheduler = Scheduler(kv, max_running=2, pace=FixedPace(16, draft_length=8))
    quoting = sequence(1, 12, token=7)
    quoting.max_tokens = 4
    quoting.lookup.update(quoting.tokens)
    scheduler.add(quoting)
    first = scheduler.schedule()
    scheduler.update(first, {1: [7]})
    [chunk] = scheduler.schedule()
    assert chunk.draft == (7, 7)

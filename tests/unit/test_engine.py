# SPDX-License-Identifier: Apache-2.0
import threading
from collections.abc import Callable

import pytest

from atre.engine.answer import Answer
from atre.engine.detokenizer import StopStrings
from atre.engine.engine import Engine
from atre.engine.model_runner import Sampled
from atre.engine.pace import FixedPace
from atre.engine.prefix_cache import PrefixCache
from atre.engine.scripted_runner import ScriptedRunner, scripted_token
from atre.engine.sequence import Chunk, Sequence
from atre.engine.snapshots import Snapshots
from atre.errors import DecodeError, QueueFullError
from atre.ipc.messages import Accepted, Delta, EngineEvent, Failed, Finished, Queued, Reading

NUM_TOKENS = 26


class Letters:
    """Each token is a letter; no token ends an answer."""

    num_tokens = NUM_TOKENS

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        del add_special
        return [ord(character) - ord("a") for character in text]

    def piece(self, token: int) -> bytes:
        return bytes([ord("a") + token])

    def is_end(self, token: int) -> bool:
        del token
        return False


class FaultyRunner(ScriptedRunner):
    """Refuses, with ``code``, every batch in which the sequence ``victim`` takes part."""

    def __init__(self, *, num_slots: int, victim: int, code: int) -> None:
        super().__init__(num_slots=num_slots, max_batch_tokens=16, num_tokens=NUM_TOKENS)
        self.victim: int | None = victim
        self._code = code

    def run(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        if any(chunk.sequence.id == self.victim for chunk in batch):
            raise DecodeError("refused on purpose", code=self._code)
        return super().run(batch)


class TickingRunner(ScriptedRunner):
    """Counts its steps, so that a clock can say that each takes a second."""

    num_steps = 0

    def run(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        self.num_steps += 1
        return super().run(batch)


def make(
    *, num_slots: int = 2, num_cells: int = 200, queue_limit: int = 10,
    runner: ScriptedRunner | None = None, kv: PrefixCache | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Engine:  # fmt: skip
    return Engine(
        runner=runner
        or ScriptedRunner(num_slots=num_slots, max_batch_tokens=16, num_tokens=NUM_TOKENS),
        vocabulary=Letters(),
        kv=kv or PrefixCache(num_cells=num_cells, num_slots=num_slots),
        max_running=num_slots,
        max_batch_tokens=16,
        queue_limit=queue_limit,
        pace=FixedPace(16),
        clock=clock,
    )


def ask(
    number: int, *, prompt: int = 3, max_tokens: int = 5, stops: tuple[str, ...] = ()
) -> tuple[Answer, list[EngineEvent]]:
    sequence = Sequence(
        id=number, tokens=[number] * prompt, num_prompt=prompt, max_tokens=max_tokens
    )
    events: list[EngineEvent] = []
    return Answer(sequence, events.append, "m", StopStrings(stops), 0.0), events


def expected_text(number: int, prompt: int, count: int) -> str:
    tokens = [number] * prompt
    for _ in range(count):
        tokens.append(scripted_token(tokens, NUM_TOKENS))
    return "".join(chr(ord("a") + token) for token in tokens[prompt:])


def text(events: list[EngineEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def run_until_idle(engine: Engine) -> None:
    for _ in range(1000):
        engine.step()
        if not engine.num_running and not engine.num_waiting:
            return
    raise AssertionError("the engine does not come to rest")


def test_the_events_of_an_answer_come_in_order_and_add_up() -> None:
    engine = make()
    answer, events = ask(1, prompt=40)
    engine.submit(answer)
    run_until_idle(engine)
    kinds = [type(event) for event in events]
    assert kinds == [Accepted, Reading, Reading, Reading, *[Delta] * 5, Finished]
    readings = [event.processed for event in events if isinstance(event, Reading)]
    assert readings == [16, 32, 40]
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.prompt_tokens, end.completion_tokens) == (40, 5)
    assert text(events) == expected_text(1, 40, 5)


def test_a_stop_string_ends_the_answer_without_being_sent() -> None:
    whole = expected_text(1, 3, 20)
    engine = make()
    answer, events = ask(1, max_tokens=20, stops=(whole[4:7],))
    engine.submit(answer)
    run_until_idle(engine)
    assert text(events) == whole[: whole.index(whole[4:7])]


def test_who_waits_hears_the_position_when_it_changes() -> None:
    engine = make(num_slots=1)
    asked = [ask(number) for number in (1, 2, 3)]
    for answer, _ in asked:
        engine.submit(answer)
    run_until_idle(engine)
    positions = [
        [event.position for event in events if isinstance(event, Queued)] for _, events in asked
    ]
    assert positions == [[], [1], [2, 1]]


@pytest.mark.parametrize("num_steps", [0, 1])
def test_a_full_queue_refuses_with_a_time_to_come_back(num_steps: int) -> None:
    engine = make(num_slots=2, queue_limit=3)
    for number in range(2 + 3):
        engine.submit(ask(number)[0])
    for _ in range(num_steps):
        engine.step()
    refused, events = ask(5)
    with pytest.raises(QueueFullError) as caught:
        engine.submit(refused)
    assert 1 <= caught.value.retry_after_s <= 120
    assert not events


def test_whoever_leaves_a_full_queue_or_ends_makes_room_for_one() -> None:
    engine = make(num_slots=1, queue_limit=1)
    asked = [ask(number)[0] for number in range(4)]
    engine.submit(asked[0])
    engine.submit(asked[1])
    engine.step()
    engine.abort(asked[1])
    engine.step()
    engine.submit(asked[2])
    with pytest.raises(QueueFullError):
        engine.submit(asked[3])
    run_until_idle(engine)
    engine.submit(asked[3])


def test_who_is_refused_comes_back_when_the_next_answer_ends() -> None:
    runner = TickingRunner(num_slots=2, max_batch_tokens=16, num_tokens=NUM_TOKENS)
    engine = make(runner=runner, queue_limit=60, clock=lambda: float(runner.num_steps))
    for number in range(62):
        engine.submit(ask(number, max_tokens=11)[0])
    while engine.num_waiting > 10:
        engine.step()
    for number in range(62, 62 + 50):
        engine.submit(ask(number, max_tokens=11)[0])
    with pytest.raises(QueueFullError) as caught:
        engine.submit(ask(200)[0])
    # Two at a time, ten seconds each: an answer ends every five, and the queue is sixty long.
    assert caught.value.retry_after_s == 5


@pytest.mark.parametrize("when", ["before it joined", "waiting", "reading", "answering"])
def test_an_aborted_answer_frees_everything_and_harms_nobody(when: str) -> None:
    kv_cells = 200
    engine = make(num_slots=1 if when == "waiting" else 2, num_cells=kv_cells)
    first, first_events = ask(1, max_tokens=8)
    leaver, leaver_events = ask(2, prompt=60, max_tokens=100)
    engine.submit(first)
    engine.submit(leaver)
    steps = {"before it joined": 0, "waiting": 1, "reading": 2, "answering": 7}[when]
    for _ in range(steps):
        engine.step()
    engine.abort(leaver)
    run_until_idle(engine)
    assert not any(isinstance(event, Finished | Failed) for event in leaver_events)
    assert text(first_events) == expected_text(1, 3, 8)
    assert engine.num_cells_used == 0


@pytest.mark.parametrize("code", [-1, 2])
def test_a_sequence_that_the_model_refuses_fails_alone(code: int) -> None:
    runner = FaultyRunner(num_slots=3, victim=2, code=code)
    engine = make(num_slots=3, runner=runner)
    asked = [ask(number) for number in (1, 2, 3)]
    for answer, _ in asked:
        engine.submit(answer)
    run_until_idle(engine)
    assert [type(events[-1]) for _, events in asked] == [Finished, Failed, Finished]
    assert text(asked[0][1]) == expected_text(1, 3, 5)
    assert engine.num_cells_used == 0


def test_a_sequence_without_room_waits_and_comes_back_with_the_same_answer() -> None:
    runner = FaultyRunner(num_slots=2, victim=2, code=1)
    engine = make(runner=runner)
    asked = [ask(number) for number in (1, 2)]
    for answer, _ in asked:
        engine.submit(answer)
    engine.step()
    engine.step()
    assert not any(isinstance(event, Delta) for event in asked[1][1])
    runner.victim = None
    run_until_idle(engine)
    assert [text(events) for _, events in asked] == [expected_text(n, 3, 5) for n in (1, 2)]


def test_the_thread_sleeps_when_idle_wakes_for_work_and_stops() -> None:
    engine = make()
    thread = threading.Thread(target=engine.run)
    thread.start()
    done = threading.Event()
    answer, events = ask(1)

    def sink(event: EngineEvent) -> None:
        events.append(event)
        if isinstance(event, Finished):
            done.set()

    answer.sink = sink
    engine.submit(answer)
    assert done.wait(10)
    engine.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert text(events) == expected_text(1, 3, 5)


class CostlyRunner(ScriptedRunner):
    """Says that every batch took the model a second on a clock that it moves by two."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__(num_slots=2, max_batch_tokens=16, num_tokens=NUM_TOKENS)
        self._moments = clock

    def run(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        self._moments[0] += 2.0
        self.model_s += 1.0
        return super().run(batch)


def test_turns_count_what_decoding_costs_outside_the_model() -> None:
    moments = [0.0]
    engine = make(runner=CostlyRunner(moments), clock=lambda: moments[0])
    for number, max_tokens in ((1, 6), (2, 3)):
        engine.submit(ask(number, max_tokens=max_tokens)[0])
    run_until_idle(engine)
    # The first step reads the prompts; of the five after it two are shared.
    alone, together = engine.turns.totals()
    assert (alone.num_streams, alone.count, alone.total_s, alone.outside_s) == (1, 3, 6.0, 3.0)
    assert (together.num_streams, together.count) == (2, 2)
    assert (together.total_s, together.outside_s) == (4.0, 2.0)


def test_an_answer_is_copied_before_whoever_goes_on_with_it_is_admitted() -> None:
    snapshots = Snapshots(max_bytes=1000)
    runner = ScriptedRunner(
        num_slots=4, max_batch_tokens=64, num_tokens=NUM_TOKENS, snapshots=snapshots
    )
    engine = make(runner=runner, kv=PrefixCache(num_cells=200, num_slots=4, snapshots=snapshots))
    engine.submit(ask(2, max_tokens=20)[0])
    answer, events = ask(1, prompt=50, max_tokens=3)
    engine.submit(answer)
    while not isinstance(events[-1], Finished):
        engine.step()
    assert engine.num_running == 1, "the other one runs on"
    again, events = ask(1, prompt=50)
    again.sequence.id = 3
    engine.submit(again)
    run_until_idle(engine)
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.cached_tokens == 49
    assert text(events) == expected_text(1, 50, 5)

# SPDX-License-Identifier: Apache-2.0
"""What the engine tells of its work: every row once, in time, and before the answer's end."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_engine import NUM_TOKENS, ask, make, run_until_idle

from atre.engine.answer import Answer
from atre.engine.detokenizer import StopStrings
from atre.engine.model_runner import Sampled
from atre.engine.scripted_runner import ScriptedRunner
from atre.engine.sequence import Chunk, Sequence
from atre.engine.step_cost import StepCost
from atre.engine.work_log import WorkLog
from atre.ipc.messages import EngineEvent, Finished
from atre.ipc.work_messages import WatchWork, WorkDone


class CountingRunner(ScriptedRunner):
    """Knows how many rows it computed for whom."""

    def __init__(self) -> None:
        super().__init__(num_slots=3, max_batch_tokens=16, num_tokens=NUM_TOKENS)
        self.rows: Counter[int] = Counter()
        self.num_steps = 0

    def run(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        self.num_steps += 1
        for chunk in batch:
            self.rows[chunk.sequence.id] += chunk.num_rows
        return super().run(batch)


def rows_of(records: list[WorkDone]) -> Counter[int]:
    return Counter(
        {
            request: sum(
                rows.prompt + rows.decode
                for record in records
                for rows in record.rows
                if rows.request == request
            )
            for request in {rows.request for record in records for rows in record.rows}
        }
    )


def test_every_computed_row_is_told_once_and_records_follow_one_another() -> None:
    runner = CountingRunner()
    engine = make(num_slots=3, runner=runner, clock=lambda: 0.2 * runner.num_steps)
    records: list[WorkDone] = []
    engine.work.watch(records.append, WatchWork())
    for number, prompt in ((1, 20), (2, 3), (3, 7), (4, 5)):
        engine.submit(ask(number, prompt=prompt, max_tokens=9)[0])

    run_until_idle(engine)

    assert rows_of(records) == runner.rows
    assert sum(rows.prompt for record in records for rows in record.rows) == 20 + 3 + 7 + 5
    assert [record.number for record in records] == list(range(1, len(records) + 1))
    assert all(one.end_s == other.begin_s for one, other in pairwise(records))
    assert all(record.end_s - record.begin_s <= 1.0 for record in records)
    assert sorted(number for record in records for number in record.ended) == [1, 2, 3, 4]
    assert [record.goes_on for record in records] == [True] * (len(records) - 1) + [False]


def test_the_last_record_of_a_request_comes_before_its_end() -> None:
    engine = make()
    told: list[WorkDone | EngineEvent] = []
    engine.work.watch(told.append, WatchWork())
    sequence = Sequence(id=7, tokens=[1, 2, 3], num_prompt=3, max_tokens=4)
    name = engine.work.request_id(7)
    engine.submit(Answer(sequence, told.append, "m", StopStrings(()), 0.0, name))

    run_until_idle(engine)

    end = told[-1]
    assert isinstance(end, Finished)
    assert end.request_id == name
    last = told[-2]
    assert isinstance(last, WorkDone)
    assert last.ended == (7,)
    assert WorkLog().request_id(7) != name, "another start gives other ids"


def test_a_request_that_is_cut_off_ends_too() -> None:
    engine = make()
    records: list[WorkDone] = []
    engine.work.watch(records.append, WatchWork())
    answer, _ = ask(1, max_tokens=50)
    engine.submit(answer)
    engine.step()
    engine.abort(answer)
    engine.step()

    assert records[-1].ended == (1,)
    assert not records[-1].goes_on


def test_a_reader_that_comes_back_gets_what_it_missed_and_no_more() -> None:
    engine = make()
    first: list[WorkDone] = []
    engine.work.watch(first.append, WatchWork())
    engine.submit(ask(1)[0])
    run_until_idle(engine)
    engine.work.unwatch(first.append)
    engine.submit(ask(2)[0])
    run_until_idle(engine)

    again: list[WorkDone] = []
    engine.work.watch(again.append, WatchWork(start=first[-1].start, after=first[-1].number))
    stranger: list[WorkDone] = []
    engine.work.watch(stranger.append, WatchWork(start="another", after=1))

    assert again[0].number == first[-1].number + 1
    assert rows_of(again).keys() == {2}
    assert [*first, *again] == stranger


def test_guesses_that_came_to_nothing_are_counted() -> None:
    log = WorkLog()
    records: list[WorkDone] = []
    log.watch(records.append, WatchWork())
    log.begin(1.0)
    log.record(1.1, [], [(1, 5)], None)
    log.record(1.2, [], [(1, 1)], None)
    log.end(1, goes_on=False)

    assert [rows.decode for record in records for rows in record.rows] == [6]


@given(st.lists(st.tuples(st.floats(0.001, 0.4), st.floats(0, 3), st.booleans()), max_size=40))
def test_records_are_shorter_than_a_second_and_never_overlap(
    steps: list[tuple[float, float, bool]],
) -> None:
    log, now_s, last = WorkLog(), 0.0, False
    records: list[WorkDone] = []
    log.watch(records.append, WatchWork())
    worked_s = 0.0
    for duration_s, pause_s, rests in steps:
        if last:
            now_s += pause_s
        log.begin(now_s)
        now_s, worked_s = now_s + duration_s, worked_s + duration_s
        log.record(now_s, [(1, 2)], [], None)
        if rests:
            log.end(1, goes_on=False)
        last = rests
    log.end(1, goes_on=False)

    assert all(0 <= record.end_s - record.begin_s < 1 for record in records)
    assert all(one.end_s <= other.begin_s for one, other in pairwise(records))
    assert abs(sum(record.end_s - record.begin_s for record in records) - worked_s) < 1e-6
    assert rows_of(records).total() == 2 * len(steps)


def test_what_a_row_of_a_prompt_costs_is_known_once_both_were_measured() -> None:
    cost = StepCost()
    cost.record(512, 1.0)
    assert cost.large_row_cost is None
    cost.record(1, 0.05)
    assert cost.large_row_cost is not None
    assert abs(cost.large_row_cost - (1.0 / 512) / 0.05) < 1e-9
    few = StepCost()
    few.record(1, 0.05)
    few.record(8, 0.06)
    assert few.large_row_cost is None

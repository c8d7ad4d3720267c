# SPDX-License-Identifier: Apache-2.0
import logging
import math
import threading
import time
from collections.abc import Callable

from atre.engine.answer import Answer
from atre.engine.kv_cache import KVCache
from atre.engine.model_runner import ModelRunner, Sampled, Vocabulary
from atre.engine.pace import MAX_DRAFT, LearnedPace, Pace
from atre.engine.rates import Rates
from atre.engine.scheduler import Scheduler
from atre.engine.sequence import Chunk, Sequence, Status
from atre.engine.step_cost import StepCost
from atre.engine.turns import Turns
from atre.engine.work_log import WorkLog
from atre.errors import AtreError, DecodeError, QueueFullError
from atre.ipc.failure import failure

_log = logging.getLogger(__name__)

_MAX_RETRY_AFTER_S = 120  # the openai client gives up on a longer one
_NO_ROOM = 1  # llama_decode: no KV cells for the batch; its state is as before the call


class Engine:
    """Steps the model for everybody at once: schedule, run, update.

    ``submit`` and ``abort`` may be called from any thread; everything else belongs to the one
    thread that calls ``run``.
    """

    def __init__(
        self,
        *,
        runner: ModelRunner,
        vocabulary: Vocabulary,
        kv: KVCache,
        max_running: int,
        max_batch_tokens: int,
        queue_limit: int,
        target_gap_s: float = 0.150,
        max_draft: int = MAX_DRAFT,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = runner
        self._vocabulary = vocabulary
        self._kv = kv
        self._step_cost = StepCost()
        self._scheduler = Scheduler(
            kv,
            max_running=max_running,
            pace=pace
            or LearnedPace(
                self._step_cost,
                max_rows=max_batch_tokens,
                target_gap_s=target_gap_s,
                max_draft=max_draft,
            ),
        )
        self._max_open = max_running + queue_limit
        self._clock = clock
        self._answers: dict[int, Answer] = {}
        self._arrivals: list[Answer] = []
        self._departures: list[Answer] = []
        self._wake = threading.Condition()
        self._stopping = False
        self._mean_service_s = 1.0
        self.rates = Rates()
        self.turns = Turns()
        self.work = WorkLog()
        self.num_requests = 0
        self.num_completion_tokens = 0
        # KV cells of those who are running, as of the last step; what is only remembered does
        # not count.
        self.num_cells_used = 0

    @property
    def num_running(self) -> int:
        return len(self._scheduler.running)

    @property
    def num_waiting(self) -> int:
        return len(self._scheduler.waiting) + len(self._arrivals)

    def submit(self, answer: Answer) -> None:
        """Queue a generation. Raises QueueFullError when too many would wait.

        Those whom a free slot will take in the next step do not count.
        """
        with self._wake:
            if len(self._answers) + len(self._arrivals) >= self._max_open:
                raise QueueFullError(self._retry_after_s())
            answer.accept()
            self._arrivals.append(answer)
            self._wake.notify()

    def abort(self, answer: Answer) -> None:
        """End a generation whose reader left; takes effect before the next step."""
        with self._wake:
            self._departures.append(answer)
            self._wake.notify()

    def run(self) -> None:
        """Step until ``stop``; sleeps while there is nothing to do."""
        while not self._stopping:
            with self._wake:
                self._wake.wait_for(self._has_work)
            self.step()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def step(self) -> None:
        """Let requests join and leave, compute one batch, send what it produced."""
        turn_s, model_s = self._clock(), self._runner.model_s
        self._take_changes()
        # What ended meanwhile must be copied before somebody who starts alike is admitted.
        self._apply_operations()
        batch = self._scheduler.schedule()
        self._apply_operations()
        decode = [(c.sequence.id, c.num_rows) for c in batch if c.sequence.is_decoding]
        read = [(c.sequence.id, c.num_rows) for c in batch if not c.sequence.is_decoding]
        num_read = sum(num_rows for _, num_rows in read)
        if batch:
            self.work.begin(turn_s)
            started_s = self._clock()
            sampled = self._compute(batch)
            now_s = self._clock()
            self._record(batch, sampled, num_read, now_s - started_s)
            self.work.record(now_s, read, decode, self._step_cost.large_row_cost)
            self._deliver(batch, sampled)
        self.num_cells_used = self._kv.num_in_use
        for position, sequence in enumerate(self._scheduler.in_order(), start=1):
            self._answers[sequence.id].report_position(position)
        if batch and num_read == 0:
            total_s = self._clock() - turn_s
            outside_s = total_s - (self._runner.model_s - model_s)
            self.turns.record(len(batch), total_s=total_s, outside_s=outside_s)

    def _has_work(self) -> bool:
        scheduler = self._scheduler
        pending = self._arrivals or self._departures or scheduler.running or scheduler.waiting
        return bool(self._stopping or pending)

    def _take_changes(self) -> None:
        """Let requests join and leave; both lists at once, so that none leaves before it joins."""
        with self._wake:
            arrivals, self._arrivals = self._arrivals, []
            departures, self._departures = self._departures, []
        for answer in arrivals:
            self._answers[answer.sequence.id] = answer
            self._scheduler.add(answer.sequence)
            self.num_requests += 1
        for answer in departures:
            self._end(answer.sequence)

    def _end(self, sequence: Sequence) -> None:
        if self._answers.pop(sequence.id, None):
            self._scheduler.finish(sequence)
            self._runner.forget(sequence)
            self._end_work(sequence)

    def _end_work(self, sequence: Sequence) -> None:
        scheduler = self._scheduler
        self.work.end(sequence.id, goes_on=bool(scheduler.running or scheduler.waiting))

    def _apply_operations(self) -> None:
        while self._kv.operations:
            self._runner.apply(self._kv.operations.popleft())

    def _compute(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        """Run the batch; when the model refuses it, run its chunks one by one.

        So a sequence that the model cannot compute fails alone.
        """
        try:
            sampled = self._runner.run(batch)
        except DecodeError as error:
            _log.warning("a batch of %d sequences was refused: %s", len(batch), error)
            return self._compute_each(batch)
        self._scheduler.update(batch, _tokens(sampled))
        return sampled

    def _compute_each(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        sampled: dict[int, list[Sampled]] = {}
        for chunk in batch:
            if chunk.sequence.status is not Status.RUNNING:
                continue
            try:
                alone = self._runner.run([chunk])
            except DecodeError as error:
                self._refuse(chunk.sequence, error)
            else:
                self._scheduler.update([chunk], _tokens(alone))
                sampled |= alone
        return sampled

    def _refuse(self, sequence: Sequence, error: DecodeError) -> None:
        """Preempt a sequence that found no room among others; fail any other."""
        if error.code == _NO_ROOM and self.num_running > 1:
            # Our account says that there is room, so it has drifted: start the cache afresh.
            self._scheduler.preempt(sequence)
            self._kv.evict_all()
        else:
            self._fail(sequence, error)

    def _fail(self, sequence: Sequence, error: AtreError) -> None:
        answer = self._answers.pop(sequence.id)
        self._scheduler.drop(sequence)
        self._runner.forget(sequence)
        self._end_work(sequence)
        answer.sink(failure(error))

    def _deliver(self, batch: list[Chunk], sampled: dict[int, list[Sampled]]) -> None:
        now_s = self._clock()
        for chunk in batch:
            sequence = chunk.sequence
            answer = self._answers.get(sequence.id)
            if answer is None:
                continue
            if sequence.id not in sampled:
                answer.report_reading(now_s)
                continue
            if answer.first_token_s is None:
                answer.report_reading(now_s)
            self._push(answer, sampled[sequence.id], now_s)

    def _push(self, answer: Answer, sampled: list[Sampled], now_s: float) -> None:
        """Send the tokens, up to the one that ends the answer."""
        for each in sampled:
            self.num_completion_tokens += 1
            reason = answer.push(each, self._vocabulary, now_s)
            if reason:
                self._end(answer.sequence)
                answer.finish(reason, now_s)
                self._mean_service_s += 0.1 * (answer.service_s(now_s) - self._mean_service_s)
                return

    def _record(
        self,
        batch: list[Chunk],
        sampled: dict[int, list[Sampled]],
        num_read: int,
        duration_s: float,
    ) -> None:
        num_rows = sum(chunk.num_rows for chunk in batch)
        self._step_cost.record(num_rows, duration_s)
        self.rates.record(
            now_s=self._clock(),
            duration_s=duration_s,
            num_decode=sum(len(some) for some in sampled.values()),
            num_prefill=num_read,
        )

    def _retry_after_s(self) -> int:
        """Seconds until a place in the queue is likely free, from recent answers.

        Who is refused lacks one place, however long the queue is, and a place is free as soon as
        an answer ends and the next in the queue takes its slot. Of n answers that run side by side
        for s seconds each, one ends every s / n seconds.
        """
        between_ends_s = self._mean_service_s / max(1, self.num_running)
        return max(1, min(_MAX_RETRY_AFTER_S, math.ceil(between_ends_s)))


def _tokens(sampled: dict[int, list[Sampled]]) -> dict[int, list[int]]:
    return {sequence_id: [each.token for each in some] for sequence_id, some in sampled.items()}

# SPDX-License-Identifier: Apache-2.0
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from atre.embedder.encoder import Encoder, Row
from atre.embedder.job import Job
from atre.embedder.normalise import normalise
from atre.embedder.turns import Piece, Turns
from atre.errors import AtreError, DecodeError, EngineError, QueueFullError
from atre.ipc.failure import failure
from atre.ipc.messages import Embedded, Vector

_log = logging.getLogger(__name__)

_MAX_RETRY_AFTER_S = 120  # clients give up above: openai-python does not retry later than that


class Embedder:
    """Computes the inputs of all requests, a step at a time, in the thread that calls ``run``."""

    def __init__(
        self, encoder: Encoder, *, queue_limit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._encoder = encoder
        self._queue_limit = queue_limit
        self._clock = clock
        self._turns = Turns()
        self._open: set[Job] = set()
        self._changed = threading.Condition()
        self._stopping = False
        self._busy_s = 0.0
        self.num_tokens_computed = 0
        self.num_inputs_computed = 0

    @property
    def num_open(self) -> int:
        """Requests that are not answered yet."""
        return len(self._open)

    def submit(self, job: Job) -> None:
        """Queue a job. Raises QueueFullError."""
        with self._changed:
            if len(self._open) >= self._queue_limit:
                raise QueueFullError(self._retry_after_s())
            self._open.add(job)
            self._turns.add(job)
            self._changed.notify()

    def abort(self, job: Job) -> None:
        """Compute no more of this job: nobody waits for it."""
        with self._changed:
            self._open.discard(job)
            self._turns.remove(job)

    def stop(self) -> None:
        """Make ``run`` return after the step it is in; safe in a signal handler's thread."""
        self._stopping = True
        threading.Thread(target=self._wake, name="stop").start()

    def run(self) -> None:
        """Compute until ``stop``."""
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or len(self._turns))
            self.step()

    def step(self) -> None:
        """Compute what one call of the model holds; send each job its part."""
        encoder = self._encoder
        with self._changed:
            pieces = self._turns.take(encoder.max_batch_tokens, encoder.max_batch_inputs)
        if not pieces:
            return
        started_s = self._clock()
        self._compute(pieces)
        self._busy_s += self._clock() - started_s
        self.num_tokens_computed += sum(len(piece.tokens) for piece in pieces)
        self.num_inputs_computed += len(pieces)

    def _compute(self, pieces: Sequence[Piece]) -> None:
        try:
            rows = self._encoder.encode([piece.tokens for piece in pieces])
        except DecodeError as error:
            _log.warning("a step of %d inputs failed: %s", len(pieces), error)
            if len(pieces) == 1:
                self._fail(pieces[0].job, error)
                return
            for piece in pieces:  # one bad input fails its own request only
                if piece.job in self._open:
                    self._compute([piece])
            return
        for piece, row in zip(pieces, rows, strict=True):
            self._send(piece, row)

    def _send(self, piece: Piece, row: Row) -> None:
        job = piece.job
        if job not in self._open:
            return
        try:
            vector = normalise(row, job.dimensions)
        except EngineError as error:
            self._fail(job, error)
            return
        job.send(Vector(index=piece.index, data=vector.astype("<f4").tobytes()))
        job.num_sent += 1
        if job.num_sent == len(job.inputs):
            self.abort(job)
            job.send(Embedded(model=job.model, prompt_tokens=job.num_tokens))

    def _fail(self, job: Job, error: AtreError) -> None:
        if job in self._open:
            self.abort(job)
            job.send(failure(error))

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _retry_after_s(self) -> int:
        """When a place is free, from how fast inputs were computed so far."""
        if not self.num_tokens_computed:
            return 1
        seconds = self._turns.num_tokens * self._busy_s / self.num_tokens_computed
        return min(_MAX_RETRY_AFTER_S, max(1, math.ceil(seconds / max(1, len(self._open)))))

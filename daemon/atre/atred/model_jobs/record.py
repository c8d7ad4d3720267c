# SPDX-License-Identifier: Apache-2.0
"""One job from its start to its end, without any process in it."""

from collections import deque

from atre.atred.model_jobs.event import Ended, Event, Moved, Refused, Sized
from atre.errors import ModelProblem
from atre.ipc.model_messages import JobKind, JobState, ModelJob

# A rate over less jumps with every packet; over more it tells of a line that was long ago.
_RATE_S = 10.0
_LOST = "The job ended before it was done; the box's log says why. Start it again."


class JobRecord:
    """What is known of a job; times are of any clock that never goes back, in seconds."""

    def __init__(self, job_id: str, kind: JobKind, model: str, *, now_s: float) -> None:
        self._id = job_id
        self._kind = kind
        self._model = model
        self._state = JobState.RUNNING
        self._done_bytes = 0
        self._size_bytes = 0
        self._problem = ""
        self._message = ""
        self._seen: deque[tuple[float, int]] = deque([(now_s, 0)])

    @property
    def is_running(self) -> bool:
        return self._state is JobState.RUNNING

    def hear(self, event: Event, now_s: float) -> None:
        """Note what the job's process says; nothing counts once the job has ended."""
        if not self.is_running:
            return
        if isinstance(event, Sized):
            self._model = event.model
            self._size_bytes = event.size_bytes
            self._move(event.done_bytes, now_s)
            self._seen = deque([(now_s, event.done_bytes)])
        elif isinstance(event, Moved):
            self._move(event.done_bytes, now_s)
        elif isinstance(event, Ended):
            self._state = JobState.DONE
            self._done_bytes = self._size_bytes
        elif isinstance(event, Refused):
            self._fail(event.problem, event.message)

    def cancel(self) -> None:
        if self.is_running:
            self._state = JobState.CANCELLED

    def lose(self) -> None:
        """The process ended; if it did not say how, it failed."""
        if self.is_running:
            self._fail(ModelProblem.JOB_LOST, _LOST)

    def report(self, now_s: float) -> ModelJob:
        """What people may see of it now."""
        rate = self._rate_bytes_s(now_s) if self.is_running else 0.0
        left_bytes = max(0, self._size_bytes - self._done_bytes)
        return ModelJob(
            id=self._id,
            kind=self._kind,
            model=self._model,
            state=self._state,
            done_bytes=self._done_bytes,
            size_bytes=self._size_bytes,
            rate_bytes_s=rate,
            left_s=left_bytes / rate if rate > 0 and self._size_bytes else None,
            problem=self._problem,
            message=self._message,
        )

    def _move(self, done_bytes: int, now_s: float) -> None:
        if done_bytes < self._done_bytes:  # a server without ranges starts over
            self._seen.clear()
        self._done_bytes = max(0, done_bytes)
        self._seen.append((now_s, self._done_bytes))
        self._drop_old(now_s)

    def _rate_bytes_s(self, now_s: float) -> float:
        """Bytes a second over the last seconds; a line that stands still brings it down to 0."""
        self._drop_old(now_s)
        if not self._seen:
            return 0.0
        since_s, bytes_then = self._seen[0]
        return (self._done_bytes - bytes_then) / (now_s - since_s) if now_s > since_s else 0.0

    def _drop_old(self, now_s: float) -> None:
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - _RATE_S:
            self._seen.popleft()

    def _fail(self, problem: str, message: str) -> None:
        self._state = JobState.FAILED
        self._problem = problem
        self._message = message

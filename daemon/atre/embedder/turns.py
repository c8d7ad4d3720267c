# SPDX-License-Identifier: Apache-2.0
from collections import deque
from dataclasses import dataclass

from atre.embedder.encoder import Tokens
from atre.embedder.job import Job


@dataclass(slots=True, frozen=True)
class Piece:
    """One input of a job, to be computed in the next step."""

    job: Job
    index: int

    @property
    def tokens(self) -> Tokens:
        return self.job.inputs[self.index]


class Turns:
    """Who is computed next: users in turn, an input each, however many a request brings.

    A user's own requests are served in the order in which they came. The user at the front is
    always served, and those served go to the back, so nobody waits more than a step for each user
    before them.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, deque[Job]] = {}
        self._order: deque[str] = deque()

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self._jobs.values())

    @property
    def num_tokens(self) -> int:
        """Tokens that wait to be taken."""
        return sum(job.num_tokens_waiting for jobs in self._jobs.values() for job in jobs)

    def add(self, job: Job) -> None:
        if job.user not in self._jobs:
            self._jobs[job.user] = deque()
            self._order.append(job.user)
        self._jobs[job.user].append(job)

    def remove(self, job: Job) -> None:
        """Forget a job of which anything still waits; does nothing for any other."""
        if job not in self._jobs.get(job.user, ()):
            return
        self._jobs[job.user].remove(job)
        if not self._jobs[job.user]:
            del self._jobs[job.user]
            self._order.remove(job.user)

    def take(self, max_tokens: int, max_inputs: int) -> list[Piece]:
        """The next step: the front user's next input, and what else fits beside it."""
        pieces: list[Piece] = []
        room = max_tokens
        candidates = deque(self._order)
        while candidates and len(pieces) < max_inputs:
            user = candidates.popleft()
            job = self._jobs[user][0]
            if pieces and len(job.next_input) > room:
                continue
            room -= len(job.next_input)
            pieces.append(Piece(job, job.num_taken))
            job.num_taken += 1
            if job.is_taken:
                self.remove(job)
            if user in self._jobs:
                candidates.append(user)
        self._move_back({piece.job.user for piece in pieces})
        return pieces

    def _move_back(self, served: set[str]) -> None:
        waiting = [user for user in self._order if user not in served]
        self._order = deque(waiting + [user for user in self._order if user in served])

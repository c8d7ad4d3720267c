# SPDX-License-Identifier: Apache-2.0
from collections.abc import Collection

from atre.engine.sequence import Sequence
from atre.ipc.messages import Priority

_RANK = {Priority.CHAT: 0, Priority.API: 1, Priority.BACKGROUND: 2}
# A generated token costs a whole row of a step for one person; prompt tokens share theirs.
_GENERATED_WEIGHT = 2.0


class FairShare:
    """Who is served next: the class first, then whoever was served least.

    Virtual token counter (arXiv 2401.00588): each person is charged for tokens read and generated.
    Who comes back after a pause is lifted to the least served of those who are there, so that
    nobody saves up while away.
    """

    def __init__(self) -> None:
        self._served: dict[str, float] = {}
        self._last_turn: dict[str, int] = {}
        self._turn = 0

    def arrive(self, user: str, present: Collection[str]) -> None:
        """A request of ``user`` arrives while ``present`` have requests running or waiting."""
        if user in present:
            return
        least = min((self._served.get(other, 0.0) for other in present), default=0.0)
        self._served = {other: self._served.get(other, 0.0) for other in present} | {
            user: max(self._served.get(user, 0.0), least)
        }
        self._last_turn = {other: self._last_turn.get(other, 0) for other in present}

    def charge(self, user: str, *, num_read: int = 0, num_generated: int = 0) -> None:
        """Charge tokens that were computed for ``user``."""
        cost = num_read + _GENERATED_WEIGHT * num_generated
        self._served[user] = self._served.get(user, 0.0) + cost
        self._turn += 1
        self._last_turn[user] = self._turn

    def key(self, sequence: Sequence) -> tuple[int, float, int, int]:
        """Sorts sequences: the one to serve first has the smallest key.

        Among equals, whoever was served longest ago: a newcomer, lifted to the least served, does
        not stand behind all that this one has queued.
        """
        user = sequence.user
        served, last_turn = self._served.get(user, 0.0), self._last_turn.get(user, 0)
        return _RANK[sequence.priority], served, last_turn, sequence.id


def preemption_key(sequence: Sequence) -> tuple[int, int]:
    """Sorts sequences: the one to preempt first, newest of the lowest class, has the largest."""
    return _RANK[sequence.priority], sequence.id

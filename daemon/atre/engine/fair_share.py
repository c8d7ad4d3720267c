# SPDX-License-Identifier: Apache-2.0
from atre.engine.sequence import Sequence
from atre.ipc.messages import Priority

_RANK = {Priority.CHAT: 0, Priority.API: 1, Priority.BACKGROUND: 2}
# A generated token costs a whole row of a step for one person; prompt tokens share theirs.
_GENERATED_WEIGHT = 2.0

_Account = tuple[Priority, str]


class FairShare:
    """Who is served next: the class first, then whoever was served least.

    Virtual token counter (arXiv 2401.00588): each person is charged, in each class apart, for what
    must be read when a request is admitted, and for what is generated as it comes. So of several
    prompts one is read to its end before the next, and their first tokens come sooner than if all
    took turns. Who starts to wait is lifted to the level of the class, the highest counter with
    which anybody of it was admitted: nobody saves up while away, or while asking less than his
    share.

    What this promises, where S sequences may run, C is the most that one request can be charged
    (prompt + 2 x answer, in tokens) and U = S C:

    1. While somebody waits for his turn, nobody of his class is charged more than U beyond him:
       nobody goes on being admitted with a higher counter, and all that one person has running
       when he was last admitted costs at most U. So over any time in which two people of a class
       both wait, their charges differ by at most 2 U. (The paper's bound has the tokens of a full
       batch in place of U: it is the same but for how large a batch can grow.)
    2. Who waits in the highest class that waits has a request admitted before everybody together
       was charged (2 n - 1) U, where n people use that class; that takes at most as many steps.
       For what runs when he comes costs U, all of it together. Each of the n - 1 others is admitted
       no lower than the level, which is at most U below him, and gets no more than U beyond him.

    Who waits for a prefix that is just being computed for himself is passed over meanwhile, and
    that time does not count. Nothing is promised to a class while a higher one waits: API calls
    starve while people at the panel ask for more than the box can answer, and background work
    while either does. What a class has running then goes on answering, but reads no prompt before
    theirs and is preempted first. That is what the classes are for: a person who watches the
    screen comes before a program. The queue is bounded, so a program that comes when it is full
    hears 429 and when to come back.
    """

    def __init__(self) -> None:
        self._served: dict[_Account, float] = {}
        self._last_turn: dict[_Account, int] = {}
        self._turn = 0
        self._level = dict.fromkeys(Priority, 0.0)

    def join(self, sequence: Sequence) -> None:
        """The sequence starts to wait, for the first time or again."""
        account, level = _account(sequence), self._level[sequence.priority]
        self._served[account] = max(self._served.get(account, 0.0), level)

    def admit(self, sequence: Sequence) -> None:
        """The sequence starts to run; its person's counter is the level now, if it is higher.

        A lower one, of somebody who was passed over, is lifted: he was let in before others once.
        """
        self.join(sequence)
        self._level[sequence.priority] = self._served[_account(sequence)]

    def forget(self) -> None:
        """Nobody has a request here: forget everybody who would be lifted to the level anyway."""
        self._served = {
            account: served
            for account, served in self._served.items()
            if served > self._level[account[0]]
        }
        self._last_turn = {account: self._last_turn.get(account, 0) for account in self._served}

    def charge(self, sequence: Sequence, *, num_read: int = 0, num_generated: int = 0) -> None:
        """Charge the sequence's person for tokens that were computed for it."""
        account = _account(sequence)
        cost = num_read + _GENERATED_WEIGHT * num_generated
        self._served[account] = self._served.get(account, 0.0) + cost
        self._turn += 1
        self._last_turn[account] = self._turn

    def key(self, sequence: Sequence) -> tuple[int, float, int, int]:
        """Sorts sequences: the one to serve first has the smallest key.

        Among equals, whoever was served longest ago: a newcomer, lifted to the level, does not
        stand behind all that somebody else has queued.
        """
        account = _account(sequence)
        served, last_turn = self._served.get(account, 0.0), self._last_turn.get(account, 0)
        return _RANK[sequence.priority], served, last_turn, sequence.id


def preemption_key(sequence: Sequence) -> tuple[int, int]:
    """Sorts sequences: the one to preempt first, newest of the lowest class, has the largest."""
    return _RANK[sequence.priority], sequence.id


def _account(sequence: Sequence) -> _Account:
    return sequence.priority, sequence.user

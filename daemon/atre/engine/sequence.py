# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass, field
from enum import Enum, auto

from atre.ipc.messages import Priority, Sampling


class Status(Enum):
    """Where a sequence is. A preempted sequence waits again."""

    WAITING = auto()
    RUNNING = auto()
    FINISHED = auto()


@dataclass(slots=True, eq=False, kw_only=True)
class Sequence:
    """One generation: its tokens, and how many of them the model has computed.

    There is no prefill phase and no decode phase: ``num_computed`` catches up with ``tokens``, and
    when it has, the model's next token is appended.
    """

    id: int
    tokens: list[int]
    num_prompt: int
    max_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    user: str = ""
    priority: Priority = Priority.API
    status: Status = Status.WAITING
    num_computed: int = 0
    slot: int | None = None

    @property
    def running_slot(self) -> int:
        """The slot it runs in. Raises RuntimeError for a sequence that was not admitted."""
        if self.slot is None:
            raise RuntimeError(f"Sequence {self.id} has no slot.")
        return self.slot

    @property
    def num_uncomputed(self) -> int:
        return len(self.tokens) - self.num_computed

    @property
    def num_completion(self) -> int:
        return len(self.tokens) - self.num_prompt

    @property
    def is_decoding(self) -> bool:
        """One token from the next one: its row in a batch is worth the most."""
        return self.num_uncomputed == 1 and self.num_computed > 0


@dataclass(slots=True, frozen=True)
class Chunk:
    """The next ``num_tokens`` uncomputed tokens of a sequence, as rows of one batch."""

    sequence: Sequence
    num_tokens: int

    @property
    def is_last(self) -> bool:
        """Whether the model's next token can be sampled after this chunk."""
        return self.num_tokens == self.sequence.num_uncomputed

# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np

from atre.engine.grammar.grammar import Grammar
from atre.engine.prompt_lookup import PromptLookup
from atre.engine.radix_tree import Tokens
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
    when it has, the model's next token is appended. ``num_cached`` of them were in the cache when
    the sequence was first admitted.
    """

    id: int
    tokens: list[int]
    num_prompt: int
    max_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    grammar: Grammar | None = None
    user: str = ""
    priority: Priority = Priority.API
    status: Status = Status.WAITING
    num_computed: int = 0
    num_cached: int | None = None
    slot: int | None = None
    lookup: PromptLookup = field(default_factory=PromptLookup)
    _known: Tokens = field(default_factory=lambda: np.empty(0, np.int32))

    def admit(self, slot: int, num_cached: int) -> None:
        """Start to run in ``slot``, which holds the first ``num_cached`` tokens already."""
        self.slot = slot
        self.status = Status.RUNNING
        self.num_computed = num_cached
        if self.num_cached is None:
            self.num_cached = num_cached

    @property
    def known(self) -> Tokens:
        """``tokens`` as an array, made once for each length that is asked for."""
        if len(self._known) != len(self.tokens):
            self._known = np.asarray(self.tokens, np.int32)
        return self._known

    @property
    def computed(self) -> Tokens:
        """The tokens whose keys and values its slot holds."""
        return self.known[: self.num_computed]

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
    """The next ``num_tokens`` uncomputed tokens of a sequence, as rows of one batch.

    ``draft`` are guesses of what follows them, to be checked in the same step.
    """

    sequence: Sequence
    num_tokens: int
    draft: tuple[int, ...] = ()

    @property
    def num_rows(self) -> int:
        return self.num_tokens + len(self.draft)

    @property
    def is_last(self) -> bool:
        """Whether the model's next token can be sampled after this chunk."""
        return self.num_tokens == self.sequence.num_uncomputed

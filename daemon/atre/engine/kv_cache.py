# SPDX-License-Identifier: Apache-2.0
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from atre.engine.radix_tree import Tokens
from atre.engine.snapshots import Prefix


@dataclass(slots=True, frozen=True)
class Release:
    """The slot holds nothing any more."""

    slot: int


@dataclass(slots=True, frozen=True)
class Share:
    """``target`` holds tokens ``start`` to ``end`` of ``source``, in the same cells."""

    source: int
    target: int
    start: int
    end: int


@dataclass(slots=True, frozen=True)
class Save:
    """Keep a copy of all that the slot holds, which is ``prefix``."""

    slot: int
    prefix: Prefix


@dataclass(slots=True, frozen=True)
class Restore:
    """The slot, which holds nothing, holds what another one held when ``state`` was saved."""

    slot: int
    state: bytearray


@dataclass(slots=True, frozen=True)
class Trim:
    """The slot holds its first ``length`` tokens and no others."""

    slot: int
    length: int


Operation = Release | Share | Save | Restore | Trim


@dataclass(slots=True, frozen=True)
class Admission:
    """The slot that a sequence got, and how many of its tokens are in it already."""

    slot: int
    num_cached: int


class KVCache(Protocol):
    """Accounts for the cells and slots of a model's memory, and for what can be reused in it.

    A slot is llama.cpp's ``seq_id``. Cells for all known tokens of a sequence are taken when it is
    admitted, then one for each token it generates. What the model must do for all this is appended
    to ``operations``, in order. Nothing is reused across domains, so that no answer's timing tells
    one person what another asked.
    """

    num_cells: int
    operations: deque[Operation]

    @property
    def num_in_use(self) -> int:
        """Cells of running sequences: those that eviction cannot free."""

    @property
    def shares_running(self) -> bool:
        """Whether a sequence can reuse what another one is just computing."""

    def last_cut(self, num_tokens: int) -> int:
        """Where reading ``num_tokens`` tokens must pause so that they can be reused; 0: nowhere."""

    def match(self, domain: str, tokens: Tokens) -> int:
        """How many of a prompt's tokens would not have to be computed."""

    def admit(self, domain: str, tokens: Tokens) -> Admission | None:
        """Take a slot with a cell for each of ``tokens``; None if there is no room now."""

    def lacks_cell(self, slot: int, num_tokens: int) -> bool:
        """Whether the slot has fewer than ``num_tokens`` cells."""

    def grow(self, slot: int) -> bool:
        """Take one more cell for the slot; False if there is none to take."""

    def shrink(self, slot: int, num_tokens: int) -> None:
        """Give back the cells beyond ``num_tokens`` that wrong guesses had taken."""

    def record(self, slot: int, tokens: Tokens) -> None:
        """``tokens``, all that the slot holds, are computed now and may be reused."""

    def finish(self, slot: int, tokens: Tokens) -> None:
        """The sequence ended or was preempted; ``tokens`` are what it computed."""

    def drop(self, slot: int) -> None:
        """Forget a running sequence and all that only it holds."""

    def evict_all(self) -> None:
        """Forget everything that nobody is using."""
